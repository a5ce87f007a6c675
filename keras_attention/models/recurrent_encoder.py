"""Stack of (bidirectional) recurrent layers over embedded tokens or feature frames."""

import weakref

import keras
from keras import ops

from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.models.recurrence import make_recurrent_layer, xla_pays

# The layer that each `Bidirectional` copied. While a file is loaded Keras 3.15 knows objects by
# their `id`: where a copied layer is gone and another takes its place in memory, that one is taken
# for the backward copy of the first, and loading fails, now and then.
COPIED = weakref.WeakKeyDictionary()


@keras.saving.register_keras_serializable("keras_attention")
class RecurrentEncoder(CheckedCall, keras.layers.Layer):
    """Annotations of a source sequence by LSTM or GRU layers.

    Each position's annotation is what the last layer emits there; a bidirectional layer
    concatenates its forward and backward states, as in section 3.2 of the reference. The input may
    be embedded tokens or frames of features (speech, image patches, sensor rows): only its last
    axis must be fixed.

    Args:
        units: int. State size of each direction of each layer.
        cell: `"lstm"` or `"gru"`.
        num_layers: int. Layers, each reading the annotations of the one below.
        bidirectional: bool. Read each sequence in both directions.
        dropout: float in [0, 1). Share of features dropped from the input and from each layer's
            output.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, `True` at real positions. A masked step leaves the
            state as it is, so that padding changes no annotation of a real position.
        training: bool. Whether dropout is active.

    Output:
        Float tensor `(batch, source, units)`, twice as wide when bidirectional.

    Example:

    >>> encoder = keras_attention.models.RecurrentEncoder(units=5)
    >>> encoder(np.ones((2, 7, 3), "float32")).shape
    TensorShape([2, 7, 10])

    Reference:
        Bahdanau et al., 2015, "Neural Machine Translation by Jointly Learning to Align and
        Translate".
    """

    def __init__(self, units, cell="lstm", num_layers=1, bidirectional=True, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if num_layers < 1:
            raise ValueError(f"`num_layers` must be at least 1. Received: num_layers={num_layers}")
        self.supports_jit = xla_pays()
        self.units = units
        self.cell = cell
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_layers = [self._make_layer(index) for index in range(num_layers)]
        self.dropout_layers = [
            keras.layers.Dropout(dropout, dtype=self.dtype_policy, name=f"dropout_{index}")
            for index in range(num_layers + 1)
        ]
        self.supports_masking = True

    def _make_layer(self, index):
        layer = make_recurrent_layer(
            self.cell, self.units, dtype=self.dtype_policy, name=f"{self.cell}_{index}"
        )
        if not self.bidirectional:
            return layer
        both = keras.layers.Bidirectional(
            layer, dtype=self.dtype_policy, name=f"bidirectional_{index}"
        )
        COPIED[both] = layer
        return both

    @property
    def output_dim(self):
        """Width of an annotation."""
        return self.units * (2 if self.bidirectional else 1)

    def build(self, inputs_shape):
        shape = tuple(inputs_shape)
        for layer in self.recurrent_layers:
            layer.build(shape)
            shape = (*shape[:2], self.output_dim)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        if 0 in tuple(inputs.shape):  # recurrent layers take no empty tensors
            return ops.zeros((*ops.shape(inputs)[:2], self.output_dim), dtype=self.compute_dtype)
        outputs = self.dropout_layers[0](inputs, training=training)
        for layer, dropout in zip(self.recurrent_layers, self.dropout_layers[1:], strict=True):
            outputs = layer(outputs, mask=mask, training=training)
            outputs = dropout(outputs, training=training)
        return outputs  # (batch, source, output_dim)

    def _check_call(self, inputs=None, mask=None, *others, **options):
        axes = ("batch", "source", "features")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask))

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:2], self.output_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "cell": self.cell,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }
