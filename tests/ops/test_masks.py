import numpy as np
from keras import ops

from keras_attention.ops import causal_mask, combine_masks, padding_mask


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
