"""Lists of names whose places are ids: what `Labels` and `Tags` share."""

from collections import Counter

import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text.unknown_parts import listed

NOT_KNOWN = -1


def check_names(names, noun):
    """The names as a tuple of distinct, non-empty strings.

    Args:
        names: list of str.
        noun: str. What one of them is, for the message of an error.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names or not all(isinstance(name, str) and name.strip() == name != "" for name in names):
        raise ValueError(
            "Expected `names` to be a list of strings that do not begin or end in white space, "
            f"none of them empty. Received: names={list(names)}"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Expected each {noun} once in `names`. Received twice: {twice[0]!r}")
    return names


class Names(tf.Module):
    """A table from names to their places and back, which travels with a graph.

    Args:
        names: tuple of str, distinct.
        noun: str. What one of them is, for the messages of errors.
    """

    def __init__(self, names, noun):
        super().__init__()
        self._noun = noun
        with tf.init_scope():
            self._names = tf.constant(names)
            places = tf.range(len(names), dtype=tf.int32)
            initializer = tf.lookup.KeyValueTensorInitializer(self._names, places)
            self._places = tf.lookup.StaticHashTable(initializer, default_value=NOT_KNOWN)

    def ids(self, names):
        """The place of each name of a string tensor, int32 of the same shape.

        Raises:
            UserError: a name is not known; inside a graph `tf.errors.InvalidArgumentError`.
        """
        ids = self._places.lookup(names)
        if tf.executing_eagerly():
            self._refuse_unknown(names.numpy(), ids.numpy())
            return ids
        unknown = tf.boolean_mask(names, ids < 0)
        message = f"A {self._noun} is not among those that were learned:"
        with tf.control_dependencies(
            [tf.debugging.Assert(tf.size(unknown) == 0, [message, unknown])]
        ):
            return tf.identity(ids)

    def texts(self, ids):
        """The name of each id of an integer tensor, `""` where there is none for it."""
        ids = tf.cast(ids, tf.int32)
        inside = (ids >= 0) & (ids < tf.size(self._names))
        return tf.where(inside, tf.gather(self._names, tf.where(inside, ids, 0)), "")

    def _refuse_unknown(self, names, ids):
        unknown = [name.decode("utf-8", "replace") for name in names[ids < 0].tolist()]
        if not unknown:
            return
        known = [name.decode() for name in self._names.numpy().tolist()]
        unknown = list(dict.fromkeys(unknown))
        raise UserError(
            f"Expected each {self._noun} to be one of the {len(known)} that were learned: "
            f"{listed(known)}. Received: {listed(unknown)}"
        )
