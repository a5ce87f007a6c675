"""What models of token sequences have in common: the checks around Keras' trainer."""

import keras

from keras_attention.layers.base.rematerialized import RematerializedByParts


class SequenceModel(RematerializedByParts, keras.Model):
    """Base class of functional models of token sequences.

    A subclass says in `_check_batch` what a batch may not be.
    """

    def _check_batch(self, inputs):
        """Raises ValueError for inputs that are known and do not fit; anything else passes."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `_check_batch`.")

    def _check_class_weight(self, class_weight):
        """Raises ValueError where `class_weight` of `fit` is given and means nothing."""
        if class_weight is not None:
            raise ValueError(
                "Expected no `class_weight`: Keras takes the labels of a sequence for one-hot "
                "vectors. Give it to the loss, `SequenceCrossEntropy(class_weight=...)`. "
                f"Received: class_weight={class_weight}"
            )

    def make_train_function(self, force=False):
        """The function that `fit` calls: see `keras.Model`.

        The variables of the optimizer are made before. Keras makes them in the first step on
        TensorFlow, which costs a second trace of it: twice the wait before training begins. (With a
        distribution strategy, and on JAX, Keras makes them before, too.)
        """
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def fit(self, x=None, *args, **kwargs):
        self._check_class_weight(kwargs.get("class_weight"))
        self._check_batch(x)
        return super().fit(x, *args, **kwargs)

    def train_on_batch(self, x, *args, **kwargs):
        self._check_class_weight(kwargs.get("class_weight"))
        self._check_batch(x)
        return super().train_on_batch(x, *args, **kwargs)

    def test_on_batch(self, x, *args, **kwargs):
        self._check_batch(x)
        return super().test_on_batch(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        self._check_batch(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        self._check_batch(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x):
        self._check_batch(x)
        return super().predict_on_batch(x)
