"""Head that gives a source one of several labels, with evidence."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer, share
from keras_attention.layers import AttentionPooling
from keras_attention.losses import SequenceCrossEntropy
from keras_attention.metrics import TokenAccuracy
from keras_attention.models.head import Head
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.precision import at_least_float32

KINDS = ("single",)


@keras.saving.register_keras_serializable("keras_attention")
class ClassificationHead(Head):
    """A label for a source, and the weights over the source that it comes from.

    ```
    logits = W s + b,    s = sum_t alpha_t h_t     (Yang et al., 2016, equations 7 and 11)
    ```

    where the weights `alpha` of the annotations `h` are those of an `AttentionPooling`. They are
    the evidence: what has no weight has no part in `s`.

    Args:
        num_labels: int. Labels, from 0 on.
        kind: `"single"`: each source has one label.
        units: int. Size of the hidden layer of the pooling; that of the annotations if None.
        dropout: float in [0, 1). Fraction of the features of `s` dropped.
        label_smoothing: float in [0, 1), of the loss.
        class_weight: dict of weights, floats of at least 0, by label, for the loss; 1 for labels
            that are not in it.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        values: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True at real positions.
        training: bool. Whether dropout is active.

    Output:
        Logits, float tensor `(batch, num_labels)`. Labels for `fit` are int `(batch,)`, -1 where
        there is none. `answer` gives `ids`, int32 `(batch,)`, the most probable label; `scores`,
        float32 `(batch,)`, its probability; `probabilities`, float32 `(batch, num_labels)`; and
        `evidence`, float32 `(batch, source)`, weights that sum to one over the real positions.

    Example:

    >>> head = keras_attention.models.ClassificationHead(num_labels=3)
    >>> answer = head.answer(np.ones((2, 5, 4), "float32"))
    >>> {name: tuple(x.shape) for name, x in answer.items()}
    {'ids': (2,), 'scores': (2,), 'probabilities': (2, 3), 'evidence': (2, 5)}

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification".
    """

    evidence = "evidence"

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
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"Expected `kind` to be one of {KINDS}. Received: kind={kind!r}")
        self.num_labels = positive_integer("num_labels", num_labels)
        self.kind = kind
        self.units = None if units is None else positive_integer("units", units)
        self.dropout = share("dropout", dropout)
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.class_weight = self.make_loss().class_weight  # checked, with int keys
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.projection = keras.layers.Dense(
            self.num_labels, dtype=self.dtype_policy, name="projection"
        )

    def build(self, values_shape):
        width = values_shape[-1]
        self.pooling = AttentionPooling(
            self.units or width, dtype=self.dtype_policy, name="pooling"
        )
        self.pooling.build((None, None, width))
        self.projection.build((None, width))

    def make_loss(self):
        """A new loss of labels and logits: cross-entropy."""
        return SequenceCrossEntropy(
            self.label_smoothing, pad_id=-1, name="cross_entropy", class_weight=self.class_weight
        )

    def make_metrics(self):
        """A list of new metrics of labels and logits: accuracy."""
        return [TokenAccuracy(pad_id=-1, name="accuracy")]

    def call(self, values, mask=None, training=None):
        return self._logits_and_evidence(values, mask, training)[0]

    def _logits_and_evidence(self, values, mask, training=False):
        pooled, weights = self.pooling(values, mask=mask, return_attention_scores=True)
        pooled = self.dropout_layer(pooled, training=training)
        return at_least_float32(self.projection(pooled)), ops.cast(weights, "float32")

    def _answer(self, values, mask):
        logits, evidence = self._logits_and_evidence(values, mask)
        probabilities = ops.cast(softmax(logits), "float32")
        scores, ids = ops.top_k(probabilities, 1)  # (batch, 1): `argmax` does not convert to ONNX
        return {
            "ids": ops.cast(ids[:, 0], "int32"),
            "scores": scores[:, 0],
            "probabilities": probabilities,
            "evidence": evidence,
        }

    def compute_output_shape(self, values_shape):
        return values_shape[0], self.num_labels

    def compute_output_spec(self, values, mask=None, training=None):
        return keras.KerasTensor(self.compute_output_shape(values.shape), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_labels": self.num_labels,
            "kind": self.kind,
            "units": self.units,
            "dropout": self.dropout,
            "label_smoothing": self.label_smoothing,
            "class_weight": self.class_weight,
        }
