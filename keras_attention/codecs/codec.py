"""The base class of all codecs."""

import json
from pathlib import Path

import tensorflow as tf

from keras_attention.codecs.storage import (
    CODEC_FILE,
    FORMAT,
    broken,
    read_config,
    write_atomically,
)
from keras_attention.errors import UserError


class Codec(tf.Module):
    """A two-way map between raw things and what a model reads or writes.

    Raw things are texts, labels, waveforms, pictures; a model reads and writes ids or frames of
    features. A codec is made of graph operations, so it travels into the exported file. All methods
    take whole batches, eagerly or inside a `tf.function`. Tokenizers are codecs: see
    `keras_attention.text.Tokenizer`.

    A subclass defines `kind`, which names it on disk, `spec`, `encode`, `decode`, `tokens`, and,
    where it has options, `get_config`; subclasses with a `kind` can be read by
    `keras_attention.codecs.load`.

    Args:
        name: name of the `tf.Module`.

    Attributes:
        kind: str. Name of the class on disk; empty for a class that is only a base.
        spec: `tf.TensorSpec` of a batch of raw things, the batch axis first.
        needs_tensorflow_text: bool. Whether a file that holds the codec needs tensorflow-text to be
            loaded.
        pad_id: Integer. What shorter rows are padded with; no real position of a model's input.

    Example: a codec of numbers from 0 to 99, one digit a position.

    >>> class Digits(keras_attention.codecs.Codec):
    ...     kind = "digits"
    ...     spec = tf.TensorSpec([None], tf.int32)
    ...     def encode(self, raw):
    ...         return tf.RaggedTensor.from_tensor(tf.stack([raw // 10, raw % 10], axis=1) + 1)
    ...     def decode(self, encoded):
    ...         return (encoded[:, 0] - 1) * 10 + encoded[:, 1] - 1
    ...     def tokens(self, encoded):
    ...         return tf.strings.as_string(encoded - 1)
    >>> digits = Digits()
    >>> digits.decode(digits.padded(digits.encode(tf.constant([7, 42])))).numpy().tolist()
    [7, 42]
    """

    kind = ""
    spec = None
    needs_tensorflow_text = False
    pad_id = 0
    # Of the configuration file, and what errors call it.
    config_file = CODEC_FILE
    noun = "codec"

    kinds = {}  # Classes by their kind: all subclasses that have one.

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if not vars(cls).get("kind"):  # A subclass without a kind of its own is saved as its base.
            return
        taken = Codec.kinds.get(cls.kind)
        if taken and (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                f"Expected a `kind` that no other codec has; {taken.__qualname__} has it. "
                f"Received: kind={cls.kind!r} of {cls.__qualname__}"
            )
        Codec.kinds[cls.kind] = cls

    def encode(self, raw):
        """Turn raw things into rows of ids or frames.

        Args:
            raw: tensor of the batch, as `spec` has it.

        Returns:
            A `tf.RaggedTensor` of shape `(batch, None)`, or `(batch, None, features)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `encode`.")

    def encode_source(self, raw):
        """Turn raw things into rows as an encoder reads them.

        Args:
            raw: as for `encode`.

        Returns:
            A `tf.RaggedTensor`: what `encode` returns, and whatever marks the end of a row.
        """
        return self.encode(raw)

    def decode(self, encoded):
        """Turn rows that a model wrote into answers.

        Args:
            encoded: tensor of shape `(..., length)`.

        Returns:
            A tensor of shape `(...)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `decode`.")

    def tokens(self, encoded):
        """Name each position for people, such as the piece of text or the second.

        Args:
            encoded: tensor of ids of any shape, or of frames `(batch, length, features)`.

        Returns:
            A string tensor, `""` for padding.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `tokens`.")

    def lengths(self, encoded):
        """Number of positions of each row.

        Args:
            encoded: `tf.RaggedTensor`, as `encode` returns it.

        Returns:
            An int32 tensor of shape `(batch,)`.
        """
        return tf.cast(encoded.row_lengths(), tf.int32)

    def padded(self, encoded, length=None):
        """Rows of one length, padded at the end with `pad_id`.

        Args:
            encoded: `tf.RaggedTensor`, as `encode` returns it.
            length: Integer or scalar tensor, that of the longest row if not given.

        Returns:
            A `tf.Tensor` of shape `(batch, length)`, or `(batch, length, features)`.

        Raises:
            tf.errors.InvalidArgumentError: a row is longer than `length`: none is cut.
        """
        rows = encoded.to_tensor(self.pad_id)
        if length is None:
            return rows
        missing = tf.cast(length, tf.int32) - tf.shape(rows)[1]
        check = tf.debugging.assert_non_negative(missing, "A row is longer than `length`.")
        with tf.control_dependencies([check] if check is not None else []):
            paddings = [[0, 0], [0, missing], *[[0, 0]] * (rows.shape.rank - 2)]
            return tf.pad(rows, paddings, constant_values=tf.cast(self.pad_id, rows.dtype))

    def read(self, path):
        """The raw things in a file that a user names on the command line.

        Args:
            path: path of the file.

        Returns:
            List, as long as there are raw things in the file.

        Raises:
            UserError: the file cannot be read.
        """
        raise UserError(
            f"A {self.kind or type(self).__name__} {self.noun} reads no files. Received: {path}"
        )

    @classmethod
    def train(cls, examples, **options):
        """Learn a codec from examples.

        Args:
            examples: iterable of raw things, read once.
            **options: the options of the kind of codec.

        Returns:
            A codec of this class.
        """
        raise NotImplementedError(f"{cls.__name__} must define `train`.")

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {}

    def save(self, folder):
        """Write the codec into a folder: its configuration file comes last and in one step.

        Args:
            folder: path, made if it is missing.
        """
        if not self.kind:
            raise ValueError(
                f"Expected a `kind`, which names the class on disk. Received: {type(self).__name__}"
            )
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {"format": FORMAT, "kind": self.kind, **self.get_config(), **self._save(folder)}
        text = json.dumps(config, ensure_ascii=False, indent=1) + "\n"
        write_atomically(folder / self.config_file, text.encode("utf-8"))

    @classmethod
    def load(cls, folder):
        """Read a codec of this class from a folder that `save` wrote.

        Args:
            folder: path of the folder.

        Returns:
            The codec.

        Raises:
            UserError: the folder is missing or broken, or holds another kind of codec.
        """
        config = read_config(folder, cls.config_file, cls.noun)
        if config["kind"] != cls.kind:
            raise UserError(
                f"Expected a {cls.noun} of kind {cls.kind!r} in {str(folder)!r}. "
                f"Received: kind={config['kind']!r}."
            )
        options = {name: config[name] for name in config if name not in ("format", "kind")}
        try:
            return cls._load(Path(folder), options)
        except UserError:
            raise
        except (TypeError, ValueError, KeyError) as error:
            raise broken(Path(folder) / cls.config_file, error, cls.noun) from error

    def _save(self, folder):
        """Write what does not fit the configuration; more entries for it."""
        return {}

    @classmethod
    def _load(cls, folder, options):
        return cls(**options)
