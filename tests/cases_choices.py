"""The layers that take their scores from another attention and choose by themselves."""

from layer_checks import LayerCase

from keras_attention.layers import BahdanauAttention, LuongAttention
from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.alignment.hard_attention import HardAttention
from keras_attention.layers.alignment.local_attention import LocalAttention
from keras_attention.layers.alignment.predictive_local_attention import PredictiveLocalAttention
from keras_attention.layers.scores.luong_location_attention import LuongLocationAttention

QUERY_DIM, KEY_DIM, UNITS = 7, 11, 17


def bahdanau(**options):
    return BahdanauAttention(UNITS, **options)


def general(**options):
    return LuongAttention("general", **options)


def location(**options):
    return LuongLocationAttention(157, **options)


def choice_case(layer, inner, settings=None, **rest):
    """A case of a layer around another one, which has the same dtype."""

    def make(**options):
        return layer(inner(dtype=options.get("dtype")), **(settings or {}), **options)

    return LayerCase(make, QUERY_DIM, KEY_DIM, **rest)


def hard_case(inner):
    straight_through = "the gradient is that of softmax, by design; see test_choices.py"
    one_value = "only the selected values get a gradient; see test_choices.py"
    return choice_case(
        HardAttention,
        inner,
        options={"temperature": 0.5, "noise": 0.5, "dropout": 0.25, "seed": 31},
        leaves_out={"finite_differences": straight_through, "gradients": one_value},
    )


CASES = {
    "choice": choice_case(ChoiceAttention, general),
    "hard_bahdanau": hard_case(bahdanau),
    "hard_general": hard_case(general),
    "local": choice_case(LocalAttention, general, {"window": 2}),
    "local_bahdanau": choice_case(LocalAttention, bahdanau, {"window": 3}),
    "local_location": choice_case(
        LocalAttention,
        location,
        {"window": 2},
        leaves_out={"gradients": "the score does not depend on the key; see test_more_scores.py"},
    ),
    "predictive_local": choice_case(
        PredictiveLocalAttention,
        general,
        {"window": 3, "units": 19},
        counts_padding=True,
        long=(17, 19),
    ),
    "predictive_local_bahdanau": choice_case(
        PredictiveLocalAttention, bahdanau, {"window": 3}, counts_padding=True, long=(17, 19)
    ),
}
