"""Tokenizers that live in the graph: strings to ids and back, as TensorFlow operations.

Character, byte, word and WordPiece tokenizers are made of core TensorFlow operations, so a
SavedModel that holds one loads anywhere; SentencePiece needs tensorflow-text in the loader too.
"""

try:
    import tensorflow as _tensorflow  # noqa: F401
except ImportError as error:
    raise ImportError(
        "keras_attention.text needs TensorFlow: "
        'install it with pip install "keras-attention[training]".'
    ) from error

from keras_attention.text.byte import ByteTokenizer as ByteTokenizer
from keras_attention.text.character import CharacterTokenizer as CharacterTokenizer
from keras_attention.text.factory import load as load
from keras_attention.text.factory import train as train
from keras_attention.text.sentencepiece import SentencePieceTokenizer as SentencePieceTokenizer
from keras_attention.text.tokenizer import Tokenizer as Tokenizer
from keras_attention.text.word import WordTokenizer as WordTokenizer
from keras_attention.text.wordpiece import WordPieceTokenizer as WordPieceTokenizer
