"""Windows of long rows: they hold every token, and their answers become one."""

import itertools

import numpy as np
import pytest

from keras_attention.windows import merge_tokens, merge_weights, windows


@pytest.mark.parametrize(
    ("tokens", "length", "stride", "prefix"),
    [*itertools.product((1, 5, 23), (7, 11), (1, 3), (0, 3))],
)
def test_every_token_stands_in_a_window(tokens, length, stride, prefix):
    row = np.arange(100, 100 + prefix + tokens + 1)
    cut = windows(row, length, stride, prefix)
    seen = np.concatenate([window.places for window in cut])
    assert sorted(set(seen.tolist())) == list(range(len(row)))
    for window in cut:
        np.testing.assert_array_equal(window.ids, row[window.places])
        assert len(window.ids) == min(length, len(row))
        assert window.ids[-1] == row[-1]
        np.testing.assert_array_equal(window.ids[:prefix], row[:prefix])
        assert (np.diff(window.places[prefix:-1]) == 1).all()
    begins = [window.places[prefix] for window in cut]
    assert all(0 < after - before <= stride for before, after in itertools.pairwise(begins))
    assert len(cut) == 1 or len(row) > length


def test_windows_begin_at_words():
    starts = np.array([1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0], bool)
    row = np.arange(15)
    cut = windows(row, 6, 4, starts=starts)
    # From 3 the next word is at 5; then 9 is inside of a word that is longer than the stride.
    assert [window.places[:-1].tolist() for window in cut] == [
        [0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [5, 6, 7, 8, 9], [9, 10, 11, 12, 13]
    ]  # fmt: skip


def by_hand(cut, rows, count):
    """For each token the first window whose nearer missing neighbour is farthest."""
    merged = []
    for token in range(count):
        distances = []
        for window in cut:
            shown = set(window.places.tolist())
            missing = [place for place in range(count) if place not in shown]
            left = [token - place for place in missing if place < token]
            right = [place - token for place in missing if place > token]
            distance = min([*left, *right], default=count + 1)
            distances.append(distance if token in shown else -1)
        best = int(np.argmax(distances))
        merged.append(rows[best][cut[best].places.tolist().index(token)])
    return merged


@pytest.mark.parametrize("prefix", [0, 2])
def test_tokens_come_from_where_most_is_around_them(prefix):
    cut = windows(np.arange(19), 9, 3, prefix)
    rows = [np.arange(12) + 100 * number for number in range(len(cut))]  # Three are padding.
    assert merge_tokens(cut, rows).tolist() == by_hand(cut, rows, 19)
    pairs = [np.stack([row, row], axis=1) for row in rows]
    assert merge_tokens(cut, pairs).shape == (19, 2)


def test_one_window_gives_its_own_values():
    (only,) = windows([7, 8, 3], 5)
    assert merge_tokens([only], [np.array([True, False, True, True])]).tolist() == [
        True,
        False,
        True,
    ]
    assert merge_weights([only], [[0.5, 0.25, 0.25, 0]]).tolist() == [0.5, 0.25, 0.25]


def test_weights_are_the_mean_of_windows():
    generator = np.random.default_rng(3)
    cut = windows(np.arange(23), 7, 2, prefix=1)
    rows = generator.dirichlet(np.ones(7), len(cut))
    shares = np.arange(1, len(cut) + 1)
    merged = merge_weights(cut, rows, shares)
    full = np.zeros((len(cut), 23))
    for number, window in enumerate(cut):
        full[number, window.places] = rows[number]
    np.testing.assert_allclose(merged, np.average(full, axis=0, weights=shares))
    np.testing.assert_allclose(merge_weights(cut, rows), full.mean(axis=0))
    np.testing.assert_allclose(merged.sum(), 1)


@pytest.mark.parametrize(
    "options", [{"length": 3, "prefix": 2}, {"length": 5, "stride": 5}, {"length": 5, "stride": 0}]
)
def test_what_is_refused(options):
    with pytest.raises(ValueError, match="Expected `length` to hold more .* Received: length="):
        windows([1, 2, 3, 4, 5, 6], **options)
