"""Strings and ids as people pass them, made tensors."""

import re

import tensorflow as tf

UNKNOWN_TEXT = "\ufffd"
SURROGATES = re.compile("[\ud800-\udfff]")


def as_strings(strings):
    """A string tensor of shape (batch,), from lists, arrays or tensors."""
    try:
        strings = tf.convert_to_tensor(strings, tf.string)
    except ValueError:  # maybe lone surrogates: Python holds them, UTF-8 does not
        if not any(isinstance(text, str) and SURROGATES.search(text) for text in strings):
            raise
        strings = tf.constant(
            [SURROGATES.sub(UNKNOWN_TEXT, t) if isinstance(t, str) else t for t in strings]
        )
    if strings.shape.rank not in (1, None):
        raise ValueError(
            "Expected a batch of strings of shape (batch,). "
            f"Received: strings of shape {strings.shape}."
        )
    return strings


def as_ids(ids, pad_id):
    """An int32 tensor; ragged ids are padded."""
    if isinstance(ids, tf.RaggedTensor):
        ids = ids.to_tensor(pad_id)
    return tf.cast(tf.convert_to_tensor(ids), tf.int32)
