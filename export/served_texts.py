"""Texts as the endpoints of a SavedModel take them."""

import tensorflow as tf

from .signatures import TEXT

TEXT_SPEC = tf.TensorSpec([None], tf.string, name=TEXT)


def encoded_texts(text, codec, max_length):
    """Ids of at least one text, none of them longer than the model takes.

    Args:
        text: string tensor `(batch,)`. No loop likes an empty batch: an empty text stands in it.
        codec: the source codec.
        max_length: int. Ids that a text may have.

    Returns:
        The texts, `(max(batch, 1),)`, and their ids, int32 `(max(batch, 1), source)`.

    Raises:
        tf.errors.InvalidArgumentError: when it runs, a text is longer.
    """
    nobody = tf.cast(tf.equal(tf.shape(text)[0], 0), tf.int32)
    text = tf.concat([text, tf.fill([nobody], "")], axis=0)
    rows = codec.encode_source(text)  # (batch, None)
    with tf.control_dependencies([_check_lengths(codec.lengths(rows), max_length)]):
        return text, codec.padded(rows)


def _check_lengths(lengths, max_length):
    position = tf.argmax(lengths, output_type=tf.int32)
    sentence = tf.strings.format(
        f"Text {{}} has {{}} tokens with the end token; this model takes at most {max_length}.",
        (position + 1, lengths[position]),
    )
    return tf.debugging.Assert(lengths[position] <= max_length, [sentence])
