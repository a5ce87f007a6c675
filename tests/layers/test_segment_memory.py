"""Transformer-XL's memory: a text read segment by segment, and the same text at once."""

import keras
import numpy as np
import pytest
from cases_positions import KINDS, built, random
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.layers import positions
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.layers.multi_head.segment_memory import SegmentMemory
from keras_attention.ops import Masks, count_from, past_mask

BATCH, DIM, HEADS, KEY_DIM, SEGMENT, LENGTH = 2, 11, 3, 10, 3, 4


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param


def by_segments(attention, segments, x, mask=None, reach=None):
    """A text read segment by segment with a memory of the former ones."""
    states = segments.start(ops.convert_to_tensor(x))
    contexts = []
    for first in range(0, x.shape[1], SEGMENT):
        here = ops.convert_to_tensor(x[:, first : first + SEGMENT])
        real = None if mask is None else mask[:, first : first + SEGMENT]
        keys, key_mask, states = segments(here, states, segment_mask=real)
        queries = count_from(segments.length, here.shape[1])
        allowed = past_mask(queries, count_from(0, keys.shape[1]), reach)
        masks = Masks(query=real, key=key_mask, attention=allowed)
        memory = attention.project_memory(keys)
        context, _ = attention.attend(here, memory, masks, query_positions=queries)
        contexts.append(context)
    return ops.concatenate(contexts, axis=1)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reach", [LENGTH, 2])
def test_segments_with_memory_are_a_window_of_the_whole(kind, reach, masked):
    attention = built(kind())
    x = random(BATCH, 4 * SEGMENT - 1, DIM, seed=3)
    mask = np.arange(x.shape[1]) < np.array([[x.shape[1]], [7]]) if masked else None
    found = by_segments(attention, SegmentMemory(LENGTH), x, mask, reach)
    counted = count_from(0, x.shape[1])
    window = past_mask(counted, counted, reach)
    masks = Masks(query=mask, key=mask, attention=window)
    expected, _ = attention.attend(ops.convert_to_tensor(x), attention.project_memory(x), masks)
    assert_close(found, expected)


def test_a_memory_as_long_as_all_before_is_causal_attention():
    attention = built(positions.TransformerXLPosition())
    x = random(BATCH, 2 * SEGMENT, DIM, seed=3)
    found = by_segments(attention, SegmentMemory(SEGMENT), x)
    assert_close(found, attention(x, x, use_causal_mask=True))


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("reach", [None, 2])
def test_segments_by_the_call_of_the_layer(kind, reach):
    """Positions and causal masks go by `query_positions`; `by_segments` builds masks itself."""
    attention, segments = built(kind()), SegmentMemory(LENGTH)
    x = ops.convert_to_tensor(random(BATCH, 4 * SEGMENT, DIM, seed=3))
    states, contexts = segments.start(x), []
    for first in range(0, x.shape[1], SEGMENT):
        here = x[:, first : first + SEGMENT]
        keys, key_mask, states = segments(here, states)
        queries = count_from(segments.length, SEGMENT)
        near = None
        if reach is not None:
            near = past_mask(queries, count_from(0, keys.shape[1]), reach)
        context = attention(
            here,
            keys,
            value_mask=key_mask,
            attention_mask=near,
            use_causal_mask=True,
            query_positions=queries,
        )
        contexts.append(context)
    assert_close(
        ops.concatenate(contexts, axis=1), by_segments(attention, segments, x, None, reach)
    )


def test_memory_is_the_last_states():
    segments = SegmentMemory(LENGTH)
    x = random(BATCH, 7, DIM, seed=3)
    memory = segments.start(x)
    assert not to_numpy(memory["mask"]).any()
    _, _, memory = segments(x[:, :3], memory)
    np.testing.assert_array_equal(to_numpy(memory["states"])[:, 1:], x[:, :3])
    assert to_numpy(memory["mask"]).tolist() == [[False, True, True, True]] * BATCH
    keys, mask, memory = segments(x[:, 3:], memory)
    np.testing.assert_array_equal(to_numpy(keys)[:, 1:], x)
    assert to_numpy(mask).tolist() == [[False] + [True] * 7] * BATCH
    np.testing.assert_array_equal(to_numpy(memory["states"]), x[:, -LENGTH:])
    assert to_numpy(memory["mask"]).all()


def test_memory_reads_the_mask_of_keras():
    segments = SegmentMemory(LENGTH)
    x = random(BATCH, 3, DIM, seed=3)
    x[1, 2] = 0.0
    keys, mask, memory = segments(keras.layers.Masking()(x), segments.start(x))
    assert to_numpy(mask)[:, LENGTH:].tolist() == [[True] * 3, [True, True, False]]
    assert to_numpy(memory["mask"]).tolist() == [[False] + [True] * 3, [False, True, True, False]]
    assert getattr(keys, "_keras_mask", None) is None


def test_no_gradient_flows_into_former_segments():
    attention, segments = built(positions.TransformerXLPosition()), SegmentMemory(LENGTH)

    def loss(first, second):
        _, _, memory = segments(first, segments.start(first))
        keys, key_mask, _ = segments(second, memory)
        context, _ = attention.attend(
            second,
            attention.project_memory(keys),
            Masks(key=key_mask),
            query_positions=count_from(LENGTH, SEGMENT),
        )
        return ops.sum(ops.square(context))

    first, second = random(BATCH, SEGMENT, DIM, seed=3), random(BATCH, SEGMENT, DIM, seed=5)
    into_former, into_present = gradients(loss, first, second)
    assert (into_former == 0).all()
    assert (into_present != 0).all()


def test_memory_in_a_model_of_free_length(tmp_path):
    x = keras.Input((None, DIM))
    states, mask = keras.Input((LENGTH, DIM)), keras.Input((LENGTH,), dtype="bool")
    keys, key_mask, memory = SegmentMemory(LENGTH)(x, {"states": states, "mask": mask})
    context = MultiHeadAttention(HEADS, KEY_DIM)(x, keys, value_mask=key_mask)
    model = keras.Model([x, states, mask], [context, memory["states"], memory["mask"]])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    empty = [np.zeros((BATCH, LENGTH, DIM), "float32"), np.zeros((BATCH, LENGTH), bool)]
    first, second = ([random(BATCH, length, DIM, seed=3)] for length in (3, 7))
    filled = [to_numpy(output) for output in model(first + empty)[1:]]
    for inputs in (first + empty, second + filled):
        assert_close(again(inputs), model(inputs), atol=1e-6)
    if keras.backend.backend() != "tensorflow":
        return
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False, opset_version=18)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [node.name for node in session.get_inputs()]
    for inputs in (first + empty, second + filled):
        found = session.run(None, dict(zip(names, inputs, strict=True)))
        for one, other in zip(found, model(inputs), strict=True):
            np.testing.assert_allclose(one, to_numpy(other), atol=1e-5)


def test_memory_in_half_precision():
    segments = SegmentMemory(LENGTH, dtype="mixed_float16")
    x = random(BATCH, 3, DIM, seed=3)
    keys, _, memory = segments(x, segments.start(x))
    for tensor in (keys, memory["states"]):
        assert keras.backend.standardize_dtype(tensor.dtype) == "float16"
