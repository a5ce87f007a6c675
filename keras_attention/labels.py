"""Tokens made visible: what a person reads in place of a space, a control or a lone accent."""

import unicodedata

_SPACE = "␣"  # U+2423 OPEN BOX
DOTTED_CIRCLE = "◌"  # U+25CC, what Unicode draws below a combining mark that stands alone
LEFT_TO_RIGHT_MARK = "\u200e"
_INVISIBLE_NAMES = {
    "\u00ad": "SHY",
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u2060": "WJ",
    "\ufeff": "BOM",
}


def code_point(character):
    """The Unicode name of last resort of a character: `"U+5E74"`."""
    return f"U+{ord(character):04X}"


def visible(token):
    r"""A token as it can be printed: the same text with nothing in it that cannot be seen.

    Every kind of space becomes an open box. Controls become their code point. Format characters
    (direction marks, joiners) are dropped inside a word, and named where they are all there is.
    A combining mark with no letter before it stands on a dotted circle.

    Args:
        token: string, one token of a tokenizer.

    Returns:
        A string; empty only for an empty token.

    Example:

    >>> visible("3 мая"), visible("\u200f"), visible("\t")
    ('3␣мая', 'RLM', 'U+0009')
    """
    kept = [character for character in token if unicodedata.category(character) != "Cf"]
    if token and not kept:
        return "".join(_INVISIBLE_NAMES.get(hidden, code_point(hidden)) for hidden in token)
    text = "".join(_visible_character(character) for character in kept)
    starts_with_a_mark = text and unicodedata.category(text[0]).startswith("M")
    return DOTTED_CIRCLE + text if starts_with_a_mark else text


def _visible_character(character):
    category = unicodedata.category(character)
    if category.startswith("Z"):
        return _SPACE
    # Controls, surrogates, private use and unassigned: no terminal and no font agrees on these.
    return code_point(character) if category.startswith("C") else character


def clusters(text):
    r"""The characters of a text as columns of a terminal hold them: a letter with its marks.

    >>> [len(cluster) for cluster in clusters("e\u0301te\u0301")]
    [2, 1, 2]
    """
    found = []
    for character in text:
        if found and unicodedata.category(character).startswith("M"):
            found[-1] += character
        else:
            found.append(character)
    return found


def display_width(text):
    r"""The number of terminal columns a text takes: two for a wide character, none for a mark.

    >>> display_width("März"), display_width("3月"), display_width("e\u0301")
    (4, 3, 1)
    """
    return sum(_character_width(character) for character in text)


def _character_width(character):
    is_hangul_tail = 0x1160 <= ord(character) <= 0x11FF  # joins the syllable's first consonant
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or is_hangul_tail:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def is_right_to_left(text):
    """Whether any letter of a text is written from right to left."""
    return any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)


def isolate(text):
    """A text that cannot turn the order of its neighbours in a terminal that reorders lines."""
    if not is_right_to_left(text):
        return text
    return LEFT_TO_RIGHT_MARK + text + LEFT_TO_RIGHT_MARK
