"""Texts with a label each, tokenised: the training data of a classifier or a regression."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_attention.errors import UserError

from .lengths import round_up_in_graph, to_dense
from .pipeline import encode_all


class WithoutTargets:
    """What encoded texts have in common whose answers are no tokens."""

    def __len__(self):
        return len(self.rows)

    @property
    def target_lengths(self):
        """Zeros: a label has no tokens, and tags are as long as their text."""
        return np.zeros_like(self.source_lengths)

    @property
    def tokens(self):
        """Real tokens of an epoch."""
        return int(self.source_lengths.sum())


@dataclasses.dataclass(frozen=True)
class TokenizedTexts(WithoutTargets):
    """Ids of every text that the model can take, with its label; `make_batches` makes batches.

    A batch is a pair: int32 ids `(rows, length)`, padded with zeros, and the labels of the rows.

    Attributes:
        sources: int32 `tf.RaggedTensor` `(texts, None)`.
        labels: array `(texts, ...)`, as it was given.
        source_lengths: int array. Tokens of each text.
        rows: int array. Place of each text among those that were given.
        too_long: int. Texts left out because they have more tokens than the model takes.
    """

    sources: tf.RaggedTensor
    labels: np.ndarray
    source_lengths: np.ndarray
    rows: np.ndarray
    too_long: int

    def batch(self, rows, source_lengths, target_lengths):
        """Model input and labels of a batch.

        Args:
            rows: int64 tensor of row numbers.
            source_lengths: tuple of int. The fixed lengths to choose from.
            target_lengths: not needed.

        Returns:
            Pair of tensors.
        """
        ids = tf.gather(self.sources, rows)
        lengths = [max(length, 1) for length in source_lengths]  # Layers take no empty axis.
        return to_dense(ids, round_up_in_graph(ids, lengths)), tf.gather(self.labels, rows)


def tokenize_texts(texts, labels, tokenizer, max_length=None):
    """Tokenises texts that have a label each, and leaves out those that the model cannot take.

    Args:
        texts: list of str.
        labels: array or list, one entry a text: class numbers, floats, or a row of numbers each.
            Names of classes become numbers by `keras.layers.StringLookup`, or by
            `[names.index(name) for name in labels]`.
        tokenizer: tokenizer of `keras_attention.text`.
        max_length: int. Tokens of a text; without it no text is left out.

    Returns:
        `TokenizedTexts`.

    Raises:
        UserError: there are not as many labels as texts, or labels that are no numbers; every text
            is too long, or there is none.

    Example:

    >>> from keras_attention import text, training
    >>> texts, labels = ["good", "bad", "so good"], [1, 0, 1]
    >>> tokenizer = text.CharacterTokenizer.train(texts)
    >>> batches = training.make_batches(training.tokenize_texts(texts, labels, tokenizer), 2)
    >>> [tuple(ids.shape) for ids, labels in batches.once()]
    [(2, 4), (1, 7)]
    """
    texts = list(texts)
    labels = _numbers(labels)
    if not labels.ndim or len(texts) != len(labels):
        raise UserError(
            f"Expected a label for each of {len(texts)} texts. "
            f"Received: labels of shape {labels.shape}"
        )
    if not texts:
        raise UserError("There is no text to tokenise.")
    ids = encode_all(texts, tokenizer.encode)
    lengths = ids.row_lengths().numpy()
    rows = np.flatnonzero(lengths <= (max_length or lengths.max()))
    if not len(rows):
        raise UserError(f"All {len(texts)} texts have more than {max_length} tokens.")
    return TokenizedTexts(
        sources=tf.gather(ids, rows),
        labels=labels[rows],
        source_lengths=lengths[rows],
        rows=rows,
        too_long=len(texts) - len(rows),
    )


def _numbers(labels):
    try:
        array = np.asarray(labels)
    except ValueError as error:  # Rows of different lengths.
        raise UserError(f"Expected labels of one shape. Received: {error}.") from error
    if array.dtype.kind not in "biuf":
        raise UserError(
            "Expected labels that are numbers; names of classes become numbers by "
            f"keras.layers.StringLookup. Received: labels of type {array.dtype}"
        )
    return array
