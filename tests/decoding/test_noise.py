"""The hash that noise is made of, against the published vectors and plain integers."""

import keras
import numpy as np
import pytest
import sample_reference as reference
from keras import ops

from keras_attention.decoding.noise import content_keys, seed_words, threefry, uniform


def signed(word):
    return np.array(word, "uint32").view("int32")


def unsigned(words):
    return [ops.convert_to_numpy(word).view("uint32").tolist() for word in words]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the vectors that the authors publish beside their code, Random123
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_vectors(counter, key, expected):
    found = threefry([signed(x) for x in key], [ops.convert_to_tensor(signed(x)) for x in counter])
    assert unsigned(found) == list(expected)
    assert reference.threefry(key, counter) == list(expected)


def compiled(function):
    """The function eagerly and as the backend compiles it."""
    if keras.backend.backend() == "jax":
        import jax

        return [function, jax.jit(function)]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return [function, tf.function(function), tf.function(function, jit_compile=True)]
    return [function]


def test_every_way_to_run_gives_the_same_bits():
    random = np.random.default_rng(1)
    words = random.integers(-(2**31), 2**31, (4, 257)).astype("int32")
    expected = [
        reference.threefry(*((int(a), int(b)) for a, b in (column[:2], column[2:])))
        for column in words.view("uint32").T
    ]

    def run(words):
        return threefry((words[0], words[1]), (words[2], words[3]))

    for function in compiled(run):
        found = unsigned(function(ops.convert_to_tensor(words)))
        assert np.transpose(found).tolist() == expected


def test_uniform_numbers():
    words = ops.convert_to_tensor(np.array([0, 255, 256, -1, -(2**31), 2**31 - 1], "int32"))
    found = ops.convert_to_numpy(uniform(words))
    expected = [0, 0, 2**-24, 1 - 2**-24, 0.5, 0.5 - 2**-24]
    np.testing.assert_array_equal(found, np.array(expected, "float32"))


def test_seeds_have_64_bits():
    assert seed_words(7) == (7, 0)
    assert seed_words(-1) == (-1, -1)
    assert seed_words(2**31) == (-(2**31), 0)
    assert seed_words(2**63 + 5) == (5, -(2**31))
    assert seed_words(2**64 + 5) == (5, 0)


def keys(rows, width):
    source = np.zeros((len(rows), width), "int32")
    for index, row in enumerate(rows):
        source[index, : len(row)] = row
    source = ops.convert_to_tensor(source)
    return ops.convert_to_numpy(content_keys(source, source != 0)).tolist()


def test_keys_tell_sources_apart_but_not_their_padding():
    rows = [[4, 5], [5, 4], [4], [5], [4, 5, 4], [4, 4, 5], []]
    found = keys(rows, 3)
    assert len(set(found)) == len(rows)
    assert keys(rows, 11) == found
    assert keys(rows[2:3], 1) == found[2:3]
    assert found[-1] == 0


def test_keys_of_random_sources_are_all_different():
    random = np.random.default_rng(2)
    rows = np.unique(random.integers(4, 9, (300, 7)), axis=0).tolist()
    assert len(set(keys(rows, 7))) == len(rows)


def test_keys_of_frames_are_their_number():
    mask = ops.convert_to_tensor(np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0]], bool))
    found = ops.convert_to_numpy(content_keys(ops.ones((3, 3, 5)), mask)).tolist()
    assert found[0] == found[2] != found[1]


def test_keys_of_long_sources_fit_into_32_bits():
    source = np.random.default_rng(3).integers(4, 999, (2, 2047)).astype("int32")
    words = [
        [reference.threefry((place, 0), (int(token), 0))[0] for place, token in enumerate(row)]
        for row in source
    ]
    expected = [sum(word % 2**20 for word in row) for row in words]
    assert max(expected) < 2**31
    assert keys(source.tolist(), 2047) == expected
