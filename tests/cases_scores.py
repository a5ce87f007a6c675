"""The single-head attention layers that differ by their score."""

import keras
from keras import ops
from layer_checks import LayerCase

from keras_attention import layers
from keras_attention.layers.scores.cosine_attention import CosineAttention
from keras_attention.layers.scores.custom_attention import CustomAttention
from keras_attention.layers.scores.luong_location_attention import LuongLocationAttention


@keras.saving.register_keras_serializable("tests")
def distance(query, key):
    """A score of one's own: minus the squared distance."""
    difference = ops.expand_dims(query, 2) - ops.expand_dims(key, 1)
    return -ops.sum(ops.square(difference), axis=-1)  # (batch, query, key)


CASES = {
    "dot_product": LayerCase(layers.DotProductAttention, query_dim=7, key_dim=7),
    "scaled_dot_product": LayerCase(layers.ScaledDotProductAttention, query_dim=7, key_dim=7),
    "luong_dot": LayerCase(layers.LuongAttention, query_dim=7, key_dim=7),
    "luong_general": LayerCase(
        lambda **options: layers.LuongAttention("general", **options), query_dim=7, key_dim=11
    ),
    "luong_concat": LayerCase(
        lambda **options: layers.LuongAttention("concat", units=17, **options),
        query_dim=7,
        key_dim=11,
    ),
    "bahdanau": LayerCase(
        lambda **options: layers.BahdanauAttention(17, **options), query_dim=7, key_dim=11
    ),
    "bahdanau_normalized": LayerCase(
        lambda **options: layers.BahdanauAttention(17, normalize=True, **options),
        query_dim=7,
        key_dim=11,
    ),
    "cosine": LayerCase(CosineAttention, query_dim=7, key_dim=7),
    "luong_location": LayerCase(
        lambda **options: LuongLocationAttention(157, **options),
        query_dim=7,
        key_dim=11,
        leaves_out={"gradients": "the score does not depend on the key; see test_more_scores.py"},
    ),
    "custom": LayerCase(
        lambda **options: CustomAttention(distance, **options), query_dim=7, key_dim=7
    ),
}
