import functools

import numpy as np
import pattern_reference as reference
import pytest
from keras import backend, ops
from layer_checks import to_numpy

from keras_attention.ops import Masks, normalizers
from keras_attention.ops.sparse.block_sparse import block_sparse_attention, block_sparse_mask
from keras_attention.ops.sparse.random_blocks import random_key_block

ON_TENSORFLOW = backend.backend() == "tensorflow"
# block_length, window_blocks, global_blocks, random_blocks, random_seed
ARGUMENTS = [
    (3, 3, 1, 0, 0),
    (2, 3, 1, 3, 0),
    (3, 1, 0, 2, 5),
    (1, 5, 2, 4, 9),
    (2, 1, 1, 5, 7),
    (5, 3, 1, 1, 3),
]
every_argument = pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)


def attend(arguments):
    names = "block_length", "window_blocks", "global_blocks", "random_blocks", "random_seed"
    return functools.partial(block_sparse_attention, **dict(zip(names, arguments, strict=True)))


def drawn(block, slot, window_blocks, seed):
    """The documented draw, in Python's unbounded integers."""
    number = block % 46337
    for turn in range(4):
        key = (seed * 7919 + slot * 15859 + turn * 27449 + 12553) % 46337
        number = (number + key) ** 3 % 46337
    reach = window_blocks // 2
    distance = reach + 1 + number % max(1, block - reach)
    return block + (distance if slot % 2 else -distance)


def allowed(arguments):
    """Zaheer et al., section 2, for blocks."""
    length, window_blocks, global_blocks, random_blocks, seed = arguments

    def of_positions(i, j):
        a, b = i // length, j // length
        near = abs(a - b) <= window_blocks // 2
        is_global = a < global_blocks or b < global_blocks
        return (
            near
            or is_global
            or b in [drawn(a, slot, window_blocks, seed) for slot in range(random_blocks)]
        )

    return of_positions


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("lengths", "masks"), reference.LENGTHS_AND_MASKS, ids=str)
@every_argument
def test_context(arguments, lengths, masks):
    reference.check_context(attend(arguments), allowed(arguments), lengths, masks)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("lengths", "masks"), reference.LENGTHS_AND_MASKS, ids=str)
@pytest.mark.parametrize("arguments", ARGUMENTS[1:4], ids=str)
def test_in_stretches(arguments, lengths, masks, monkeypatch):
    taken = reference.take_small_blocks(monkeypatch)
    reference.check_context(attend(arguments), allowed(arguments), lengths, masks)
    assert any(taken) or lengths != (23, 23)  # shorter ones may be dense


@every_argument
def test_gradients(arguments):
    reference.check_gradients(attend(arguments), allowed(arguments))


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "sigmoid"])
def test_every_normalizer(name):
    arguments = ARGUMENTS[1]
    reference.check_normalizer(attend(arguments), allowed(arguments), normalizers.get(name))


@pytest.mark.parametrize("lengths", [(23, 23), (19, 29)], ids=str)
def test_bias(lengths):
    reference.check_bias(attend(ARGUMENTS[1]), allowed(ARGUMENTS[1]), lengths)


@pytest.mark.default_cases(1)
@pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_lengths_known_only_in_the_run(jit_compile):
    arguments = ARGUMENTS[1]
    reference.check_unknown_lengths(attend(arguments), allowed(arguments), jit_compile)


def test_scores_grow_with_the_length_and_no_faster():
    op = attend((16, 3, 1, 2, 0))
    for length in (256, 512):
        assert sorted(reference.most_scores(op, length)[0]) == [(16, length), (length, 6 * 16)]
    causal = functools.partial(op, masks=Masks(causal=True))
    assert (256, 4 * 16) in reference.most_scores(causal, 256)[0]


def test_short_inputs_are_dense():
    assert reference.most_scores(attend((16, 3, 1, 2, 0)), 47)[0] == [(47, 47)]


def test_draws():
    """In range, as documented, on both sides, and not twice the same for two seeds."""
    blocks = np.arange(2000, dtype="int32")
    by_seed = []
    for slot, seed in np.ndindex(4, 3):
        draws = to_numpy(random_key_block(ops.convert_to_tensor(blocks), slot, 3, seed))
        np.testing.assert_array_equal(draws, [drawn(int(a), slot, 3, seed) for a in blocks])
        distance = draws - blocks if slot % 2 else blocks - draws
        assert ((distance >= 2) & (distance <= np.maximum(blocks, 2))).all()
        by_seed.append(draws)
    different = [(one != other).mean() for one in by_seed for other in by_seed if one is not other]
    assert min(different) > 0.9


def test_draws_are_spread_evenly():
    blocks = np.arange(1000, 11000, dtype="int32")
    share = (blocks - to_numpy(random_key_block(ops.convert_to_tensor(blocks), 0, 1, 13))) / blocks
    counts, _ = np.histogram(share, bins=10, range=(0, 1))
    assert (np.abs(counts - 1000) < 150).all()  # five standard deviations


@pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow only: three ways to run")
def test_draws_are_the_same_in_every_kind_of_graph():
    import tensorflow as tf

    def mask():
        return block_sparse_mask(83, 83, 2, random_blocks=3, random_seed=17)

    eager = to_numpy(mask())
    for jit_compile in (False, True):
        np.testing.assert_array_equal(tf.function(mask, jit_compile=jit_compile)(), eager)


def test_block_sparse_mask():
    mask = block_sparse_mask(5, 5, block_length=1, window_blocks=3, global_blocks=1)
    assert to_numpy(ops.cast(mask, "int32")).tolist() == [
        [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 0, 1, 1, 1], [1, 0, 0, 1, 1]]
    ]
