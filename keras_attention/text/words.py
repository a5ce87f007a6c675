"""Where words begin and end, and how they are put together again.

Text is split at white space, and each punctuation mark, symbol and character of a script that is
written without spaces becomes a word of its own. A word that follows the one before it without a
space begins with "##", so nothing but the kind and number of spaces is lost:

    "3. März 2021" -> "3", "##.", "März", "2021"        "3月3日" -> "3", "##月", "##3", "##日"

A "#" of the text is always a word of one character, so "##" at the head of a longer word can
only mean this.
"""

import tensorflow as tf

JOINER = "##"
# What str.isspace() calls a space; the unit separator, one of them, marks boundaries below.
SPACE = r"[\t-\r\x1c-\x20\x{85}\p{Z}]"
BOUNDARY = "\x1f"
SCRIPTS_WITHOUT_SPACES = "".join(
    rf"\p{{{script}}}"
    for script in ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar")
)
PUNCTUATION = r"\p{P}\p{S}"

LONG = rf"[^ {BOUNDARY}]{{100}}"  # no word is longer; the rest of it is a word that follows
NO_BOUNDARY = f"^[ {BOUNDARY}]+|[ {BOUNDARY}]+$|{BOUNDARY}* {BOUNDARY}*"


def split_words(strings, more_punctuation=""):
    """Split normalised strings (batch,) into a ragged tensor of words (batch, None).

    Args:
        strings: string tensor of shape `(batch,)`.
        more_punctuation: further characters that are words of their own, as in a regular
            expression's brackets.
    """
    alone = rf"([{PUNCTUATION}{more_punctuation}]|[{SCRIPTS_WITHOUT_SPACES}]\p{{M}}*)"
    strings = tf.strings.regex_replace(strings, f"{SPACE}+", " ")
    strings = tf.strings.regex_replace(strings, alone, rf"{BOUNDARY}\1{BOUNDARY}")
    strings = tf.strings.regex_replace(strings, LONG, rf"\0{BOUNDARY}")
    strings = tf.strings.regex_replace(strings, NO_BOUNDARY, " ")
    strings = tf.strings.regex_replace(strings, f"{BOUNDARY}+", f" {JOINER}")
    return _split(strings)


def split_at_spaces(strings):
    """Split strings (batch,) at white space only."""
    return _split(tf.strings.regex_replace(strings, f"{SPACE}+", " "))


def join_words(words, joiner=JOINER):
    """Join a dense tensor of words (rows, length), `""` for none, into strings (rows,)."""
    strings = tf.strings.reduce_join(words, axis=1, separator=" ")
    strings = tf.strings.regex_replace(strings, "  +", " ")
    if joiner:
        strings = tf.strings.regex_replace(strings, f"(^| ){joiner}", "")
    return tf.strings.regex_replace(strings, "^ | $", "")


def has_joiner(word):
    """Whether a word, a `str`, follows the one before it without a space."""
    return len(word) > len(JOINER) and word.startswith(JOINER)


def without_joiner(word):
    """A word, a `str`, as the text has it."""
    return word[len(JOINER) :] if has_joiner(word) else word


def have_joiner(words):
    """Whether words follow the one before them without a space, a bool tensor of their shape."""
    return tf.strings.regex_full_match(words, f"{JOINER}.+")


def _split(strings):
    words = tf.strings.split(strings, sep=" ")
    return tf.ragged.boolean_mask(words, words != "")
