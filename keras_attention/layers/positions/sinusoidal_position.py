"""Sinusoids added to embeddings."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.base.call_checks import CheckedCall, check_input
from keras_attention.ops.positions import count_from, sinusoids
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class SinusoidalPosition(CheckedCall, keras.layers.Layer):
    """Embeddings plus sines and cosines of their positions.

    `x + PE(position)`, `PE(position, 2 i) = sin(position / base ** (2 i / dim))`, and at `2 i + 1`
    the cosine of the same angle (Vaswani et al., 2017, section 3.5).

    A layer on embeddings, before any attention, and without weights: any length will do. Angles are
    computed in float32 whatever the layer's dtype. The paper multiplies its embeddings by
    `sqrt(dim)` first; `keras.layers.Rescaling(dim**0.5)` does that where they start that small.

    Args:
        base: About a sixth of the longest wave length.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        x: Float tensor of shape `(batch, length, dim)`.
        start: Position of the first embedding, for decoding step by step: an integer or an int32
            tensor of shape `(batch,)`.

    Output:
        Float tensor of shape `(batch, length, dim)`. It carries the Keras mask of `x` on.

    Example:

    >>> import keras
    >>> from keras_attention.layers import SinusoidalPosition
    >>> x = keras.random.normal((2, 3, 7))
    >>> layer = SinusoidalPosition()
    >>> tuple(layer(x).shape), tuple(layer(x[:, :1], start=5).shape)
    ((2, 3, 7), (2, 1, 7))

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need".
    """

    def __init__(self, base=10000.0, **kwargs):
        super().__init__(**kwargs)
        base = as_python(base)
        if base <= 1:
            raise ValueError(f"Expected `base` above 1. Received: base={base}")
        self.base = base
        self.supports_masking = True

    def call(self, x, start=0):
        positions = count_from(start, ops.shape(x)[1])
        dtype = keras.backend.standardize_dtype(at_least_float32(x).dtype)
        return x + ops.cast(sinusoids(positions, x.shape[-1], self.base, dtype), x.dtype)

    def _check_call(self, x=None, *others, **options):
        check_input(self, "x", x, ("batch", "length", "dim"))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "base": self.base}
