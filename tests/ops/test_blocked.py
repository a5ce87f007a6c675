import itertools

import keras
import numpy as np
import pytest
from blocked_reference import (
    BATCH,
    DIM,
    HEADS,
    KEY,
    QUERY,
    SHAPE,
    arrays,
    random_mask,
    reference,
    reference_gradients,
    total_and_values,
    upstream,
    values_and_gradients,
)
from keras import ops
from layer_checks import assert_close, to_numpy

from keras_attention.ops.dense import block_scores, row_blocks
from keras_attention.ops.dense.blocked import blocked_attention, worth_blocking

SHAPES = list(itertools.product(*((1, size) for size in SHAPE)))  # all that broadcast to the scores
TENSORFLOW = keras.backend.backend() == "tensorflow"


def cut(monkeypatch, size):
    """Lets a block hold so many scores."""
    monkeypatch.setattr(row_blocks, "BLOCK_BYTES", 4 * size)
    monkeypatch.setattr(row_blocks, "LEAST_ROWS", 1)
    monkeypatch.setattr(row_blocks, "CAUSAL_STRETCHES", 2)


@pytest.fixture
def cutting(monkeypatch):
    """Three rows of one head at a time, which do not divide the rows."""
    cut(monkeypatch, 3 * KEY)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("with_attention_mask", [False, True])
@pytest.mark.parametrize("with_key_mask", [False, True])
def test_all_options_together(cutting, with_key_mask, with_attention_mask, with_bias, causal):
    query, key, value, bias = arrays()
    inputs = [query, key, value, bias] if with_bias else [query, key, value]
    options = {
        "key_mask": random_mask((BATCH, KEY)) if with_key_mask else None,
        "attention_mask": random_mask(SHAPE) if with_attention_mask else None,
        "causal": causal,
        "scale": DIM**-0.5,
    }
    values, slopes = values_and_gradients(inputs, **options)
    assert_close(values, reference(*inputs, **options))
    assert_close(slopes, reference_gradients(*inputs, **options))


@pytest.mark.parametrize("wrong", [KEY - 1, KEY + 1])
def test_masks_and_biases_of_another_length(wrong):
    query, key, value, _ = arrays()
    for name, given in (
        ("key_mask", random_mask((BATCH, wrong))),
        ("attention_mask", random_mask((BATCH, 1, QUERY, wrong))),
        ("bias", np.zeros((1, 1, 1, wrong), "float32")),
    ):
        with pytest.raises(ValueError, match=rf"Received: {name}.shape=\(.*{wrong}\)"):
            blocked_attention(query, key, value, **{name: given})


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bias_and_mask_of_every_shape(monkeypatch, shape):
    cut(monkeypatch, 3 * HEADS * KEY)  # all heads at a time
    inputs = arrays(bias_shape=shape)
    mask = random_mask(shape)
    values, slopes = values_and_gradients(inputs, attention_mask=mask)
    assert_close(values, reference(*inputs, attention_mask=mask))
    assert_close(slopes, reference_gradients(*inputs, attention_mask=mask))


@pytest.mark.skipif(not TENSORFLOW, reason="JAX has no float64 unless the whole process asks")
def test_finite_differences(cutting):
    inputs = [array.astype("float64") for array in arrays()]
    mask = random_mask((BATCH, KEY))
    mask[:, 0] = True  # no row is without a key
    options = {"key_mask": mask, "causal": True}
    generator = np.random.default_rng(97)
    directions = [generator.normal(size=array.shape) for array in inputs]
    _, slopes = values_and_gradients(inputs, **options)
    step = 1e-6
    totals = [
        total_and_values(
            [array + moved * way for array, way in zip(inputs, directions, strict=True)], **options
        )[0]
        for moved in (step, -step)
    ]
    slope = sum((to_numpy(one) * way).sum() for one, way in zip(slopes, directions, strict=True))
    np.testing.assert_allclose(slope, to_numpy(totals[0] - totals[1]) / (2 * step), rtol=1e-6)


def test_rows_that_may_attend_to_nothing(cutting):
    inputs = arrays()
    mask = random_mask(SHAPE)
    mask[:, :, 4] = False
    mask[1, 2] = False
    (context, logsumexp), slopes = to_numpy(values_and_gradients(inputs, attention_mask=mask))
    nothing = ~mask.any(axis=-1)
    assert (context[nothing] == 0).all()
    assert (logsumexp[nothing] == np.finfo("float32").min).all()
    assert np.isfinite(logsumexp).all()
    of_query, of_key, of_value, of_bias = slopes
    assert (of_query[nothing] == 0).all()
    assert (of_bias[:, :, 4] == 0).all()
    for slope in (of_key, of_value):
        assert np.isfinite(slope).all()
        assert (slope[1, 2] == 0).all()
        assert (slope[0] != 0).all()


def test_minus_infinity_in_the_bias_is_a_mask(cutting):
    query, key, value, _ = arrays()
    mask = random_mask(SHAPE)
    mask[..., 0] = True
    bias = np.where(mask, 0.0, -np.inf).astype("float32")
    values, slopes = values_and_gradients([query, key, value, bias])
    masked, masked_slopes = values_and_gradients([query, key, value], attention_mask=mask)
    assert_close(values, masked)
    assert_close(slopes[:3], masked_slopes)


@pytest.mark.parametrize("dtype, atol", [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_half_precision(cutting, dtype, atol):
    query, key, value, bias = arrays()
    # 60 is harmless in float16, and the products of 60 times 60 summed are not.
    query, key = np.round(60 * query), np.round(60 * key)
    inputs = [ops.cast(array, dtype) for array in (query, key, value, bias)]
    context, logsumexp = blocked_attention(*inputs[:3], bias=inputs[3])
    assert keras.backend.standardize_dtype(context.dtype) == dtype
    assert keras.backend.standardize_dtype(logsumexp.dtype) == "float32"
    exact = [to_numpy(ops.cast(array, "float32")) for array in inputs]
    expected = reference(*exact)
    assert_close(ops.cast(context, "float32"), expected[0], atol=atol)
    assert_close(logsumexp, expected[1], atol=1e-5)


def test_lengths_above_the_threshold():
    generator = np.random.default_rng(101)
    query, key, value = (
        generator.normal(size=(1, 2, length, 3)).astype("float32") for length in (523, 541, 541)
    )
    for causal in (False, True):
        values, slopes = values_and_gradients([query, key, value], causal=causal)
        assert_close(values, reference(query, key, value, causal=causal))
        expected = reference_gradients(query, key, value, causal=causal)
        assert_close(slopes, expected, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_dropout(cutting, causal):
    query, key, _, bias = arrays()
    value = np.broadcast_to(np.eye(KEY, dtype="float32"), (BATCH, HEADS, KEY, KEY))
    inputs = [query, key, value, bias]
    dropped, logsumexp = to_numpy(
        blocked_attention(query, key, value, bias=bias, causal=causal, **dropping(0.4))
    )
    weights, expected_logsumexp = reference(*inputs, causal=causal)
    assert_close(logsumexp, expected_logsumexp)
    kept = dropped != 0
    assert_close(dropped, weights * kept / 0.6)
    share = kept[weights > 0].mean()
    assert 0.5 < share < 0.7
    # The same weights are dropped backwards, and no two blocks drop alike.
    inputs[2] = arrays()[2]
    values, slopes = values_and_gradients(inputs, causal=causal, **dropping(0.4))
    assert_close(values, reference(*inputs, causal=causal, kept=kept / 0.6))
    assert_close(slopes, reference_gradients(*inputs, causal=causal, kept=kept / 0.6))


def dropping(rate):
    return {"dropout": rate, "seed": keras.random.SeedGenerator(107)}


def test_each_block_and_each_call_drops_others(monkeypatch):
    cut(monkeypatch, 1)
    keys = 53  # two rows drop the same ones of so many keys with a probability of 2 to the -53
    query, key = (np.ones((BATCH, HEADS, length, DIM), "float32") for length in (QUERY, keys))
    value = np.broadcast_to(np.eye(keys, dtype="float32"), (BATCH, HEADS, keys, keys))
    options = dropping(0.5)
    calls = [to_numpy(blocked_attention(query, key, value, **options)[0]) for _ in range(3)]
    rows = np.concatenate(calls).reshape(-1, keys) != 0
    assert len({row.tobytes() for row in rows}) == 3 * BATCH * HEADS * QUERY


def test_the_seed_is_asked_once():
    query, key, value, _ = arrays()
    options = dropping(0.4)
    before = to_numpy(options["seed"].state.value)
    values_and_gradients([query, key, value], **options)  # forwards and backwards
    assert (to_numpy(options["seed"].state.value) == before + [0, 1]).all()


def test_masks_made_of_what_is_differentiated(cutting):
    query, key, value, _ = arrays()
    key[:, :, -2:] = 0.0

    def mask_of(key):
        return ops.any(key[:, 0] != 0.0, axis=-1)  # (batch, key)

    _, slopes = values_and_gradients([query, key, value], key_mask=mask_of)
    of_query, of_key, _ = to_numpy(slopes)
    assert (of_query != 0).all()
    assert (of_key[:, :, -2:] == 0).all()


def test_rematerialised(cutting):
    inputs, mask = arrays()[:3], random_mask((BATCH, KEY))
    values, slopes = values_and_gradients(inputs, key_mask=mask, wrap=keras.remat)
    assert_close(values, reference(*inputs, key_mask=mask))
    assert_close(slopes, reference_gradients(*inputs, key_mask=mask))


def test_the_whole_matrix_is_never_there(cutting, monkeypatch):
    sizes, score = set(), block_scores.BlockScores.__call__

    def recorded(self, *args):
        scores = score(self, *args)
        sizes.add(tuple(scores.shape))
        return scores

    monkeypatch.setattr(block_scores.BlockScores, "__call__", recorded)
    values_and_gradients(arrays())
    assert sizes == {(1, 1, 3, KEY), (1, 1, 2, KEY)}  # 11 rows in threes, and 2 left over


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("queries, keys", [(1, 1), (2, 5), (61, 67), (67, 61), (127, 31)])
def test_blocks_cover_all_rows_once(monkeypatch, queries, keys, causal):
    monkeypatch.setattr(row_blocks, "LEAST_ROWS", 5)
    monkeypatch.setattr(row_blocks, "BLOCK_BYTES", 4 * 400)
    rows = np.zeros((6, queries), int)
    for blocks in row_blocks.cut_rows(6, queries, keys, causal):
        assert blocks.rows * blocks.heads * blocks.keys <= 400 or blocks.rows <= 5
        for index in range(blocks.count(1)):
            sentence, head, row = blocks.place(index)
            assert sentence == 0
            rows[head : head + blocks.heads, row : row + blocks.rows] += 1
            assert blocks.keys >= min(keys, row + blocks.rows if causal else keys)
    assert (rows == 1).all()


def test_causal_blocks_skip_three_eighths_of_the_work():
    for causal, work in ((False, 1.0), (True, 0.625)):
        cuts = row_blocks.cut_rows(3, 2048, 2048, causal)
        scores = sum(cut.count(1) * cut.heads * cut.rows * cut.keys for cut in cuts)
        assert scores == work * 3 * 2048 * 2048


def test_worth_blocking_from_some_length_on():
    assert worth_blocking((None, 8, 512, 64), (None, 8, 512, 64))
    assert not worth_blocking((2, 8, 256, 64), (2, 8, 256, 64))
    assert not worth_blocking((2, 8, 1, 64), (2, 8, 4096, 64))
    assert not worth_blocking((2, 8, None, 64), (2, 8, 4096, 64))
    assert not worth_blocking((2, 8, 4096, 64), (2, 8, None, 64))


@pytest.mark.default_cases(1)
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="compiled backends only")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled(cutting, jit_compile):
    inputs = arrays()
    masks = [random_mask((BATCH, KEY)), random_mask((BATCH, 1, QUERY, KEY))]

    def run(inputs, masks):
        return values_and_gradients(inputs, key_mask=masks[0], attention_mask=masks[1], causal=True)

    compiled = compile_function(run, jit_compile)(inputs, masks)
    assert_close(compiled, run(inputs, masks))


def compile_function(function, jit_compile):
    if TENSORFLOW:
        import tensorflow as tf

        return tf.function(function, jit_compile=jit_compile)
    import jax

    return jax.jit(function) if jit_compile else function


@pytest.mark.default_cases(1)
@pytest.mark.skipif(not TENSORFLOW, reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("length", ["known", "unknown"])
def test_sizes_known_only_in_the_run(monkeypatch, jit_compile, length):
    import tensorflow as tf

    cut(monkeypatch, 3 * KEY)
    inputs, masks = arrays(bias_shape=(1, HEADS, 1, KEY)), [random_mask((BATCH, KEY))]
    rank_only = [[None, None, *array.shape[2:]] for array in inputs]
    shapes = [[None, HEADS, *array.shape[2:]] for array in inputs]
    if length == "unknown":
        shapes = [[None, HEADS, None, array.shape[-1]] for array in inputs]
        shapes[3] = rank_only[3][:2] + [None, None]
    specifications = [tf.TensorSpec(shape, "float32") for shape in shapes]

    directions = upstream(inputs[0].shape, inputs[2].shape)

    def run(inputs, masks):
        return values_and_gradients(inputs, key_mask=masks[0], causal=True, directions=directions)

    run = tf.function(
        run,
        input_signature=[specifications, [tf.TensorSpec([None, None], "bool")]],
        jit_compile=jit_compile,
    )
    values, slopes = run(inputs, masks)
    options = {"key_mask": masks[0], "causal": True}
    assert_close(values, reference(*inputs, **options))
    assert_close(slopes, reference_gradients(*inputs, **options))
