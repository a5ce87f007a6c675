"""The base class of all tokenizers."""

import tensorflow as tf

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.storage import TOKENIZER_FILE
from keras_attention.text.code_points import decode_strings, encode_strings
from keras_attention.text.inputs import as_ids, as_strings
from keras_attention.text.normalization import check_normalization, normalize, normalize_points
from keras_attention.text.offsets import in_source, numbers_of_words
from keras_attention.user_files import read_lines

SPECIAL_TOKENS = ("", "<unk>", "<s>", "</s>")


class Tokenizer(Codec):
    """A two-way map between strings and ids, made of graph operations.

    Ids 0 to 3 are reserved: padding, unknown, start and end; text begins at id 4. Input that is
    not valid UTF-8 is read with U+FFFD in place of what is broken, and is then normalised
    (`normalization`, then `lowercase`); unknown tokens become `unknown_id` and are decoded as
    U+FFFD. All methods take whole batches, eagerly or inside a `tf.function`.

    A subclass defines `kind`, `vocabulary_size`, `_encode`, `_decode`, `_printable` and `train`;
    `_places`, if `offsets` and `word_numbers` are asked for; and `_begins_word`, if that is.

    Args:
        lowercase: whether text is lower-cased (full Unicode case mapping) before it is split.
        normalization: `"none"`, `"nfc"` or `"nfkc"` (Unicode Standard Annex 15).
        name: name of the `tf.Module`.
    """

    spec = tf.TensorSpec([None], tf.string)
    config_file = TOKENIZER_FILE
    noun = "tokenizer"
    unknown_id = 1
    start_id = 2
    end_id = 3

    def __init__(self, lowercase=False, normalization="none", name=None):
        super().__init__(name=name)
        self.lowercase = bool(lowercase)
        self.normalization = check_normalization(normalization)
        self._encode_graph = Traced(self._encode_any, tf.TensorSpec([None], tf.string))
        self._decode_graph = Traced(self._decode_any, tf.TensorSpec([None, None], tf.int32))
        self._name_graph = Traced(self._name_any, tf.TensorSpec([None], tf.int32))
        self._offsets_graph = Traced(self._offsets_any, tf.TensorSpec([None], tf.string))
        self._words_graph = Traced(self._words_any, tf.TensorSpec([None], tf.string))

    @property
    def vocabulary_size(self):
        """The number of ids, the four special ones included."""
        raise NotImplementedError

    # What users call ---------------------------------------------------------------------------

    def encode(self, strings, padded=False):
        """Turn strings into ids, without start or end.

        Args:
            strings: list, array or tensor of strings (or bytes), of shape `(batch,)`.
            padded: whether shorter rows are filled up with `pad_id`, as Keras models take them.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`; where `padded`, a `tf.Tensor` of
            shape `(batch, longest)`.
        """
        ids = self._encode_graph(as_strings(strings))
        return self.padded(ids) if padded else ids

    def encode_source(self, strings):
        """Turn strings into ids as an encoder reads them, each row ending in the end token.

        Args:
            strings: as for `encode`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`.
        """
        ids = self.encode(strings)
        ends = tf.fill([ids.nrows(), 1], self.end_id)
        return tf.concat([ids, tf.cast(ends, tf.int32)], axis=1)

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
        return tf.reshape(self._name_graph(tf.reshape(ids, [-1])), tf.shape(ids))

    def offsets(self, strings):
        """Where each token of `encode_source` stands in the text as it was given.

        Places are counted in characters (code points) of the user's text, before it is normalised
        and lower-cased: in Python `text[begin:end]` is what the token has been made of. A token
        that is one of several made of one character, such as a byte or the "f" of the ligature
        "ﬁ", has the place of the whole character; white space is not part of a token that holds
        more than that.

        Args:
            strings: as for `encode`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None, 2)`, begin and end of each token; of
            the end token the length of the text, twice.

        Example:

        >>> from keras_attention import text
        >>> tokenizer = text.WordTokenizer.train(["ﬁne, Ada"], lowercase=True, normalization="nfkc")
        >>> tokenizer.tokens(tokenizer.encode_source(["ﬁne, Ada"])).numpy().tolist()
        [[b'fine', b'##,', b'ada', b'</s>']]
        >>> tokenizer.offsets(["ﬁne, Ada"]).to_list()
        [[[0, 3], [3, 4], [5, 8], [8, 8]]]
        """
        return self._offsets_graph(as_strings(strings))

    def word_numbers(self, strings):
        """Which word each token of `encode_source` begins.

        The words of a text are what stands between single spaces, `text.split(" ")`, whatever the
        tokenizer splits further ("Dr." into "Dr" and "."), or drops: a word that is empty, or white
        space to the tokenizer, has no token. Each of the others is begun exactly once, by the
        first token that holds a character of it.

        Args:
            strings: as for `encode`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`: the place of the word among those
            of the text, -1 for a token that begins none.

        Example:

        >>> from keras_attention import text
        >>> text.WordTokenizer.train(["Dr. Who"]).word_numbers(["Dr. Who"]).to_list()
        [[0, -1, 1, -1]]
        """
        return self._words_graph(as_strings(strings))

    def word_starts(self, strings):
        """Whether each token of `encode_source` begins a word.

        Args:
            strings: as for `encode`.

        Returns:
            A bool `tf.RaggedTensor` of shape `(batch, None)`: where `word_numbers` has a number.
        """
        return self.word_numbers(strings) >= 0

    def begins_word(self, ids):
        """Whether each token begins a word, as far as its ids tell.

        `word_starts`, which sees the text, is exact for every text. Ids do not tell everything: an
        unknown token of a word or WordPiece tokenizer is taken for the beginning of a word, and so
        is a token of theirs behind a tab or another white space.

        Args:
            ids: integers of shape `(batch, length)`, dense or ragged (ragged is padded).

        Returns:
            A bool tensor of the same shape, False for padding, start and end.
        """
        ids = as_ids(ids, self.pad_id)
        return self._begins_word(ids) & ~self._is_special(ids)

    def read(self, path):
        """The lines of a text file, plain or compressed.

        Args:
            path: path of the file.

        Returns:
            List of str.

        Raises:
            UserError: the file cannot be read.
        """
        return read_lines(path)

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
        """Names of ids (count,) of the vocabulary; those of special ids are not used."""
        raise NotImplementedError

    def _is_special(self, ids):
        """Whether ids are of padding, start or end."""
        return (ids == self.pad_id) | (ids == self.start_id) | (ids == self.end_id)

    def _places(self, strings):
        """Normalised strings (batch,) to ragged int32 places (batch, None, 2) of their ids."""
        raise NotImplementedError(f"{type(self).__name__} must define `_places`.")

    def _begins_word(self, ids):
        """Whether each id (batch, length) begins a word; not used for special ones."""
        raise NotImplementedError(f"{type(self).__name__} must define `_begins_word`.")

    # What is traced ------------------------------------------------------------------------------

    def _encode_any(self, strings):
        return self._encode(normalize(strings, self.lowercase, self.normalization))

    def _offsets_any(self, strings):
        source = decode_strings(strings)
        normalized = normalize_points(source, self.lowercase, self.normalization)
        pairs = in_source(self._places(encode_strings(normalized.points)), normalized, source)
        lengths = tf.cast(source.row_lengths(), tf.int32)
        ends = tf.tile(lengths[:, None, None], [1, 1, 2])  # (batch, 1, 2)
        return tf.concat([pairs, tf.RaggedTensor.from_tensor(ends)], axis=1)

    def _words_any(self, strings):
        return numbers_of_words(self._offsets_graph(strings), decode_strings(strings))

    def _decode_any(self, ids):
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=1) > 0
        keep = ~ended & (ids != self.pad_id) & (ids != self.start_id)
        return self._decode(ids, keep)

    def _name_any(self, ids):
        inside = (ids >= 0) & (ids < self.vocabulary_size)
        ids = tf.where(inside, ids, self.unknown_id)
        special = tf.gather(tf.constant(SPECIAL_TOKENS), tf.minimum(ids, self.end_id))
        return tf.where(ids > self.end_id, self._printable(ids), special)


class Traced:
    """A function of one tensor, traced when it is first called, once for all shapes.

    Not an attribute that `tf.Module` tracks: a SavedModel holds only what its signatures use.
    """

    def __init__(self, function, signature):
        self._function = tf.function(function, input_signature=[signature])
        self._graph = None

    def __call__(self, tensor):
        """The result of the function for one tensor."""
        if self._graph is None:
            with tf.init_scope():
                self._graph = self._function.get_concrete_function()
        return self._graph(tensor)
