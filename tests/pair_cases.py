"""The layers with two inputs, for the checklist of `tests/pair_checks.py`."""

from pair_checks import PairCase

from keras_attention.layers import CoAttention, CrossModalAttention, GatedFusion

CASES = {
    "co_attention": PairCase(
        lambda **options: CoAttention(17, **options),
        {"normalizer": "sparsemax", "dropout": 0.25, "seed": 31},
        training={"dropout": 0.1},
        keeps_positions=False,
    ),
    "cross_modal": PairCase(
        lambda **options: CrossModalAttention(2, 17, **options),
        {"normalizer": "sparsemax", "dropout": 0.25, "seed": 31, "value_dim": 19},
        training={"dropout": 0.1},
    ),
    "gated_fusion": PairCase(lambda **options: GatedFusion(17, **options), {}, aligned=True),
}
