import numpy as np
import pytest
from keras import ops

from keras_attention.ops import Masks, causal_mask, combine_masks, padding_mask


def ones_and_zeros(mask):
    return ops.convert_to_numpy(ops.cast(mask, "int32")).tolist()


def test_padding_mask():
    assert ones_and_zeros(padding_mask([[7, 5, 0], [3, 0, 0]])) == [[1, 1, 0], [1, 0, 0]]
    assert ones_and_zeros(padding_mask(np.array([[7, 9, 0]]), pad_id=9)) == [[1, 0, 1]]


def test_causal_mask_with_more_keys_than_queries():
    assert ones_and_zeros(causal_mask(2, 3)) == [[[1, 0, 0], [1, 1, 0]]]


def test_causal_mask_with_more_queries_than_keys():
    assert ones_and_zeros(causal_mask(3, 2)) == [[[1, 0], [1, 1], [1, 1]]]


def test_no_mask_combines_to_none():
    assert combine_masks() is None


def test_query_and_key_mask():
    query_mask = np.array([[True, False]])
    key_mask = np.array([[True, True, False]])
    combined = combine_masks(query_mask=query_mask, key_mask=key_mask)
    assert ones_and_zeros(combined) == [[[1, 1, 0], [0, 0, 0]]]


def test_a_single_mask_still_broadcasts():
    key_mask = np.array([[True, False, True]])
    assert ones_and_zeros(combine_masks(key_mask=key_mask)) == [[[1, 0, 1]]]
    assert ones_and_zeros(combine_masks(query_mask=key_mask)) == [[[1], [0], [1]]]


def test_all_masks_at_once():
    combined = combine_masks(
        query_mask=np.array([[True, True, False], [True, True, True]]),
        key_mask=np.array([[True, True, True], [False, True, True]]),
        attention_mask=np.array([[1, 1, 1], [0, 1, 1], [1, 1, 0]]),
        causal=causal_mask(3, 3),
    )
    assert combined.dtype in ("bool", bool)
    assert ones_and_zeros(combined) == [
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 1, 0]],
    ]


def test_attention_mask_without_a_batch_axis():
    attention_mask = np.array([[True, False], [True, True]])
    assert ones_and_zeros(combine_masks(attention_mask=attention_mask)) == [[[1, 0], [1, 1]]]


SHAPE = 2, 3, 5, 7  # batch, heads, query, key


def test_masks_that_fit_are_left_as_they_are():
    for query, key, attention in (
        ((2, 5), (2, 7), (2, 3, 5, 7)),
        ((1, 5), (1, 7), (2, 5, 7)),
        ((2, 1), (2, 7), (5, 7)),
        ((2, 5), (2, 7), (2, 1, 7)),
    ):
        masks = Masks(*(np.ones(shape, bool) for shape in (query, key, attention)))
        assert masks.fitted(SHAPE) is masks


def test_lengths_not_known_yet_fit():
    masks = Masks(key=np.ones((2, 11), bool), attention=np.ones((2, 5, 11), bool))
    assert masks.fitted((2, 3, 5, ops.convert_to_tensor(7))) is masks


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("query", (2, 6)),
        ("query", (4, 5)),
        ("key", (2, 6)),
        ("key", (2, 5, 7)),
        ("attention", (2, 5, 8)),
        ("attention", (5, 6)),
        ("attention", (2, 4, 5, 7)),
        ("attention", (7,)),
    ],
)
def test_masks_that_do_not_fit(name, shape):
    masks = Masks(**{name: np.ones(shape, bool)})
    called = {"query": "query_mask", "key": "value_mask", "attention": "attention_mask"}[name]
    message = rf"Expected `{called}` to broadcast to .*Received: {called}.shape=\("
    with pytest.raises(ValueError, match=message):
        masks.fitted(SHAPE)


def test_key_masks_of_two_lengths():
    with pytest.raises(ValueError, match=r"Received: key_mask.shape=\(2, 6\)"):
        Masks(key=np.ones((2, 7), bool)).with_keys(np.ones((2, 6), bool))


def test_a_key_mask_for_all_keys_is_made_as_long_as_they_are():
    fitted = Masks(key=np.array([[True], [False]])).fitted(SHAPE)
    assert ones_and_zeros(fitted.key) == [[1] * 7, [0] * 7]


def test_causal_where_queries_stand():
    stand = np.array([3, 4], "int32")
    masks = Masks(causal=True, query_positions=stand)
    assert ones_and_zeros(masks.dense(2, 5)) == [[[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]]
    stands = np.array([[0, 2], [1, 1]], "int32")
    masks = Masks(causal=True, query_positions=stands, key=np.array([[0, 1, 1], [1, 1, 1]]))
    expected = [[[0, 0, 0], [0, 1, 1]], [[1, 1, 0], [1, 1, 0]]]
    assert ones_and_zeros(masks.dense(2, 3)) == expected
    assert ones_and_zeros(masks.rows(2, 3)) == [[0, 1], [1, 1]]


def test_masks_of_chosen_queries():
    query = np.array([[1, 0, 1], [1, 1, 0]], bool)
    attention = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
    whole = Masks(query=query, attention=attention, causal=True)
    chosen = whole.at(ops.convert_to_tensor([2, 0], "int32"))
    expected = np.array(ones_and_zeros(whole.dense(3, 3)))[:, [2, 0]]
    assert ones_and_zeros(chosen.dense(2, 3)) == expected.tolist()
    once = Masks(query=query[:, :1], attention=attention[None, :1])
    chosen = once.at(ops.convert_to_tensor([2, 0], "int32"))
    assert ones_and_zeros(chosen.dense(2, 3)) == ones_and_zeros(once.dense(3, 3))
