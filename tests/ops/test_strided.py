import functools

import pattern_reference as reference
import pytest
from keras import backend, ops
from layer_checks import to_numpy

from keras_attention.ops import Masks, normalizers
from keras_attention.ops.sparse.strided import (
    fixed_attention,
    fixed_mask,
    strided_attention,
    strided_mask,
)

STRIDES = [1, 2, 5, 7]
BLOCKS = [(1, 1), (3, 1), (5, 2), (4, 4)]
ON_TENSORFLOW = backend.backend() == "tensorflow"


def strided_sets(i, stride):
    """Both sets of Child et al., section 4.3, of the strided pattern."""
    near = set(range(max(0, i - stride), i + 1))
    return near, {j for j in range(i + 1) if (i - j) % stride == 0}


def fixed_sets(i, length, summary):
    """Both sets of Child et al., section 4.3, of the fixed pattern; positions count from zero."""
    own_block = {j for j in range(i + 1) if j // length == i // length}
    return own_block, {j for j in range(i + 1) if j % length in range(length - summary, length)}


def strided_allowed(stride):
    """Without a causal mask the sets of the paper, and their mirror images."""

    def allowed(i, j):
        return min(i, j) in set.union(*strided_sets(max(i, j), stride))

    return allowed


def fixed_allowed(length, summary):
    """Without a causal mask the sets of the paper, and what they would hold of the future."""

    def allowed(i, j):
        own_block, summaries = fixed_sets(max(i, j), length, summary)
        return (min(i, j) in own_block) or (j in summaries)

    return allowed


OPS = {
    **{
        f"strided {stride}": (
            functools.partial(strided_attention, stride=stride),
            strided_allowed(stride),
        )
        for stride in STRIDES
    },
    **{
        f"fixed {length} {summary}": (
            functools.partial(fixed_attention, block_length=length, summary_length=summary),
            fixed_allowed(length, summary),
        )
        for length, summary in BLOCKS
    },
}
every_op = pytest.mark.parametrize(("op", "allowed"), OPS.values(), ids=OPS.keys())
two_ops = pytest.mark.parametrize(
    ("op", "allowed"), [OPS["strided 5"], OPS["fixed 5 2"]], ids=["strided", "fixed"]
)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("lengths", "masks"), reference.LENGTHS_AND_MASKS, ids=str)
@every_op
def test_context(op, allowed, lengths, masks):
    reference.check_context(op, allowed, lengths, masks)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("lengths", "masks"), reference.LENGTHS_AND_MASKS, ids=str)
def test_in_stretches(lengths, masks, monkeypatch):
    taken = reference.take_small_blocks(monkeypatch)
    reference.check_context(*OPS["fixed 5 2"], lengths, masks)
    assert any(taken) or lengths != (23, 23)  # shorter ones may be dense


@every_op
def test_gradients(op, allowed):
    reference.check_gradients(op, allowed)


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "hardmax", "sigmoid"])
@two_ops
def test_every_normalizer(op, allowed, name):
    reference.check_normalizer(op, allowed, normalizers.get(name))


@pytest.mark.parametrize("lengths", [(23, 23), (19, 29)], ids=str)
@two_ops
def test_bias(op, allowed, lengths):
    reference.check_bias(op, allowed, lengths)


@pytest.mark.default_cases(1)
@pytest.mark.skipif(not ON_TENSORFLOW, reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
@two_ops
def test_lengths_known_only_in_the_run(op, allowed, jit_compile):
    reference.check_unknown_lengths(op, allowed, jit_compile)


def test_scores_of_a_query_are_as_many_as_rows_and_columns():
    strided = functools.partial(strided_attention, stride=16)
    assert reference.most_scores(strided, 256)[0] == [(256, 3 * 16 + 256 // 16)]
    causal = functools.partial(strided, masks=Masks(causal=True))
    assert reference.most_scores(causal, 256)[0] == [(256, 2 * 16 + 256 // 16)]
    fixed = functools.partial(fixed_attention, block_length=16, summary_length=3)
    assert reference.most_scores(fixed, 256)[0] == [(256, 16 + 3 * 256 // 16)]


@pytest.mark.parametrize(
    "op",
    [
        functools.partial(strided_attention, stride=16),
        functools.partial(fixed_attention, block_length=48),
    ],
)
def test_short_inputs_are_dense(op):
    assert reference.most_scores(op, 47)[0] == [(47, 47)]


def ones_and_zeros(mask):
    return to_numpy(ops.cast(mask, "int32")).tolist()


def test_strided_mask():
    assert ones_and_zeros(strided_mask(2, 7, stride=2)) == [
        [[1, 1, 1, 0, 1, 0, 1], [1, 1, 1, 1, 0, 1, 0]]
    ]


def test_fixed_mask():
    assert ones_and_zeros(fixed_mask(4, 8, block_length=3, summary_length=1)) == [
        [
            [1, 1, 1, 0, 0, 1, 0, 0],
            [1, 1, 1, 0, 0, 1, 0, 0],
            [1, 1, 1, 0, 0, 1, 0, 0],
            [0, 0, 1, 1, 1, 1, 0, 0],
        ]
    ]
