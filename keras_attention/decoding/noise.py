"""Random numbers that are a function of integers, the same in every runtime.

A counter-based generator (Salmon et al., 2011) has no state: the number at a place is a keyed hash
of that place. Written in 32-bit integer additions, rotations and exclusive ors, it gives the same
bits eagerly, in `tf.function`, under XLA, in JAX, in a SavedModel and in an ONNX file, and no
number depends on how many others are drawn beside it. `keras.random` cannot promise that: its
generators differ between backends, a tensor of noise changes with its shape, and tf2onnx replaces
it with an unseeded one.

Reference:
    Salmon et al., 2011: Parallel random numbers: as easy as 1, 2, 3
    (https://doi.org/10.1145/2063384.2063405), section 4.2.
"""

import keras
from keras import ops

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
GROUPS = 5  # of four rounds: Threefry-2x32-20


def threefry(key, counter):
    """Threefry-2x32 with 20 rounds: two random words for two words, under a key of two words.

    Args:
        key: Two integers or int32 tensors.
        counter: Two int32 tensors; all four broadcast with each other.

    Output:
        Two int32 tensors.
    """
    first, second = (ops.convert_to_tensor(word, dtype="int32") for word in key)
    keys = [first, second, ops.bitwise_xor(ops.bitwise_xor(first, second), PARITY)]
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for group in range(GROUPS):
        for bits in ROTATIONS[group % 2]:
            x = x + y
            y = ops.bitwise_xor(_rotate(y, bits), x)
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + (group + 1)
    return x, y


def _rotate(x, bits):
    # The right shift of a negative number drags ones in from the left: they are masked away.
    low = ops.bitwise_and(ops.bitwise_right_shift(x, 32 - bits), (1 << bits) - 1)
    return ops.bitwise_or(ops.bitwise_left_shift(x, bits), low)


def uniform(words):
    """Numbers in [0, 1) from the upper 24 bits of random words.

    Args:
        words: int32 tensor of any shape.

    Output:
        float32, the shape of `words`.
    """
    upper = ops.bitwise_and(ops.bitwise_right_shift(words, 8), (1 << 24) - 1)
    return ops.cast(upper, "float32") * 2.0**-24


def seed_words(seed):
    """A Python integer as two of 32 bits, the key of a stream.

    Args:
        seed: Integer; its lower 64 bits count.

    Output:
        Two Python integers in the range of int32.

    Example:

    >>> seed_words(2**32 + 7)
    (7, 1)
    """
    return tuple(((seed >> shift) & 0xFFFFFFFF ^ 0x80000000) - 0x80000000 for shift in (0, 32))


def content_keys(source, source_mask):
    """An integer for each row that tells its source from others, padding left out.

    Args:
        source: int tensor `(batch, source)` of ids. Of anything else, such as frames of features,
            only the length counts.
        source_mask: Bool `(batch, source)`.

    Output:
        int32 `(batch,)`.
    """
    positions = ops.arange(ops.shape(source_mask)[1], dtype="int32")  # (source,)
    ids = ops.zeros_like(source_mask, dtype="int32")
    if len(source.shape) == 2 and "int" in keras.backend.standardize_dtype(source.dtype):
        ids = ops.cast(source, "int32")
    words, _ = threefry((positions, 0), (ids, 0))
    # 20 bits of each: the sum of 2,047 still fits, and onnxruntime's sums do not wrap around.
    words = ops.bitwise_and(words, (1 << 20) - 1)
    return ops.sum(ops.where(source_mask, words, 0), axis=1)
