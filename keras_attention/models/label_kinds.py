"""What labels of a `ClassificationHead` can be: one of several, any number, ordered, numbers."""

import keras
from keras import ops

from keras_attention.losses import MultiLabelCrossEntropy, SequenceCrossEntropy
from keras_attention.metrics import LabelSetAccuracy, TokenAccuracy
from keras_attention.models.cumulative_link import CumulativeLink
from keras_attention.ops.normalizers import softmax


class Single:
    """Each source has one label: a softmax over all.

    Args:
        num_labels: int.
        label_smoothing: float in [0, 1).
        class_weight: dict of floats by label, or None.
    """

    least_labels = 1
    is_calibrated = True

    def __init__(self, num_labels, label_smoothing, class_weight):
        if num_labels < self.least_labels:
            raise ValueError(
                f"Expected `num_labels` to be at least {self.least_labels}. "
                f"Received: num_labels={num_labels}"
            )
        self.num_labels = num_labels
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def make_projection(self, dtype):
        """The layer from a pooled source to the output that is trained on."""
        return keras.layers.Dense(self.num_labels, dtype=dtype, name="projection")

    def make_loss(self):
        """The loss of labels and that output."""
        return SequenceCrossEntropy(
            self.label_smoothing, pad_id=-1, name="cross_entropy", class_weight=self.class_weight
        )

    def make_metrics(self):
        """Metrics of labels and that output."""
        return [TokenAccuracy(pad_id=-1, name="accuracy")]

    def answer(self, outputs):
        """What a user asks for, from outputs divided by the temperature."""
        probabilities = ops.cast(softmax(outputs), "float32")
        scores, ids = ops.top_k(probabilities, 1)  # (batch, 1): `argmax` does not convert to ONNX
        return {
            "ids": ops.cast(ids[:, 0], "int32"),
            "scores": scores[:, 0],
            "probabilities": probabilities,
        }

    def choices(self, outputs, labels):
        """Outputs `(choices, options)` and the option that was right, -1 where it is not known."""
        return outputs, labels.reshape(-1)


class Several(Single):
    """Each source has any number of labels: a sigmoid for each."""

    def make_loss(self):
        return MultiLabelCrossEntropy(self.label_smoothing, self.class_weight)

    def make_metrics(self):
        return [LabelSetAccuracy()]

    def answer(self, outputs):
        ids = outputs > 0
        # Of the decision that was taken for each label; never below a half.
        decisions = ops.sum(ops.log_sigmoid(ops.abs(outputs)), axis=-1)
        return {
            "ids": ids,
            "scores": ops.cast(ops.exp(decisions), "float32"),
            "probabilities": ops.cast(ops.sigmoid(outputs), "float32"),
        }

    def choices(self, outputs, labels):
        """Each label is a choice of its own, between an output of zero and its logit."""
        logits = outputs.reshape(-1, 1)
        return logits * [[0, 1]], labels.reshape(-1)


class Ordinal(Single):
    """Each source has one label, and the labels have an order: a cumulative link."""

    least_labels = 2

    def make_projection(self, dtype):
        return CumulativeLink(self.num_labels, dtype=dtype, name="projection")


class Numeric(Single):
    """Each source has numbers: no softmax."""

    is_calibrated = False

    def __init__(self, num_labels, label_smoothing, class_weight):
        super().__init__(num_labels, label_smoothing, class_weight)
        if label_smoothing or class_weight is not None:
            raise ValueError(
                "Expected no `label_smoothing` and no `class_weight` with kind='numeric'. "
                f"Received: label_smoothing={label_smoothing}, class_weight={class_weight}"
            )

    def make_loss(self):
        return keras.losses.MeanSquaredError()

    def make_metrics(self):
        return [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]

    def answer(self, outputs):
        return {"values": ops.cast(outputs, "float32")}


KINDS = {"single": Single, "several": Several, "ordinal": Ordinal, "numeric": Numeric}
