"""Tokenizers by the name of their kind."""

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.storage import TOKENIZER_FILE, read_config
from keras_attention.errors import UserError
from keras_attention.text.byte import ByteTokenizer
from keras_attention.text.character import CharacterTokenizer
from keras_attention.text.sentencepiece import SentencePieceTokenizer
from keras_attention.text.tokenizer import Tokenizer
from keras_attention.text.word import WordTokenizer
from keras_attention.text.wordpiece import WordPieceTokenizer

BUILT_IN = (
    CharacterTokenizer,
    ByteTokenizer,
    WordTokenizer,
    WordPieceTokenizer,
    SentencePieceTokenizer,
)


def load(folder):
    """Read the tokenizer of a folder, whatever its kind.

    Args:
        folder: path of a folder that `Tokenizer.save` wrote.

    Returns:
        A `Tokenizer`.

    Raises:
        UserError: the folder is missing or broken, or of an unknown kind.
    """
    return _class_of(read_config(folder, TOKENIZER_FILE, "tokenizer")["kind"]).load(folder)


def train(kind, strings, **options):
    """Learn a tokenizer of the named kind.

    Args:
        kind: one of `"character"`, `"byte"`, `"word"`, `"wordpiece"`, `"sentencepiece"`.
        strings: iterable of `str` or `bytes`, read once.
        **options: those of the `train` method of that kind.

    Returns:
        A `Tokenizer`.
    """
    return _class_of(kind).train(strings, **options)


def _class_of(kind):
    known = {tokenizer.kind: tokenizer for tokenizer in BUILT_IN}
    known |= {name: kind for name, kind in Codec.kinds.items() if issubclass(kind, Tokenizer)}
    if kind not in known:
        raise UserError(
            f"Expected a kind of tokenizer among {', '.join(known)}. Received: {kind!r}."
        )
    return known[kind]
