import functools

import numpy as np
import pattern_reference as reference
import pytest
from keras import backend, ops
from layer_checks import assert_close, to_numpy
from pattern_reference import SCALE

from keras_attention.ops import Masks, normalizers
from keras_attention.ops.sparse import pattern_call
from keras_attention.ops.sparse.window import window_attention, window_mask, window_reach

WINDOWS = [(4, 0), ((3, 0), 0), ((2, 5), 0), (1, 0), (5, 2), ((3, 1), 5)]
ON_TENSORFLOW = backend.backend() == "tensorflow"


def allowed(size, global_tokens):
    """Beltagy et al., section 3.1, for two positions."""
    before, after = (size // 2, size // 2) if isinstance(size, int) else size
    return lambda i, j: -before <= j - i <= after or i < global_tokens or j < global_tokens


def attend(size, global_tokens=0):
    return functools.partial(window_attention, window=size, global_tokens=global_tokens)


@pytest.fixture(params=["at once", "in stretches"])
def small_blocks(request, monkeypatch):
    """Blocks as small as the window, so that short sequences have many; in chunks or at once."""
    in_chunks = request.param == "in stretches"
    taken = reference.take_small_blocks(monkeypatch, 500 if in_chunks else 2**20)
    yield
    lengths = request.node.callspec.params.get("lengths", (23, 23))
    assert any(taken) == in_chunks or lengths != (23, 23)  # shorter ones may be dense


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("lengths", "masks"), reference.LENGTHS_AND_MASKS, ids=str)
@pytest.mark.parametrize("arguments", WINDOWS, ids=str)
def test_context(small_blocks, arguments, lengths, masks):
    reference.check_context(attend(*arguments), allowed(*arguments), lengths, masks)


@pytest.mark.parametrize("masks", reference.MASKS)
def test_blocks_of_their_real_size(masks):
    reference.check_context(attend(6, 3), allowed(6, 3), (83, 83), masks)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("arguments", WINDOWS, ids=str)
def test_gradients(small_blocks, arguments):
    reference.check_gradients(attend(*arguments), allowed(*arguments))


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "name", ["softmax", "sparsemax", "entmax15", "hardmax", "sigmoid"], ids=str
)
def test_every_normalizer(small_blocks, name):
    reference.check_normalizer(attend(4, 2), allowed(4, 2), normalizers.get(name))


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("lengths", [(23, 23), (19, 29)], ids=str)
@pytest.mark.parametrize("arguments", [(4, 0), ((3, 1), 5)], ids=str)
def test_bias(small_blocks, arguments, lengths):
    reference.check_bias(attend(*arguments), allowed(*arguments), lengths)


@pytest.mark.default_cases(1)
@pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("arguments", [(4, 0), ((3, 0), 2)], ids=str)
def test_lengths_known_only_in_the_run(arguments, jit_compile, monkeypatch):
    reference.take_small_blocks(monkeypatch)
    reference.check_unknown_lengths(attend(*arguments), allowed(*arguments), jit_compile)


def test_scores_grow_with_the_length_and_no_faster():
    sizes, total = reference.most_scores(attend(32), 512)
    assert sizes == [(512, 48)]
    assert reference.most_scores(attend(32), 1024)[1] == 2 * total


def test_global_tokens_add_rows_and_columns():
    sizes, _ = reference.most_scores(attend(32, 5), 512)
    assert sorted(sizes) == [(5, 512), (512, 48 + 5)]


def test_a_causal_window_looks_at_no_block_behind():
    causal = functools.partial(window_attention, window=32, masks=Masks(causal=True))
    assert reference.most_scores(causal, 512)[0] == [(512, 32)]


def test_no_stretch_is_larger_than_the_cache(monkeypatch):
    monkeypatch.setattr(
        pattern_call, "STRETCH_BYTES", 4 * reference.BATCH * reference.HEADS * 48 * 70
    )
    sizes, _ = reference.most_scores(attend(32), 512)
    assert set(sizes) == {(64, 48)}  # 4 blocks of 16


def test_at_once_is_one_stretch(monkeypatch):
    monkeypatch.setattr(pattern_call, "STRETCH_BYTES", 1)
    at_once = functools.partial(window_attention, window=32, at_once=True)
    assert reference.most_scores(at_once, 512)[0] == [(512, 48)]


def test_a_window_over_everything_is_dense():
    sizes, _ = reference.most_scores(attend(32), 47)
    assert sizes == [(47, 47)]


def test_attention_mask():
    inputs = reference.random_inputs(23, 23)
    mask = np.random.default_rng(229).random((reference.BATCH, 23, 23)) < 0.5
    by_head = np.random.default_rng(233).random((reference.BATCH, reference.HEADS, 23, 23)) < 0.5
    pattern = reference.dense_mask(allowed(4, 2), 23, 23, Masks())
    for given, four in ((mask, mask[:, None]), (mask[0], mask[:1, None]), (by_head, by_head)):
        expected, _ = reference.attention(*inputs, pattern & four)
        assert_close(attend(4, 2)(*inputs, masks=Masks(attention=given), scale=SCALE), expected)


def test_shared_key_heads(small_blocks):
    query, key, value = reference.random_inputs(23, 23)
    shared = attend(4)(query, key[:, :1], value[:, :1], scale=SCALE)
    repeated = [np.repeat(x[:, :1], reference.HEADS, axis=1) for x in (key, value)]
    assert_close(shared, attend(4)(query, *repeated, scale=SCALE))


def test_half_precision(small_blocks):
    query, key, value = reference.random_inputs(23, 23)
    mask = reference.dense_mask(allowed(4, 2), 23, 23, Masks())
    half = [ops.cast(x, "float16") for x in (60 * query, 60 * key, value)]
    context = attend(4, 2)(*half, scale=SCALE)
    assert backend.standardize_dtype(context.dtype) == "float16"
    exact = [to_numpy(x).astype("float32") for x in half]
    assert_close(ops.cast(context, "float32"), reference.attention(*exact, mask)[0], atol=5e-3)


def test_nothing_to_attend_to(small_blocks):
    nothing = Masks(key=np.zeros((reference.BATCH, 23), bool))
    context = attend(4, 2)(*reference.random_inputs(23, 23), masks=nothing)
    assert (to_numpy(context) == 0).all()


def ones_and_zeros(mask):
    return to_numpy(ops.cast(mask, "int32")).tolist()


def test_window_mask():
    assert ones_and_zeros(window_mask(4, 5, window=2)) == [
        [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    ]
    assert ones_and_zeros(window_mask(3, 3, window=(1, 0))) == [[[1, 0, 0], [1, 1, 0], [0, 1, 1]]]


def test_window_mask_with_a_global_token():
    assert ones_and_zeros(window_mask(4, 4, window=1, global_tokens=1)) == [
        [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]]
    ]


def test_a_window_is_counted_as_in_the_paper():
    assert window_reach(5) == window_reach(4) == window_reach([2, 2]) == (2, 2)
    assert window_reach(1) == (0, 0)


@pytest.mark.parametrize("size", [0, -3, (1,), (1, -1), 2.5, None, (1, 2, 3)], ids=str)
def test_windows_that_are_none(size):
    with pytest.raises(ValueError, match=r"Expected `window` to be .* Received: window="):
        window_reach(size)
