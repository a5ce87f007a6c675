"""The sliding window."""

import keras

from keras_attention.layers.number_checks import as_python, check_count
from keras_attention.layers.patterns.pattern import Pattern
from keras_attention.ops.window import window_allowed, window_attention, window_reach


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

    def get_config(self):
        """The arguments that make this pattern again."""
        return {"window": self.window, "global_tokens": self.global_tokens}
