"""What no layer computes with: each public layer says what it expected and what it received."""

import importlib
import inspect
from pathlib import Path

import input_cases
import keras
import numpy as np
import pair_cases
import pytest
from comparisons import compiled
from layer_checks import assert_close, to_numpy

from keras_attention import layers, models
from keras_attention.layers.base.call_checks import CheckedCall
from keras_attention.models.recurrent_decoder import RecurrentDecoder
from keras_attention.ops import Masks, fitting

BASES = {layers.Attention, layers.RecursiveAttention, RecurrentDecoder, models.Head}
OTHERS = {  # no attention of their own, or a model's
    "segment_memory": (lambda: layers.SegmentMemory(3), 3),
    "sinusoidal": (layers.SinusoidalPosition, 3),
    "learned": (lambda: layers.LearnedPosition(11), 3),
    "recurrent_encoder": (lambda: models.RecurrentEncoder(5), 3),
    "hierarchical_encoder": (
        lambda: models.HierarchicalEncoder(
            6, models.RecurrentEncoder(5), models.RecurrentEncoder(5), sentence_length=2
        ),
        3,
    ),
    "classification_head": (lambda: models.ClassificationHead(5), 3),
    "tagging_head": (lambda: models.TaggingHead(5), 3),
    "span_head": (models.SpanHead, 3),
    "embedding_head": (lambda: models.EmbeddingHead(5), 3),
    "transformer_encoder": (lambda: models.TransformerEncoder(1, 1, 5), 3),
    "bahdanau_decoder": (lambda: models.BahdanauDecoder(5), 3),
    "input_feeding_decoder": (lambda: models.InputFeedingDecoder(5), 3),
    "parallel_decoder": (lambda: models.ParallelDecoder(5), 3),
    "transformer_decoder": (lambda: models.TransformerDecoder(1, 1, 5), 3),
    "feed_forward": (lambda: models.FeedForward(5), None),
}


def one_of_each_class(cases):
    """The first case of each class of layers."""
    seen, chosen = set(), {}
    for name, case in cases.items():
        kind = type(case.make())
        if kind not in seen:
            chosen[name] = case
        seen.add(kind)
    return chosen


ATTENTIONS = one_of_each_class(
    {
        name: case
        for path in sorted(Path(__file__).parents[1].glob("cases_*.py"))
        for name, case in importlib.import_module(path.stem).CASES.items()
    }
)
INPUTS, PAIRS = one_of_each_class(input_cases.CASES), one_of_each_class(pair_cases.CASES)


def each(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def refuses(call, *arguments, match="", **options):
    """The call ends in an error that says what was expected and what was received."""
    with pytest.raises(ValueError, match=f"(?s)Expected .*{match}.*Received: "):
        call(*arguments, **options)


def additive(mask):
    return np.where(mask, 0.0, -1e9).astype("float32")


def ragged(array):
    tf = pytest.importorskip("tensorflow")
    return tf.RaggedTensor.from_tensor(array, lengths=[array.shape[1]] * (len(array) - 1) + [1])


def test_every_public_layer_checks_its_calls():
    public = {
        kind
        for module in (layers, models)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, keras.layers.Layer) and not issubclass(kind, keras.Model)
    }
    inside_others = {
        kind for kind in public if issubclass(kind, (layers.Position, layers.HeadPart))
    }
    assert all(issubclass(kind, CheckedCall) for kind in public - inside_others)
    cases = [case.make for case in [*ATTENTIONS.values(), *INPUTS.values(), *PAIRS.values()]]
    made = {type(make()) for make in [*cases, *(make for make, _ in OTHERS.values())]}
    assert public - inside_others - made <= BASES


@each(ATTENTIONS)
def test_masks_of_an_attention(case):
    query, value, key = case.arrays()
    lengths = {"query_mask": case.queries, "value_mask": 5, "key_mask": 5}
    layer = case.make()
    for name, length in lengths.items():
        mask = np.arange(length) < np.array([[length], [2]])
        refuses(layer, query, value, key, match=f"`{name}` to be bool", **{name: additive(mask)})
        refuses(layer, query, value, key, match=f"`{name}` of shape", **{name: mask[:, :-1]})
        refuses(layer, query, value, key, match=f"`{name}` of shape", **{name: mask[0]})
    mask = np.tri(case.queries, 5) > 0
    refuses(
        layer, query, value, key, match="an additive|An additive", attention_mask=additive(mask)
    )
    refuses(layer, query, value, key, match="`attention_mask` of", attention_mask=mask[:, :-1])
    symbolic = [keras.KerasTensor(x.shape) for x in (query, value, key)]
    refuses(layer, *symbolic, value_mask=keras.KerasTensor((2, 4), "bool"), match="of shape")
    assert not layer.built  # what was refused left nothing behind
    mask = np.arange(5) < np.array([[5], [2]])
    expected = layer(query, value, key, value_mask=mask)
    for dtype in ("float32", "int32"):
        assert_close(layer(query, value, key, value_mask=mask.astype(dtype)), expected, atol=1e-7)
    assert_close(layer(query, value, key, value_mask=mask.tolist()), expected, atol=1e-7)
    of_one_length = "lists of equal lengths"
    refuses(layer, query, value, key, match=of_one_length, value_mask=[[1, 1, 1, 1, 1], [1]])
    refuses(layer, query.tolist(), value, key, match="`query` to be a tensor")
    # One row of queries for all rows of values, and the other way round.
    options = {"value_mask": mask, "return_attention_scores": True}
    several = layer(np.repeat(query[:1], len(value), axis=0), value, key, **options)
    assert_close(layer(query[:1], value, key, **options), several)
    rows = [np.repeat(x[:1], len(query), axis=0) for x in (value, key, mask)]
    several = layer(query, *rows[:2], value_mask=rows[2])
    assert_close(layer(query, value[:1], key[:1], value_mask=mask[:1]), several)
    spec = layer(
        *(
            keras.KerasTensor((size, *x.shape[1:]))
            for size, x in ((1, query), (None, value), (None, key))
        )
    )
    assert spec.shape[0] is None
    # A decoder that steps comes in here.
    memory = layer.project_memory(*(keras.ops.convert_to_tensor(x) for x in (value, key)))
    masks = Masks(key=additive(mask))
    refuses(
        layer.step,
        keras.ops.convert_to_tensor(query[:, :1]),
        memory,
        masks,
        layer.start(memory),
        match="bool",
    )


@each(ATTENTIONS)
def test_inputs_of_an_attention(case):
    query, value, key = case.arrays()
    layer = case.make()
    refuses(layer, query, value, key[:, :-1], match="`value` and `key`")
    refuses(layer, query[:1].repeat(3, axis=0), value, key, match="`query` and `value`")
    refuses(layer, query[0], value, key, match="`query` of shape")
    refuses(layer, query, value[..., 0], key, match="`value` of shape")
    refuses(layer, query[:, None], value, key, match="`query` and `value`")
    refuses(layer, query[..., None], value[..., None], key[..., None][:, :1], match="axes")
    symbolic = [keras.KerasTensor((None, length, 7)) for length in (3, 5, 4)]
    refuses(layer, *symbolic, match="`value` and `key`")
    assert not layer.built
    assert np.isfinite(to_numpy(layer(query, value, key))).all()
    wider = np.concatenate([query, query], axis=-1)
    if layer._fixed_inputs:
        refuses(layer, wider, value, key, match="`query` with a last axis of")
    elif layer._multiplies_inputs:
        refuses(layer, wider, value, key, match="same last dimension")


def test_widths_that_no_weight_fixes_may_change():
    layer = layers.DotProductAttention()
    for size in (7, 11):
        x = np.ones((2, 3, size), "float32")
        assert tuple(layer(x, x).shape) == x.shape


@each({**INPUTS, **PAIRS})
def test_inputs_and_masks_of_other_layers(case):
    layer = case.make()
    is_pair = hasattr(case, "arrays")
    arrays = case.arrays() if is_pair else [case.array()]
    masks = case.masks() if is_pair else [case.mask()]
    names = ("first_mask", "second_mask") if is_pair else ("mask",)
    for name, mask in zip(names, masks, strict=True):
        refuses(layer, *arrays, match=f"`{name}` to be bool", **{name: additive(mask)})
        refuses(layer, *arrays, match=f"`{name}` of shape", **{name: mask[:, :-1]})
    refuses(layer, arrays[0].ravel(), *arrays[1:], match="of shape")
    assert not layer.built
    expected = layer(*arrays, **dict(zip(names, masks, strict=True)))
    ones = {name: mask.astype("int32") for name, mask in zip(names, masks, strict=True)}
    assert_close(layer(*arrays, **ones), expected, atol=1e-7)
    channel = 1 if getattr(case, "channels_first", False) else -1
    if layer.weights and "spatial" not in layer.name:
        wider = np.concatenate([arrays[0]] * 2, axis=channel)
        refuses(layer, wider, *arrays[1:])
    if is_pair:
        refuses(layer, arrays[0][:1].repeat(2, axis=0), arrays[1], match="same")


@pytest.mark.parametrize("name", OTHERS)
def test_inputs_of_models_and_positions(name):
    make, rank = OTHERS[name]
    layer, x = make(), np.random.default_rng(3).normal(size=(2, 5, 8)).astype("float32")
    mask = np.arange(5) < np.array([[5], [2]])
    rest, options = (), {}
    if name == "segment_memory":
        rest, options = (layer.start(x),), {"segment_mask": mask}
    elif name.endswith("decoder"):
        rest, options = (x,), {"values_mask": mask}
    elif name.endswith("encoder"):
        options = {"mask": mask}
    refuses(layer, x[0] if rank else x[0, 0], *rest, match="of shape")
    for key, given in options.items():
        refuses(layer, x, *rest, match=f"`{key}` to be bool", **{key: additive(given)})
        refuses(layer, x, *rest, match=f"`{key}` of shape", **{key: given[:, 1:]})
    assert not layer.built
    layer(x, *rest, **options)
    if layer.weights:
        refuses(layer, x[..., 1:], *rest, match="last axis of")


@each({**ATTENTIONS, **INPUTS, **PAIRS})
def test_ragged_tensors(case):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("ragged tensors are TensorFlow's")
    arrays = case.arrays() if hasattr(case, "arrays") else [case.array()]
    layer = case.make()
    refuses(layer, ragged(arrays[0]), *arrays[1:], match="dense tensor")
    assert not layer.built


def test_the_numbers_of_a_mask_are_read_once(monkeypatch):
    """On a GPU each time is a wait for all that was computed before."""
    reads, known = [], fitting.known
    monkeypatch.setattr(fitting, "known", lambda x: reads.append(1) or known(x))
    x = np.ones((2, 5, 7), "float32")
    mask = np.ones((2, 5), "int32")
    block = layers.ResidualAttention(layers.MultiHeadAttention(2, 3))
    for layer, name in ((layers.MultiHeadAttention(2, 3), "query_mask"), (block, "mask")):
        layer(x, *[x] * (layer is not block), **{name: mask})
        assert len(reads) == 1
        layer(x, *[x] * (layer is not block), **{name: mask.astype(bool)})
        assert len(reads) == 1
        reads.clear()


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_masks_whose_numbers_are_not_known(dtype):
    x = np.random.default_rng(5).normal(size=(2, 3, 7)).astype("float32")
    layer = layers.MultiHeadAttention(2, 3, use_bias=False)
    seen = np.tri(3) > 0
    expected = layer(x, x, attention_mask=seen)

    def call(mask):
        return layer(x, x, attention_mask=mask)

    assert_close(compiled(call)(seen.astype(dtype)), expected)
    if keras.backend.backend() != "torch":  # Torch does not trace: an error, as above
        # An additive mask lets nothing be attended to, and is never read as its opposite.
        blocked = compiled(call)(np.full((3, 3), 0 if dtype == "int32" else -1e9, dtype))
        assert_close(blocked, np.zeros_like(x))
        partly = compiled(call)(additive(seen).astype(dtype))
        assert_close(partly, np.zeros_like(x))
    query, mask = keras.Input((3, 7)), keras.Input((3, 3), dtype=dtype)
    model = keras.Model([query, mask], layer(query, query, attention_mask=mask))
    assert_close(model([x, np.stack([seen, seen]).astype(dtype)]), expected)
