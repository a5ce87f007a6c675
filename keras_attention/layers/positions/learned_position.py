"""Learned vectors added to embeddings, one for each position."""

from numbers import Integral

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.call_checks import CheckedCall, check_input, check_width
from keras_attention.layers.base.refusals import OnlyFloats
from keras_attention.ops.positions import count_from


@keras.saving.register_keras_serializable("keras_attention")
class LearnedPosition(OnlyFloats, CheckedCall, keras.layers.Layer):
    """Embeddings plus a learned vector for each position.

    `x_i + p_i` (Gehring et al., 2017, section 3.1; Devlin et al., 2019, figure 2). A layer on
    embeddings, before any attention.

    There are `max_length` positions and none beyond: a longer input is an error where its length
    and start are known. Where they are not, what becomes of it is the backend's (TensorFlow fails
    on the CPU, JAX gives NaN).

    Args:
        max_length: Number of positions.
        initializer: Of the vectors; a normal distribution of standard deviation 0.1 if not given,
            as in Gehring et al., section 3.5.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        x: Float tensor of shape `(batch, length, dim)`.
        start: Position of the first embedding, for decoding step by step: an integer or an int32
            tensor of shape `(batch,)`.

    Output:
        Float tensor of shape `(batch, length, dim)`. It carries the Keras mask of `x` on.

    Raises:
        ValueError: If `start + length` is more than `max_length`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LearnedPosition
    >>> x = keras.random.normal((2, 3, 7))
    >>> layer = LearnedPosition(max_length=11)
    >>> tuple(layer(x).shape), tuple(layer(x[:, :1], start=5).shape)
    ((2, 3, 7), (2, 1, 7))

    Reference:
        Gehring et al., 2017, "Convolutional Sequence to Sequence Learning"; Devlin et al., 2019,
        "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding".
    """

    def __init__(self, max_length, initializer=None, **kwargs):
        super().__init__(**kwargs)
        max_length = check_count("max_length", max_length)
        self.max_length = max_length
        if initializer is None:
            initializer = keras.initializers.RandomNormal(stddev=0.1)
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, input_shape):
        self.positions = self.add_weight(
            name="positions",
            shape=(self.max_length, input_shape[-1]),
            initializer=self.initializer,
        )

    def call(self, x, start=0):
        self._check_length(x.shape[1], start)
        # Before position 0 there is padding on the left alone.
        positions = ops.maximum(count_from(start, ops.shape(x)[1]), 0)
        return x + ops.cast(ops.take(self.positions, positions, axis=0), x.dtype)

    def _check_length(self, length, start):
        first = start if isinstance(start, Integral) else 0
        if length is not None and first + length > self.max_length:
            raise ValueError(
                f"Expected no position beyond `max_length`={self.max_length}. "
                f"Received: length={length}, start={start}"
            )

    def _check_call(self, x=None, *others, **options):
        check_input(self, "x", x, ("batch", "length", "dim"))
        check_width(self, "x", x, "input")

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        config = {
            "max_length": self.max_length,
            "initializer": keras.initializers.serialize(self.initializer),
        }
        return {**super().get_config(), **config}
