"""The sub-word tokenizer of Kudo and Richardson (2018), run by tensorflow-text."""

import hashlib
import io
from tempfile import NamedTemporaryFile

import tensorflow as tf

from keras_attention.codecs.storage import write_atomically
from keras_attention.errors import UserError
from keras_attention.text.code_points import decode_strings
from keras_attention.text.inputs import UNKNOWN_TEXT
from keras_attention.text.offsets import after_space, in_rows, without_spaces
from keras_attention.text.symbols import check_symbols
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.vocabulary import NO_TEXT, normalized_batches

SPACE_PIECE = "▁"
MODEL_FILE = "sentencepiece.model"
TRAINER_OPTIONS = {
    "hard_vocab_limit": False,
    "character_coverage": 1.0,
    "remove_extra_whitespaces": False,
    "max_sentence_length": 1 << 20,
    "num_threads": 1,
    "pad_id": Tokenizer.pad_id,
    "unk_id": Tokenizer.unknown_id,
    "bos_id": Tokenizer.start_id,
    "eos_id": Tokenizer.end_id,
    "unk_surface": UNKNOWN_TEXT,
    "minloglevel": 2,
}


class SentencePieceTokenizer(Tokenizer):
    """A sub-word tokenizer with a unigram language model over pieces (Kudo, 2018).

    Text is kept with its spaces, so decoding gives back what was encoded, except that spaces at
    the very start are dropped, "▁" (U+2581) is read as a space and a NUL is unknown. A SavedModel
    that holds this tokenizer needs tensorflow-text in the process that loads it.

    Args:
        model: the bytes of a SentencePiece model whose special ids are 0 to 3.
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.

    Reference:
        Kudo and Richardson (2018), SentencePiece. Kudo (2018), Subword regularization.
    """

    kind = "sentencepiece"
    needs_tensorflow_text = True

    def __init__(self, model, lowercase=False, normalization="none", name=None):
        super().__init__(lowercase=lowercase, normalization=normalization, name=name)
        self._model = bytes(model)
        try:
            with tf.init_scope():
                self._size = int(self._operations().vocab_size())
        except tf.errors.OpError as error:
            raise ValueError("Expected model to be the bytes of a SentencePiece model") from error

    @property
    def model(self):
        """The bytes of the SentencePiece model."""
        return self._model

    @property
    def vocabulary_size(self):
        """The number of ids, the four special ones included."""
        return self._size

    @classmethod
    def train(
        cls,
        strings,
        vocabulary_size=8000,
        byte_fallback=False,
        lowercase=False,
        normalization="none",
        user_defined_symbols=(),
    ):
        """Learn pieces from a corpus.

        Args:
            strings: iterable of `str` or `bytes`, read once.
            vocabulary_size: at most so many ids, the special ones (and bytes) included; a small
                corpus gives fewer.
            byte_fallback: whether unknown characters are spelt as bytes (256 more ids).
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.
            user_defined_symbols: list of strings without white space, such as `["<br>"]`, that are
                always one token.

        Returns:
            A `SentencePieceTokenizer`.

        Raises:
            UserError: there is no text, or SentencePiece cannot learn so few pieces from it.
        """
        symbols = check_symbols(user_defined_symbols, lowercase, normalization)
        trainer = sentencepiece().SentencePieceTrainer
        batches = normalized_batches(strings, lowercase, normalization)
        texts = [text for batch in batches for text in batch if text.strip()]
        if not texts:
            raise UserError(NO_TEXT)
        model = io.BytesIO()
        with NamedTemporaryFile("w", suffix=".tsv") as rules:
            # Normalisation is ours. One rule on a code point that is no character: without any,
            # the library prints a line about it whenever a model is opened.
            rules.write("FFFE\tFFFD\n")
            rules.flush()
            try:
                trainer.train(
                    sentence_iterator=iter(texts),
                    model_writer=model,
                    model_type="unigram",
                    vocab_size=vocabulary_size,
                    byte_fallback=byte_fallback,
                    user_defined_symbols=symbols,
                    normalization_rule_tsv=rules.name,
                    **TRAINER_OPTIONS,
                )
            except (RuntimeError, ValueError) as error:
                of_bytes = ", of which byte_fallback takes 256," if byte_fallback else ""
                raise UserError(
                    f"SentencePiece cannot learn vocabulary_size={vocabulary_size}{of_bytes} "
                    f"from this text: {' '.join(str(error).split())}"
                ) from error
        return cls(_without_path(model.getvalue()), lowercase, normalization)

    def _operations(self):
        """Tensorflow-text's operations on the model, made anew in each graph that uses them.

        Made once and captured they would die: the model belongs to the kernel of an eager
        operation, and `tf.random.set_seed` throws those kernels away.
        """
        return tensorflow_text().SentencepieceTokenizer(model=self._model, out_type=tf.int32)

    def _encode(self, strings):
        return self._operations().tokenize(strings)

    def _places(self, strings):
        operations = self._operations()
        ids, begins, ends = operations.tokenize_with_offsets(strings)  # In bytes of each string.
        characters = tf.strings.unicode_split(strings, "UTF-8")
        counts = tf.strings.length(characters.flat_values, "BYTE")
        count = tf.size(counts)
        character_of = tf.concat([tf.repeat(tf.range(count), counts), [count]], 0)
        bytes_before = tf.cumsum(tf.strings.length(strings, "BYTE"), exclusive=True)
        first_byte = tf.gather(bytes_before, ids.value_rowids())
        begin = tf.cast(begins.flat_values, tf.int32) + first_byte
        end = tf.cast(ends.flat_values, tf.int32) + first_byte
        # The library gives a character that is spelt as bytes to the last of them. The mark of a
        # space before the text, which the text does not have, stays empty.
        is_mark = ids.flat_values == operations.string_to_id(SPACE_PIECE)
        end = tf.where((end == begin) & ~is_mark, begin + 1, end)
        begin, last = (
            tf.gather(character_of, begin),
            tf.gather(character_of, tf.maximum(end - 1, 0)),
        )
        places = tf.stack([begin, tf.where(end > begin, last + 1, begin)], axis=1)
        points = decode_strings(strings)
        return without_spaces(in_rows(begins.with_flat_values(places), points), points)

    def _begins_word(self, ids):
        names = self._operations().id_to_string(ids)
        is_space = (names == SPACE_PIECE) | self._is_special(ids)
        marked = tf.strings.regex_full_match(names, f"{SPACE_PIECE}.+")
        return ~is_space & (marked | after_space(is_space))

    def _decode(self, ids, keep):
        inside = (ids >= 0) & (ids < self._size)
        ids = tf.ragged.boolean_mask(tf.where(inside, ids, self.unknown_id), keep)
        text = self._operations().detokenize(ids)
        return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")

    def _printable(self, ids):
        return self._operations().id_to_string(ids)

    def _save(self, folder):
        write_atomically(folder / MODEL_FILE, self._model)
        return {"sha256": hashlib.sha256(self._model).hexdigest()}

    @classmethod
    def _load(cls, folder, options):
        path = folder / MODEL_FILE
        try:
            model = path.read_bytes()
        except OSError as error:
            raise UserError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
        if hashlib.sha256(model).hexdigest() != options.pop("sha256"):
            raise UserError(f"{str(path)!r} is not the file its tokenizer.json was written with.")
        return cls(model, **options)


def tensorflow_text():
    """The tensorflow_text module, or one sentence about how to get it."""
    try:
        import tensorflow_text as module
    except ImportError as error:
        raise ImportError(
            "The SentencePiece tokenizer needs tensorflow-text: "
            'install it with pip install "keras-attention[training]".'
        ) from error
    return module


def sentencepiece():
    """The sentencepiece module, or one sentence about how to get it."""
    try:
        import sentencepiece as module
    except ImportError as error:
        raise ImportError(
            "Training a SentencePiece tokenizer needs sentencepiece: "
            'install it with pip install "keras-attention[training]".'
        ) from error
    return module


def _without_path(model):
    """The model without the name of the temporary file that its training has read."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString(deterministic=True)
