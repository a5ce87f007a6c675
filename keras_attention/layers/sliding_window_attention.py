"""Attention in a sliding window."""

import keras

from keras_attention.layers.pattern_preset import PatternPreset
from keras_attention.layers.patterns.sliding_window import SlidingWindow


@keras.saving.register_keras_serializable("keras_attention")
class SlidingWindowAttention(PatternPreset):
    """Multi-head attention of each position to those near it, linear in the length.

    Position `i` attends to `j` where `-before <= j - i <= after`, `window // 2` to each side, or
    `i < global_tokens`, or `j < global_tokens` (Beltagy et al., 2020, section 3.1). Layers on top
    of each other see farther: `layers * window` positions.

    With `use_causal_mask` only the half before the query remains. A decoder that is to see `n`
    positions, its own included, has `window=(n - 1, 0)`.

    Longformer projects queries, keys and values of global tokens by matrices of their own, and its
    windows may have gaps; here all tokens share one projection and windows have none.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        window: The window's size, `window // 2` positions to each side, or a pair of how many
            positions before and after the query.
        global_tokens: How many positions at the start attend to all and are attended to by all.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import SlidingWindowAttention
    >>> layer, x = SlidingWindowAttention(2, 5, window=4), keras.random.normal((2, 31, 7))
    >>> tuple(layer(x, x).shape)
    (2, 31, 7)

    Reference:
        Beltagy, Peters and Cohan, 2020, "Longformer: The Long-Document Transformer".
    """

    def __init__(self, num_heads, key_dim, window, global_tokens=0, **kwargs):
        super().__init__(num_heads, key_dim, SlidingWindow(window, global_tokens), **kwargs)
