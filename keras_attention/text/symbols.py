"""Strings that a tokenizer never cuts: each is one character of a private area while it splits."""

import re

import tensorflow as tf

from keras_attention.text.inputs import as_strings
from keras_attention.text.normalization import normalize
from keras_attention.text.words import split_words

_FIRST = 0x10F000  # Of plane 16, which Unicode leaves to private use.
_LIMIT = 0xF00


def check_symbols(symbols, lowercase, normalization):
    """User-defined symbols as text has them: normalised as the tokenizer normalises.

    Args:
        symbols: list of distinct strings without white space.
        lowercase, normalization: those of the tokenizer.

    Returns:
        A list of strings.

    Raises:
        ValueError: `symbols` is something else.
    """
    symbols = list(symbols) if isinstance(symbols, list | tuple) else [symbols]
    words = all(isinstance(symbol, str) and symbol.split() == [symbol] for symbol in symbols)
    if not words or len(symbols) > _LIMIT:
        raise ValueError(
            "Expected `user_defined_symbols` to be a list of strings without white space. "
            f"Received: user_defined_symbols={symbols}"
        )
    if not symbols:
        return []
    strings = normalize(as_strings(symbols), lowercase, normalization).numpy().tolist()
    symbols = [string.decode("utf-8") for string in strings]
    if len(set(symbols)) < len(symbols):
        raise ValueError(
            "Expected `user_defined_symbols` that differ after normalisation. "
            f"Received: user_defined_symbols={symbols}"
        )
    return symbols


def stand_in(number):
    """The character that stands for the symbol of a number."""
    return chr(_FIRST + number)


def split_around_symbols(strings, symbols):
    """Words as `split_words` makes them, each symbol a word of one character, its stand-in.

    A stand-in that a text has itself, of an area that Unicode leaves to private use, becomes
    U+FFFD: it cannot be told from the symbol.

    Args:
        strings: string tensor of shape `(batch,)`, normalised.
        symbols: what `check_symbols` returned.

    Returns:
        A ragged string tensor of shape `(batch, None)`.
    """
    if symbols:  # In a text these would be read as the symbols for which they stand.
        stand_ins = f"[{stand_in(0)}-{stand_in(len(symbols) - 1)}]"
        strings = tf.strings.regex_replace(strings, stand_ins, "\ufffd")
    longest_first = sorted(enumerate(symbols), key=lambda item: -len(item[1]))
    for number, symbol in longest_first:
        strings = tf.strings.regex_replace(strings, re.escape(symbol), stand_in(number))
    return split_words(strings, "".join(stand_in(number) for number in range(len(symbols))))
