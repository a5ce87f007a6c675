"""From pairs of texts to padded batches, as `tf.data` steps that read in order.

Work per element is what makes input pipelines slow, so whole batches are tokenised once, ids stay
in memory, and every later step handles vectors of row numbers: shuffle an epoch, sort inside pools
of batches, cut batches, gather and pad rows.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text import Tokenizer

from .lengths import fixed_lengths, round_up, round_up_in_graph, to_dense

TOKENIZE_AT_ONCE = 2048
POOL_OF_BATCHES = 50
NUMBER_OF_LENGTHS = 8


@dataclasses.dataclass(frozen=True)
class TokenizedPairs:
    """Ids of every pair that the model can take.

    Attributes:
        sources: int32 `tf.RaggedTensor` `(pairs, None)`, each row ending in the end token.
        targets: int32 `tf.RaggedTensor` `(pairs, None)`, without special tokens.
        source_lengths: int array. Tokens of each source, the end token included.
        target_lengths: int array. Tokens of each target as a model reads and writes it, with one
            special token more.
        rows: int array. Place of each pair among the pairs that were given.
        too_long: int. Pairs left out because one side has more tokens than the model takes.
    """

    sources: tf.RaggedTensor
    targets: tf.RaggedTensor
    source_lengths: np.ndarray
    target_lengths: np.ndarray
    rows: np.ndarray
    too_long: int

    def __len__(self):
        return len(self.rows)

    @property
    def tokens(self):
        """Real tokens of an epoch, both sides."""
        return int(self.source_lengths.sum() + self.target_lengths.sum())

    def ids(self, rows):
        """Ids of some pairs, for a JSON file.

        Args:
            rows: list of row numbers.

        Returns:
            List of dicts of lists of int.
        """
        sides = (tf.gather(side, rows).to_list() for side in (self.sources, self.targets))
        return [
            {"source_ids": source, "target_ids": target}
            for source, target in zip(*sides, strict=True)
        ]

    def batch(self, rows, source_lengths, target_lengths):
        """Model inputs and labels of a batch.

        Args:
            rows: int64 tensor of row numbers.
            source_lengths, target_lengths: tuples of int. The fixed lengths to choose from.

        Returns:
            Pair of a dict of `source` and `target`, as `Seq2Seq` takes it, and the labels.
        """
        sources, targets = tf.gather(self.sources, rows), tf.gather(self.targets, rows)
        special = tf.ones([tf.shape(rows)[0], 1], tf.int32)
        previous = tf.concat([special * Tokenizer.start_id, targets], axis=1)
        labels = tf.concat([targets, special * Tokenizer.end_id], axis=1)
        target_length = round_up_in_graph(labels, target_lengths)
        inputs = {
            "source": to_dense(sources, round_up_in_graph(sources, source_lengths)),
            "target": to_dense(previous, target_length),
        }
        return inputs, to_dense(labels, target_length)


def tokenize(
    pairs, source_tokenizer, target_tokenizer, max_source_length=None, max_target_length=None
):
    """Tokenises pairs batch by batch and leaves out those that the model cannot take.

    Args:
        pairs: `Pairs`.
        source_tokenizer, target_tokenizer: tokenizers of `keras_attention.text`.
        max_source_length, max_target_length: int. Tokens of a side, the special token included;
            without them no pair is left out.

    Returns:
        `TokenizedPairs`.

    Raises:
        UserError: every pair is too long.
    """
    sources = encode_all(pairs.sources, source_tokenizer.encode_source)
    targets = encode_all(pairs.targets, target_tokenizer.encode)
    fits = (sources.row_lengths() <= (max_source_length or tf.int64.max)) & (
        targets.row_lengths() + 1 <= (max_target_length or tf.int64.max)
    )
    rows = tf.where(fits)[:, 0]
    if not len(rows):
        raise UserError(
            f"All {len(pairs)} pairs are longer than the model takes "
            f"({max_source_length} source, {max_target_length} target tokens)."
        )
    sources, targets = tf.gather(sources, rows), tf.gather(targets, rows)
    return TokenizedPairs(
        sources=sources,
        targets=targets,
        source_lengths=sources.row_lengths().numpy(),
        target_lengths=targets.row_lengths().numpy() + 1,
        rows=rows.numpy(),
        too_long=len(pairs) - len(rows),
    )


def encode_all(texts, encode):
    """Ids of many texts, a ragged tensor `(texts, None)`.

    Args:
        texts: list of str.
        encode: a codec's `encode` or `encode_source`.
    """
    chunks = [
        encode(texts[begin : begin + TOKENIZE_AT_ONCE])
        for begin in range(0, len(texts), TOKENIZE_AT_ONCE)
    ]
    return tf.concat(chunks, axis=0)


def short_enough(examples, codec, max_length):
    """Places of the examples whose source a model takes.

    Args:
        examples: what has `sources`, such as `Pairs`.
        codec: the model's source codec.
        max_length: int. Source tokens that the model takes, the end token included.
    """
    lengths = encode_all(examples.sources, codec.encode_source).row_lengths().numpy()
    return [place for place, length in enumerate(lengths) if length <= max_length]


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches of tokenised pairs, or of texts and labels, the same for the same seed.

    Attributes:
        pairs: `TokenizedPairs` or `TokenizedTexts`.
        batch_size: int. Rows of a batch; the last of an epoch may have fewer.
        source_lengths, target_lengths: tuples of int. The fixed lengths that batches are padded to.
        seed: int.
    """

    pairs: TokenizedPairs
    batch_size: int
    source_lengths: tuple
    target_lengths: tuple
    seed: int

    @property
    def steps(self):
        """Batches of an epoch."""
        full, rest = divmod(len(self.pairs), self.batch_size * POOL_OF_BATCHES)
        return full * POOL_OF_BATCHES + -(-rest // self.batch_size)

    def training(self, first_epoch, epochs):
        """Dataset of the epochs from `first_epoch` on, each in an order of its own."""
        return self._padded_batches(self.rows(first_epoch, epochs), epochs - first_epoch)

    def epoch(self, number):
        """Dataset of one epoch.

        Args:
            number: int, or an int64 `tf.Variable` that is read whenever the dataset is read from
                its beginning, so that one dataset gives Keras a new order in every epoch.
        """
        numbers = tf.data.Dataset.range(1).map(lambda _: tf.cast(number, tf.int64))
        return self._padded_batches(self._rows(numbers), 1)

    def once(self):
        """Dataset of all pairs once, in a fixed order."""
        return self.training(0, 1)

    def rows(self, first_epoch, epochs):
        """Dataset of the row numbers of each batch."""
        return self._rows(tf.data.Dataset.range(first_epoch, epochs))

    def padding_waste(self):
        """Share of padding among all positions of the first epoch."""
        rows, sources, targets = _longest_of_batches(self)
        positions = rows @ (
            round_up(sources, self.source_lengths) + round_up(targets, self.target_lengths)
        )
        return 1 - self.pairs.tokens / positions

    # Steps of the pipeline, in the order they run.

    def _rows(self, epochs):
        return epochs.flat_map(self._shuffled_pools).flat_map(self._sorted_batches)

    def _shuffled_pools(self, epoch):
        """Row numbers of an epoch in random order, in pools of some batches."""
        order = tf.random.experimental.index_shuffle(
            tf.range(len(self.pairs), dtype=tf.int64),
            tf.stack([self.seed, tf.cast(epoch, tf.int32)]),
            tf.cast(len(self.pairs) - 1, tf.int64),
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(self.batch_size * POOL_OF_BATCHES)

    def _sorted_batches(self, pool):
        """Row numbers of a pool cut into batches of like lengths, the batches in random order."""
        drawn = tf.cast(pool[0], tf.int32)  # Other pools and other epochs begin with another row.
        sources = tf.gather(tf.constant(self.pairs.source_lengths), pool)
        targets = tf.gather(tf.constant(self.pairs.target_lengths), pool)
        # By the longer side: it bounds both, and wastes least of all single keys that we tried.
        pool = tf.gather(pool, tf.argsort(tf.maximum(sources, targets), stable=True))
        size = tf.shape(pool)[0]
        count = -(-size // self.batch_size)
        order = tf.random.experimental.index_shuffle(
            tf.range(count),
            tf.stack([self.seed, drawn]),
            count - 1,
        )

        def cut(index):
            begin = index * self.batch_size
            return pool[begin : begin + self.batch_size]

        return tf.data.Dataset.from_tensor_slices(order).map(cut)

    def _padded(self, rows):
        """Model inputs and labels of a batch of row numbers, padded to one of the fixed lengths."""
        return self.pairs.batch(rows, self.source_lengths, self.target_lengths)

    def _padded_batches(self, rows, epochs):
        return (
            rows.map(self._padded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .apply(tf.data.experimental.assert_cardinality(self.steps * epochs))
            .prefetch(tf.data.AUTOTUNE)
        )


def make_batches(pairs, batch_size, seed=0):
    """Batches whose fixed lengths fit the lengths of `pairs`.

    Args:
        pairs: `TokenizedPairs`, or `TokenizedTexts` with a label each.
        batch_size: int.
        seed: int. Of the order of pairs.

    Returns:
        `Batches`.
    """
    whole = Batches(
        pairs=pairs,
        batch_size=batch_size,
        source_lengths=(int(pairs.source_lengths.max()),),
        target_lengths=(int(pairs.target_lengths.max()),),
        seed=seed,
    )
    rows, sources, targets = _longest_of_batches(whole)
    return dataclasses.replace(
        whole,
        source_lengths=fixed_lengths(np.repeat(sources, rows), NUMBER_OF_LENGTHS),
        target_lengths=fixed_lengths(np.repeat(targets, rows), NUMBER_OF_LENGTHS),
    )


def _longest_of_batches(batches):
    """Number of rows, longest source and longest target of each batch of the first epoch."""
    rows = [rows.numpy() for rows in batches.rows(0, 1)]
    return (
        np.array([len(row) for row in rows]),
        np.array([batches.pairs.source_lengths[row].max() for row in rows]),
        np.array([batches.pairs.target_lengths[row].max() for row in rows]),
    )
