"""The sliding window, and attention in it."""

import keras

from keras_attention.layers.base.argument_checks import as_python, check_count
from keras_attention.layers.sparse.pattern import Pattern
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.ops.sparse.window import window_allowed, window_attention, window_reach


@keras.saving.register_keras_serializable("keras_attention")
class SlidingWindow(Pattern):
    """Each position attends to those near it, and to the first tokens, which attend to all.

    `-before <= j - i <= after`, or `i < global_tokens`, or `j < global_tokens` (Beltagy et al.,
    2020, section 3.1). See `SlidingWindowAttention`.

    Args:
        window: The window's size, `window // 2` positions to each side, or a pair of how many
            positions before and after the query.
        global_tokens: How many positions at the start are global.

    Reference:
        Beltagy, Peters and Cohan, 2020, "Longformer: The Long-Document Transformer".
    """

    def __init__(self, window, global_tokens=0):
        window = as_python(window)
        reach = window_reach(window)
        global_tokens = check_count("global_tokens", global_tokens, lowest=0)
        # A list comes back from a saved configuration as it was.
        self.window = window if isinstance(window, int) else list(reach)
        self.global_tokens = global_tokens

    @property
    def counts_from_start(self):
        """Whether there are global tokens; see `Pattern`."""
        return self.global_tokens > 0

    def allowed(self, query_positions, key_positions):
        """Near positions, and global ones; see `Pattern.allowed`."""
        return window_allowed(query_positions, key_positions, self.window, self.global_tokens)

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """In time linear in the length; see `Pattern.attend`."""
        return window_attention(
            query,
            key,
            value,
            self.window,
            self.global_tokens,
            masks=masks,
            scale=scale,
            weigh=weigh,
            bias=bias,
            return_rows=True,
            at_once=training,
        )

    def _reach(self):
        return None if self.global_tokens else window_reach(self.window)

    def get_config(self):
        return {"window": self.window, "global_tokens": self.global_tokens}


@keras.saving.register_keras_serializable("keras_attention")
class SlidingWindowAttention(PatternAttention):
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

    # Its configuration has the arguments of the pattern.
    _pattern_class = SlidingWindow
    _fixed_arguments = ("pattern",)

    def __init__(self, num_heads, key_dim, window, global_tokens=0, **kwargs):
        super().__init__(num_heads, key_dim, SlidingWindow(window, global_tokens), **kwargs)
