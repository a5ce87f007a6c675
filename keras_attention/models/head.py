"""What the heads of an encoder-only model have in common."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer, share
from keras_attention.layers import AttentionPooling
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input


class Head(CheckedCall, keras.layers.Layer):
    """Base class of the heads of an `EncoderModel`: layers from annotations to one kind of answer.

    A subclass implements `call`, which gives the tensor that is trained on, `_answer`, which gives
    what a user asks for, and `make_loss` and `make_metrics`, which fit that tensor. (`metrics` of a
    Keras layer are those that it updates itself.) It reads positions only where the mask is True.

    Attributes:
        evidence: str or None. The key under which `answer` has weights over the source that say
            where the answer comes from.
        words: bool. Whether the head reads the first position of each word only.

    Call arguments:
        values: float tensor `(batch, source, features)`, what an encoder returns.
        mask: bool tensor `(batch, source)`, True at real positions. All are real if not given.
        training: bool. Whether dropout is active.
    """

    evidence = None
    words = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def make_loss(self):
        """A new `keras.losses.Loss` of labels and of what a call returns."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `make_loss`.")

    def make_metrics(self):
        """A list of new `keras.metrics.Metric`s of labels and of what a call returns."""
        return []

    def answer(self, values, mask=None):
        """What the head finds in a source.

        Args:
            values: float tensor `(batch, source, features)`.
            mask: bool tensor `(batch, source)`, True at real positions.

        Returns:
            A dict of tensors; the class says which.
        """
        self._check_call(values, mask)
        if not self.built:
            self.build(tuple(values.shape))
            self.built = True
        return self._answer(values, mask)

    def _answer(self, values, mask):
        raise NotImplementedError(f"{type(self).__name__} does not implement `_answer`.")

    def _check_call(self, values=None, mask=None, *others, **options):
        axes = ("batch", "source", "features")
        check_masked_input(self, "values", values, axes, ("mask", mask))

    def compute_mask(self, values, previous_mask=None):
        """None: what a head returns has no positions of the source, unless it says so.

        Args:
            values, previous_mask: Not needed.

        Returns:
            None.
        """
        return None


@keras.saving.register_keras_serializable("keras_attention")
class PooledHead(Head):
    """Base class of heads that read a source as one vector, pooled by attention.

    Args:
        units: int. Size of the hidden layer of the pooling; that of the annotations if None.
        dropout: float in [0, 1). Fraction of the pooled features dropped.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    evidence = "evidence"

    def __init__(self, units=None, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = None if units is None else positive_integer("units", units)
        self.dropout = share("dropout", dropout)
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, values_shape):
        width = values_shape[-1]
        self.pooling = AttentionPooling(
            self.units or width, dtype=self.dtype_policy, name="pooling"
        )
        self.pooling.build((None, None, width))

    def _pooled(self, values, mask, training):
        """The pooled source, `(batch, features)`, and the weights, float32 `(batch, source)`."""
        pooled, weights = self.pooling(values, mask=mask, return_attention_scores=True)
        return self.dropout_layer(pooled, training=training), ops.cast(weights, "float32")

    def get_config(self):
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}
