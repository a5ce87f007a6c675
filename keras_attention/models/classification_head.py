"""Head that gives a source one of several labels, with evidence."""

import keras
from keras import ops

from keras_attention.calibration import best_temperature
from keras_attention.decoding.arguments import positive_integer
from keras_attention.losses.sequence import checked_class_weight, weight_table
from keras_attention.models.head import PooledHead
from keras_attention.models.label_kinds import KINDS
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class ClassificationHead(PooledHead):
    """A label for a source, and the weights over the source that it comes from.

    ```
    logits = W s + b,    s = sum_t alpha_t h_t     (Yang et al., 2016, equations 7 and 11)
    ```

    where the weights `alpha` of the annotations `h` are those of an `AttentionPooling`. They are
    the evidence: what has no weight has no part in `s`.

    Args:
        num_labels: int. Labels, from 0 on; of the kind `"numeric"`, numbers.
        kind: `"single"`: each source has one label. `"several"`: each has any number of labels, and
            each label a logit of its own. `"ordinal"`: each has one label, and the labels have an
            order, by a cumulative link, `P(y <= k) = sigmoid(theta_k - w . s)` (McCullagh, 1980).
            `"numeric"`: each has `num_labels` numbers, trained by squared error.
        units: int. Size of the hidden layer of the pooling; that of the annotations if None.
        dropout: float in [0, 1). Fraction of the features of `s` dropped.
        label_smoothing: float in [0, 1), of the loss.
        class_weight: dict of weights, floats of at least 0, by label, for the loss: how much a
            source with that label counts. 1 for labels that are not in it.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        values: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True at real positions.
        training: bool. Whether dropout is active.

    Output:
        Float tensor `(batch, num_labels)`: logits, of ordered labels their log-probabilities, or
        the numbers. For `fit`, labels are int `(batch,)`, of the kind `"several"` bool
        `(batch, num_labels)`, -1 where there is none; numbers are float `(batch, num_labels)`.

        `answer` gives `ids`, int32 `(batch,)`, the most probable label, of the kind `"several"`
        bool `(batch, num_labels)`; `scores`, float32 `(batch,)`, the probability of that;
        `probabilities`, float32 `(batch, num_labels)`; and `evidence`, float32 `(batch, source)`,
        weights that sum to one over the real positions. Numbers come as `values`, float32
        `(batch, num_labels)`, with `evidence`, and nothing else.

    Example:

    >>> head = keras_attention.models.ClassificationHead(num_labels=3)
    >>> answer = head.answer(np.ones((2, 5, 4), "float32"))
    >>> {name: tuple(x.shape) for name, x in answer.items()}
    {'ids': (2,), 'scores': (2,), 'probabilities': (2, 3), 'evidence': (2, 5)}

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification";
        McCullagh, 1980, "Regression Models for Ordinal Data"; Guo et al., 2017, "On Calibration of
        Modern Neural Networks".
    """

    def __init__(
        self,
        num_labels,
        kind="single",
        units=None,
        dropout=0.0,
        label_smoothing=0.0,
        class_weight=None,
        **kwargs,
    ):
        super().__init__(units, dropout, **kwargs)
        if kind not in KINDS:
            raise ValueError(f"Expected `kind` to be one of {[*KINDS]}. Received: kind={kind!r}")
        self.num_labels = positive_integer("num_labels", num_labels)
        self.kind = kind
        self.label_smoothing = label_smoothing
        self.class_weight = checked_class_weight(class_weight)
        self._kind = KINDS[kind](self.num_labels, label_smoothing, self.class_weight)
        self.make_loss()  # refuses a smoothing that is none
        weight_table(self.class_weight, self.num_labels)  # and weights of other labels
        self.projection = self._kind.make_projection(self.dtype_policy)

    def build(self, values_shape):
        super().build(values_shape)
        self.projection.build((None, values_shape[-1]))
        if self._kind.is_calibrated:
            self.temperature = self.add_weight(
                name="temperature", shape=(), initializer="ones", trainable=False, autocast=False
            )

    def make_loss(self):
        """A new loss of labels and of what a call returns."""
        return self._kind.make_loss()

    def make_metrics(self):
        """A list of new metrics of labels and of what a call returns."""
        return self._kind.make_metrics()

    def calibrate(self, logits, labels):
        """Sets the temperature by which `answer` divides, so that probabilities come true.

        Which label is the most probable does not change, nor what a call returns.

        Args:
            logits: float array `(examples, num_labels)`, what `predict` returns for examples that
                were not trained on.
            labels: their labels, as for `fit`.

        Returns:
            Float, the temperature: above 1 the model was surer than it should be.

        Raises:
            ValueError: the kind is `"numeric"`, the head is not built, or labels are missing.

        Reference:
            Guo et al., 2017, "On Calibration of Modern Neural Networks", section 4.2.
        """
        if not self._kind.is_calibrated or not self.built:
            raise ValueError(
                "Expected a built head whose answers have probabilities. "
                f"Received: kind={self.kind!r}, built={self.built}"
            )
        logits, labels = ops.convert_to_numpy(logits), ops.convert_to_numpy(labels)
        temperature = best_temperature(*self._kind.choices(logits, labels))
        self.temperature.assign(temperature)
        return temperature

    def call(self, values, mask=None, training=None):
        return self._outputs_and_evidence(values, mask, training)[0]

    def _outputs_and_evidence(self, values, mask, training=False):
        pooled, evidence = self._pooled(values, mask, training)
        return at_least_float32(self.projection(pooled)), evidence

    def _answer(self, values, mask):
        outputs, evidence = self._outputs_and_evidence(values, mask)
        if self._kind.is_calibrated:
            outputs = outputs / at_least_float32(self.temperature)
        return {**self._kind.answer(outputs), "evidence": evidence}

    def compute_output_shape(self, values_shape):
        return values_shape[0], self.num_labels

    def compute_output_spec(self, values, mask=None, training=None):
        return keras.KerasTensor(self.compute_output_shape(values.shape), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_labels": self.num_labels,
            "kind": self.kind,
            "label_smoothing": self.label_smoothing,
            "class_weight": self.class_weight,
        }
