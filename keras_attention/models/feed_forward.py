"""The position-wise feed-forward network of a Transformer block."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer, share
from keras_attention.layers.base.call_checks import CheckedCall, check_input, check_width

ACTIVATIONS = ("relu", "gelu", "swiglu")


@keras.saving.register_keras_serializable("keras_attention")
class FeedForward(CheckedCall, keras.layers.Layer):
    """Two dense layers at each position, or three with a gate.

    - "relu": `max(0, x W_1 + b_1) W_2 + b_2` (Vaswani et al., 2017, equation 2);
    - "gelu": the same with GELU;
    - "swiglu": `(silu(x W) * (x V)) W_2` without biases (Shazeer, 2020, equation 6).

    Args:
        units: int. Width of the inner layer.
        activation: `"relu"`, `"gelu"` or `"swiglu"`.
        dropout: float in [0, 1). Share of inner features dropped in training.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, length, features)`.
        training: bool. Whether dropout is active.

    Output:
        Float tensor of the shape of `inputs`.

    Example:

    >>> layer = keras_attention.models.FeedForward(units=11, activation="swiglu")
    >>> tuple(layer(np.ones((2, 3, 5), "float32")).shape)
    (2, 3, 5)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need"; Shazeer, 2020, "GLU Variants Improve
        Transformer".
    """

    def __init__(self, units, activation="relu", dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {ACTIVATIONS}. Received: activation={activation!r}"
            )
        self.units = positive_integer("units", units)
        self.activation = activation
        self.dropout = share("dropout", dropout)
        self.dropping = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, inputs_shape):
        features = inputs_shape[-1]
        gated = self.activation == "swiglu"
        self.inner = keras.layers.Dense(
            2 * self.units if gated else self.units,
            use_bias=not gated,
            dtype=self.dtype_policy,
            name="inner",
        )
        self.outer = keras.layers.Dense(
            features, use_bias=not gated, dtype=self.dtype_policy, name="outer"
        )
        self.inner.build((None, None, features))
        self.outer.build((None, None, self.units))

    def call(self, inputs, training=None):
        x = self.inner(inputs)
        if self.activation == "swiglu":
            gate, x = ops.split(x, 2, axis=-1)
            x = ops.silu(gate) * x
        elif self.activation == "gelu":
            x = ops.gelu(x, approximate=False)
        else:
            x = ops.relu(x)
        return self.outer(self.dropping(x, training=training))

    def _check_call(self, inputs=None, *others, **options):
        check_input(self, "inputs", inputs, ("batch", "features"), more=1)
        check_width(self, "inputs", inputs)

    def compute_output_shape(self, inputs_shape):
        return tuple(inputs_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "dropout": self.dropout,
        }
