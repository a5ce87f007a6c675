"""The base class of all tokenizers, and what they keep on disk."""

import json
import os
import re
from functools import cached_property
from pathlib import Path

import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text.normalization import check_normalization, normalize

CONFIG_FILE = "tokenizer.json"
FORMAT = 1
UNKNOWN_TEXT = "\ufffd"
SPECIAL_TOKENS = ("", "<unk>", "<s>", "</s>")


class Tokenizer(tf.Module):
    """A two-way map between strings and ids, made of graph operations.

    Ids 0 to 3 are reserved: padding, unknown, start and end; text begins at id 4. Input that is
    not valid UTF-8 is read with U+FFFD in place of what is broken, and is then normalised
    (`normalization`, then `lowercase`); unknown tokens become `unknown_id` and are decoded as
    U+FFFD. All methods take whole batches, eagerly or inside a `tf.function`.

    A subclass defines `kind`, `vocabulary_size`, `_encode`, `_decode`, `_printable` and `train`.

    Args:
        lowercase: whether text is lower-cased (full Unicode case mapping) before it is split.
        normalization: `"none"` or `"nfkc"` (Unicode Standard Annex 15).
        name: name of the `tf.Module`.
    """

    kind = ""
    needs_tensorflow_text = False
    pad_id = 0
    unknown_id = 1
    start_id = 2
    end_id = 3

    def __init__(self, lowercase=False, normalization="none", name=None):
        super().__init__(name=name)
        self.lowercase = bool(lowercase)
        self.normalization = check_normalization(normalization)

    @property
    def vocabulary_size(self):
        """The number of ids, the four special ones included."""
        raise NotImplementedError

    # What users call ---------------------------------------------------------------------------

    def encode(self, strings):
        """Turn strings into ids, without start or end.

        Args:
            strings: list, array or tensor of strings (or bytes), of shape `(batch,)`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`.
        """
        return self._encode_graph(as_strings(strings))

    def decode(self, ids):
        """Turn ids into strings: padding and start are skipped, the first end ends the text.

        Args:
            ids: integers of shape `(..., length)`, dense or ragged.

        Returns:
            A string tensor of shape `(...)`, always valid UTF-8.
        """
        ids = as_ids(ids, self.pad_id)
        shape = tf.shape(ids)
        rows = tf.reshape(ids, [tf.reduce_prod(shape[:-1]), shape[-1]])  # (rows, length)
        text = tf.reshape(self._decode_graph(rows), shape[:-1])
        text.set_shape(ids.shape[:-1])
        return text

    def tokens(self, ids):
        """Name each id for people: `""` for padding, `"<unk>"`, `"<s>"`, `"</s>"`, or its text.

        Args:
            ids: integers of any shape, dense or ragged (ragged is padded).

        Returns:
            A string tensor of the same shape.
        """
        ids = as_ids(ids, self.pad_id)
        special = tf.gather(tf.constant(SPECIAL_TOKENS), tf.clip_by_value(ids, 0, 3))
        inside = (ids >= 0) & (ids < self.vocabulary_size)
        named = tf.where(ids > self.end_id, self._printable(ids), special)
        return tf.where(inside, named, tf.constant(SPECIAL_TOKENS[self.unknown_id]))

    @classmethod
    def train(cls, strings, **options):
        """Learn a tokenizer from an iterable of strings.

        Args:
            strings: iterable of `str` or `bytes`, read once.
            **options: the options of the kind of tokenizer.

        Returns:
            A tokenizer of this class.
        """
        raise NotImplementedError

    def save(self, folder):
        """Write the tokenizer into a folder: `tokenizer.json` comes last and in one step.

        Args:
            folder: path, made if it is missing.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {"format": FORMAT, "kind": self.kind, **self.get_config(), **self._save(folder)}
        text = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
        write_atomically(folder / CONFIG_FILE, text.encode("utf-8"))

    @classmethod
    def load(cls, folder):
        """Read a tokenizer of this class from a folder that `save` wrote.

        Args:
            folder: path of the folder.

        Returns:
            The tokenizer.

        Raises:
            UserError: the folder is missing or broken, or holds another kind of tokenizer.
        """
        config = read_config(folder)
        if config["kind"] != cls.kind:
            raise UserError(
                f"Expected a tokenizer of kind {cls.kind!r} in {str(folder)!r}. "
                f"Received: kind={config['kind']!r}."
            )
        options = {name: config[name] for name in config if name not in ("format", "kind")}
        try:
            return cls._load(Path(folder), options)
        except UserError:
            raise
        except (TypeError, ValueError, KeyError) as error:
            raise broken(Path(folder) / CONFIG_FILE, error) from error

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {"lowercase": self.lowercase, "normalization": self.normalization}

    def normalize(self, strings):
        """What the tokenizer reads in place of `strings`: valid, normalised, of one case."""
        return normalize(as_strings(strings), self.lowercase, self.normalization)

    # What a kind of tokenizer defines ----------------------------------------------------------

    def _encode(self, strings):
        """Normalised strings (batch,) to ragged int32 ids."""
        raise NotImplementedError

    def _decode(self, ids, keep):
        """Ids (rows, length) and a bool mask of those to decode, to strings (rows,)."""
        raise NotImplementedError

    def _printable(self, ids):
        """Names of text ids, any shape; other ids may give anything."""
        raise NotImplementedError

    def _save(self, folder):
        """Write what does not fit the configuration; more entries for it."""
        return {}

    @classmethod
    def _load(cls, folder, options):
        return cls(**options)

    # One trace for every batch, also when called eagerly -----------------------------------------

    @cached_property
    def _encode_graph(self):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def encode(strings):
            return self._encode(normalize(strings, self.lowercase, self.normalization))

        with tf.init_scope():
            return encode.get_concrete_function()

    @cached_property
    def _decode_graph(self):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
        def decode(ids):
            ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=1) > 0
            keep = ~ended & (ids != self.pad_id) & (ids != self.start_id)
            return self._decode(ids, keep)

        with tf.init_scope():
            return decode.get_concrete_function()


def as_strings(strings):
    """A string tensor of shape (batch,), from lists, arrays or tensors."""
    try:
        strings = tf.convert_to_tensor(strings, tf.string)
    except UnicodeEncodeError:  # lone surrogates: Python holds them, UTF-8 does not
        strings = tf.constant([re.sub("[\ud800-\udfff]", UNKNOWN_TEXT, text) for text in strings])
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


def read_config(folder):
    """The checked content of a folder's `tokenizer.json`."""
    path = Path(folder) / CONFIG_FILE
    try:
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"No tokenizer in {str(folder)!r}: cannot read {CONFIG_FILE} ({error.strerror})."
        ) from error
    except ValueError as error:
        raise broken(path, error) from error
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise broken(path, "it names no kind of tokenizer")
    if config.get("format") != FORMAT:
        raise UserError(
            f"Expected format={FORMAT} in {str(path)!r}. Received: format={config.get('format')!r}."
        )
    return config


def broken(path, reason):
    """The error of a file that cannot be understood, in one line."""
    return UserError(f"The tokenizer file {str(path)!r} is broken: {' '.join(str(reason).split())}.")


def write_atomically(path, content):
    """Write bytes so that `path` holds either its old or its whole new content."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
