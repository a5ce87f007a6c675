"""The single-head attention layers that differ by their score."""

from layer_checks import LayerCase

from keras_attention import layers

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
}
