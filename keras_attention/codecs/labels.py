"""Names of classes to ids and back."""

import math

import tensorflow as tf

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.names import Names, check_names
from keras_attention.errors import UserError
from keras_attention.text.inputs import as_strings
from keras_attention.text.words import SPACE


class Labels(Codec):
    """The labels of a classification: each has its place in a list of names as its id.

    Args:
        names: list of str. The labels in the order of their ids.
        several: whether a text has any number of labels, also none. They are then written in one
            string, with a comma between two of them.
        name: name of the `tf.Module`.

    Attributes:
        names: list of str.

    Raises:
        ValueError: `names` is no list of distinct strings, or one holds a comma where a text has
            `several`.

    Example:

    >>> labels = Labels(["card lost", "refund"])
    >>> labels.encode(["refund", "card lost"]).numpy().tolist()
    [1, 0]
    >>> labels.decode([1, 1]).numpy().tolist()
    [b'refund', b'refund']
    >>> both = Labels(["card lost", "refund"], several=True)
    >>> both.encode(["refund, card lost", ""]).numpy().tolist()
    [[1, 1], [0, 0]]
    """

    kind = "labels"
    spec = tf.TensorSpec([None], tf.string)
    separator = ","

    def __init__(self, names, several=False, name=None):
        super().__init__(name=name)
        self._label_names = check_names(names, "label")
        self.several = bool(several)
        if self.several and any(self.separator in label for label in self._label_names):
            raise ValueError(
                "Expected no comma in `names`: where a text has several labels, a comma stands "
                f"between them. Received: names={self.names}"
            )
        self._table = Names(self._label_names, "label")

    @property
    def names(self):
        """The labels in the order of their ids."""
        return list(self._label_names)

    @classmethod
    def train(cls, examples, several=False):
        """Learn the labels that occur, in the order of their code points; numbers in their order.

        Args:
            examples: iterable of str, the label of each text, or its labels with commas between.
            several: see the class.

        Returns:
            A `Labels`.

        Raises:
            UserError: there is no label.
        """
        examples = list(examples)
        if several:
            examples = [label for text in examples for label in text.split(cls.separator)]
        names = sorted({label.strip() for label in examples} - {""}, key=_in_order)
        if not names:
            raise UserError(
                "There is no label to learn: the labels of the training data are empty."
            )
        return cls(names, several=several)

    def encode(self, raw):
        """Turn labels into ids.

        Args:
            raw: list, array or tensor of strings, of shape `(batch,)`. White space around a label
                does not count.

        Returns:
            An int32 tensor of shape `(batch,)`; where a text has `several`, `(batch, labels)`, 1
            for each label that it has and 0 for others.

        Raises:
            UserError: a label was not learned. Inside a graph: `tf.errors.InvalidArgumentError`.
        """
        raw = as_strings(raw)
        if not self.several:
            return self._table.ids(_stripped(raw))
        labels = tf.strings.split(raw, self.separator)
        labels = labels.with_values(_stripped(labels.values))
        labels = tf.ragged.boolean_mask(labels, labels != "")
        ids = labels.with_values(self._table.ids(labels.values))
        chosen = tf.one_hot(ids.to_tensor(-1), len(self.names), dtype=tf.int32)
        return tf.maximum(tf.reduce_max(chosen, axis=1), 0)  # The maximum of nothing is below 0.

    def decode(self, encoded):
        """Turn ids into labels.

        Args:
            encoded: integers of any shape; where a text has `several`, bool or 0 and 1 of shape
                `(..., labels)`.

        Returns:
            A string tensor of the same shape, `""` where an id is that of no label; where a text
            has `several`, of shape `(...)`.
        """
        encoded = tf.convert_to_tensor(encoded)
        if not self.several:
            return self._table.texts(encoded)
        chosen = tf.where(tf.cast(encoded, tf.bool), tf.constant(self.names), "")
        joined = tf.strings.reduce_join(chosen, axis=-1, separator=f"{self.separator} ")
        # Labels that are not chosen leave a separator without a label.
        joined = tf.strings.regex_replace(
            joined, f"(^|{self.separator} )({self.separator} )+", r"\1"
        )
        return tf.strings.regex_replace(joined, f"{self.separator} $", "")

    def tokens(self, encoded):
        """The label of each id; where a text has `several`, the name of each place.

        Args:
            encoded: as `decode` takes it.

        Returns:
            A string tensor of the same shape, `""` where there is no label.
        """
        encoded = tf.convert_to_tensor(encoded)
        if not self.several:
            return self._table.texts(encoded)
        return tf.where(tf.cast(encoded, tf.bool), tf.constant(self.names), "")

    def lengths(self, encoded):
        """1 for each row: a label is one position, and so are several of them together."""
        return tf.ones(tf.shape(encoded)[:1], tf.int32)

    def padded(self, encoded, length=None):
        """The ids as they are: labels have no length."""
        return tf.convert_to_tensor(encoded)

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {"names": self.names, "several": self.several}


def _stripped(labels):
    """Labels without the white space around them, as `str.strip` has it; also of Unicode."""
    return tf.strings.regex_replace(labels, f"^{SPACE}+|{SPACE}+$", "")


def _in_order(label):
    """A key that sorts numbers by their value, before other labels by their code points."""
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    return (0, value, label) if math.isfinite(value) else (1, 0.0, label)
