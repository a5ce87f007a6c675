"""The base of the layers that are pattern attention with one kind of pattern."""

import keras

from keras_attention.layers.pattern_attention import PatternAttention


@keras.saving.register_keras_serializable("keras_attention")
class PatternPreset(PatternAttention):
    """`PatternAttention` whose configuration names the pattern's arguments, not the pattern.

    A subclass takes the arguments of its pattern as its own, and makes the pattern from them.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        pattern: The `Pattern` that the subclass made; what its `get_config` says are attributes of
            the layer.
        **kwargs: The other arguments of `MultiHeadAttention`.
    """

    def __init__(self, num_heads, key_dim, pattern, **kwargs):
        super().__init__(num_heads, key_dim, pattern, **kwargs)
        for name, setting in pattern.get_config().items():
            setattr(self, name, setting)

    def get_config(self):
        """The arguments that make this layer again."""
        config = {**super().get_config(), **self.pattern.get_config()}
        del config["pattern"]  # made from its arguments
        return config
