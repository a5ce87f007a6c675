"""What the heads of an encoder-only model have in common."""

import keras

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
        """None: the loss reads from the labels what counts.

        Args:
            values, previous_mask: Not needed.

        Returns:
            None.
        """
        return None
