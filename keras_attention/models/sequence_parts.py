"""What a `Seq2Seq` is made of, and how data passes through it."""

from typing import NamedTuple

import keras

from keras_attention.ops import masks
from keras_attention.ops.fitting import as_bool, bool_where_known, check_fits, known


class SequenceParts(NamedTuple):
    """The layers of a `Seq2Seq` and the pass through them, before and after it is a Keras model.

    Attributes:
        encoder, decoder: as `Seq2Seq` is given them.
        target_embedding: `keras.layers.ReversibleEmbedding`, which also projects to logits.
        source_embedding: embedding of ids, or a `keras.layers.Dense` for frames.
        projection: layer from the decoder's output to the width of the embedding, or None.
        pad_id: int.
    """

    encoder: object
    decoder: object
    target_embedding: object
    source_embedding: object
    projection: object
    pad_id: int

    def encode(self, source, source_mask=None, training=None):
        """Annotations and mask of a source: see `Seq2Seq.encode`."""
        mask = real_positions(source, source_mask, self.pad_id)
        embedded = embed_source(self.source_embedding, source)
        values = self.encoder(embedded, mask=mask, training=training)
        return {"values": values, "mask": mask}

    def decode(self, target, memory, training=None):
        """Logits of every target position."""
        embedded = embed(self.target_embedding, target)
        outputs = self.decoder(embedded, memory["values"], memory["mask"], training=training)
        return self.logits(outputs)

    def logits(self, outputs):
        """Logits from what the decoder gave."""
        if self.projection is not None:
            outputs = self.projection(outputs)
        return self.target_embedding(outputs, reverse=True)


def real_positions(source, source_mask=None, pad_id=0):
    """Which positions of a source are no padding.

    Args:
        source: int tensor `(batch, source)`, or float frames `(batch, source, features)`.
        source_mask: bool tensor `(batch, source)`, the answer where it is given; or None.
        pad_id: int.

    Returns:
        Bool tensor `(batch, source)`.

    Raises:
        ValueError: the mask does not fit the source.
    """
    if source_mask is not None:
        source_mask = bool_where_known("source_mask", source_mask)
        check_fits("source_mask", source_mask, source.shape[:2])
        return as_bool(source_mask, "source_mask")
    return (
        masks.padding_mask(source, pad_id) if len(source.shape) == 2 else masks.frames_mask(source)
    )


def embed_source(embedding, source):
    """Embedded ids, with a variance of one at the start, or projected frames."""
    return embed(embedding, source) if len(source.shape) == 2 else embedding(source)


def check_source_kind(vocabulary_size, features):
    """Raises ValueError unless a source is ids or frames, and not both.

    Args:
        vocabulary_size: int, or None.
        features: int, or None.
    """
    if (vocabulary_size is None) == (features is None):
        raise ValueError(
            "Exactly one of `source_vocabulary_size` and `source_features` must be given. "
            f"Received: source_vocabulary_size={vocabulary_size}, source_features={features}"
        )


def source_input(features):
    """The symbolic input of ids, or of frames of so many features."""
    if features is None:
        return keras.Input((None,), dtype="int32", name="source")
    return keras.Input((None, features), name="source")


def embed(embedding, ids):
    """Embedded tokens, with a variance of one at the start."""
    return embedding(ids) * embedding.output_dim**0.5


def make_target_embedding(vocabulary_size, dim, tie, dtype, name="target_embedding"):
    """The embedding of target tokens, which the logits come from, too."""
    # Rows of norm one: the tied logits start small, and `embed` scales the input back to a
    # variance of one, without which recurrent models stay at unigram statistics for long.
    return keras.layers.ReversibleEmbedding(
        vocabulary_size,
        dim,
        tie_weights=tie,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=dim**-0.5),
        # Left to itself the layer gives float32 in the one pass and float16 in a step.
        reverse_dtype=dtype.compute_dtype,
        dtype=dtype,
        name=name,
    )


def make_source_embedding(vocabulary_size, dim, features, dtype):
    """The embedding of source tokens, or the projection of frames."""
    if features is not None:
        return keras.layers.Dense(dim, dtype=dtype, name="source_projection")
    return keras.layers.Embedding(
        vocabulary_size,
        dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=dim**-0.5),
        dtype=dtype,
        name="source_embedding",
    )


def check_targets(inputs, pad_id):
    """Refuses targets that begin with padding, where the ids are known.

    Every position of a target counts from its start, and none is masked.

    Args:
        inputs: dict of one batch or more, as in a call of `Seq2Seq`. While it is traced its ids
            are not known; anything else, such as a dataset, passes.
        pad_id: int.

    Raises:
        ValueError: a row has padding before tokens.
    """
    if isinstance(inputs, dict) and "target" in inputs:
        check_right_padding("target", inputs["target"], pad_id)


def check_right_padding(name, ids, pad_id):
    """Raises ValueError for rows that have padding before tokens, where the ids are known.

    Args:
        name: str, for the message.
        ids: int array or tensor `(batch, length)`; anything else, such as a dataset, passes.
        pad_id: int.
    """
    ids = known(ids)
    if ids is None or ids.ndim != 2 or not ids.size:
        return
    wrong = (ids[:, 0] == pad_id) & (ids != pad_id).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"Expected `{name}` to be padded on the right. "
            f"Received: {name}[{wrong.argmax()}]={ids[wrong.argmax()].tolist()}, "
            f"pad_id={pad_id}"
        )


def check_filled_from_start(name, mask):
    """Raises ValueError for rows of a mask that have True after False, where it is known.

    Args:
        name: str, for the message.
        mask: bool tensor `(batch, length)`.
    """
    mask = known(mask)
    if mask is None:
        return
    wrong = (mask[:, 1:] & ~mask[:, :-1]).any(axis=1)
    if wrong.any():
        raise ValueError(
            f"Expected each row of `{name}` to be True from its start on and False behind that, as "
            f"padding stands on the right. Received: ({name})[{wrong.argmax()}]="
            f"{mask[wrong.argmax()].tolist()}"
        )
