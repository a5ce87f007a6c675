"""Labelled texts as a model reads them."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_attention.codecs import words_to_tokens
from keras_attention.errors import UserError

from .labelled_texts import WithoutTargets
from .lengths import round_up_in_graph, to_dense
from .pipeline import encode_all


@dataclasses.dataclass(frozen=True)
class EncodedLabels(WithoutTargets):
    """Ids of every text that the model can take, with its label, its tags, or both.

    Attributes:
        sources: int32 `tf.RaggedTensor` `(texts, None)`, each row ending in the end token.
        labels: int array `(texts, ...)`, or None.
        words: bool `tf.RaggedTensor` `(texts, None)`, True where a token begins a word; or None.
        tags: int32 `tf.RaggedTensor` `(texts, None)`, the tag of each word at the token that
            begins it, and -1 elsewhere; or None.
        source_lengths: int array. Tokens of each text, the end token included.
        rows: int array. Place of each text among those that were given.
        too_long: int. Texts left out because they have more tokens than the model takes.
    """

    sources: tf.RaggedTensor
    labels: np.ndarray | None
    words: tf.RaggedTensor | None
    tags: tf.RaggedTensor | None
    source_lengths: np.ndarray
    rows: np.ndarray
    too_long: int

    def ids(self, rows):
        """Ids of some texts, for a JSON file.

        Args:
            rows: list of row numbers.

        Returns:
            List of dicts.
        """
        columns = {"source_ids": tf.gather(self.sources, rows).to_list()}
        if self.labels is not None:
            columns["label_id"] = self.labels[np.asarray(rows)].tolist()
        if self.tags is not None:
            columns["tag_ids"] = tf.gather(self.tags, rows).to_list()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def batch(self, rows, source_lengths, target_lengths):
        """Model inputs and labels of a batch.

        Args:
            rows: int64 tensor of row numbers.
            source_lengths: tuple of int. The fixed lengths to choose from.
            target_lengths: not needed.

        Returns:
            Pair of inputs and labels, as `EncoderModel` takes them: dicts where there are tags, or
            both labels and tags.
        """
        sources = tf.gather(self.sources, rows)
        length = round_up_in_graph(sources, source_lengths)
        inputs, targets = to_dense(sources, length), {}
        if self.labels is not None:
            targets["labels"] = tf.gather(self.labels, rows)
        if self.tags is not None:
            words, tags = tf.gather(self.words, rows), tf.gather(self.tags, rows)
            words = to_dense(tf.cast(words, tf.int32), length)
            inputs = {"source": inputs, "words": words > 0}
            targets["tags"] = to_dense(tags + 1, length) - 1
        return inputs, targets if len(targets) > 1 else next(iter(targets.values()))


def encode_labelled(examples, source, target, max_source_length=None):
    """Encodes labelled texts, and leaves out those that the model cannot take.

    Args:
        examples: `LabelledTexts`.
        source: tokenizer of `keras_attention.text`.
        target: `keras_attention.codecs.LabelsAndTags`.
        max_source_length: int. Tokens of a text, the end token included; without it no text is
            left out.

    Returns:
        `EncodedLabels`.

    Raises:
        UserError: every text is too long; a label or tag is not known.
    """
    sources = encode_all(examples.texts, source.encode_source)
    lengths = sources.row_lengths().numpy()
    rows = np.flatnonzero(lengths <= (max_source_length or lengths.max()))
    if not len(rows):
        raise UserError(
            f"All {len(examples)} texts are longer than the model takes ({max_source_length} "
            "tokens)."
        )
    labels = words = tags = None
    if target.labels is not None:
        labels = target.labels.encode(examples.labels).numpy()[rows]
    if target.tags is not None:
        numbers = tf.gather(encode_all(examples.texts, source.word_numbers), rows)
        rewritten = [target.tags.rewritten(row) for row in examples.tags]
        words = numbers >= 0
        tags = words_to_tokens(tf.gather(target.tags.encode(rewritten), rows), numbers)
    return EncodedLabels(
        sources=tf.gather(sources, rows),
        labels=labels,
        words=words,
        tags=tags,
        source_lengths=lengths[rows],
        rows=rows,
        too_long=len(examples) - len(rows),
    )
