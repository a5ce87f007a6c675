"""Weights of tokens as weights of the words of a user's text."""

import re
from typing import NamedTuple

# Scripts written without spaces: each letter, with its marks, stands for itself. Thai and Lao,
# Myanmar, Khmer, Japanese kana, Chinese characters.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WITH_MARKS = (
    "[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u17b6-\u17d3\u3099\u309a]*"
)
_WORD = re.compile(rf"[{_ALONE}]{_WITH_MARKS}|[^\s{_ALONE}]+")


class WeightedWord(NamedTuple):
    """A word of a text and how much of the evidence it is.

    Attributes:
        begin, end: int. Characters of the text, `text[begin:end]` is the word.
        text: str. The word.
        weight: float.
    """

    begin: int
    end: int
    text: str
    weight: float


def words_of(text):
    """Where the words of a text lie: between white space.

    Each character of a script that is written without spaces, such as Chinese, is a word.

    Args:
        text: str.

    Returns:
        List of pairs of int, the begin and the end of each word in characters.

    Example:

    >>> words_of("No  refund.")
    [(0, 2), (4, 11)]
    >>> words_of("3月")
    [(0, 1), (1, 2)]
    """
    return [found.span() for found in _WORD.finditer(text)]


def word_weights(text, offsets, weights):
    """The weight of each word of a text: the sum of the weights of its tokens.

    A token that lies in several words divides its weight among them, by the number of its
    characters in each. A token that has no characters, such as the end token, belongs to no word.

    Args:
        text: str.
        offsets: int array `(tokens, 2)`, the begin and the end of each token in characters of
            `text`.
        weights: float array `(tokens,)`.

    Returns:
        List of `WeightedWord`, in the order of the text.

    Raises:
        ValueError: there is not one weight for each token.

    Example:

    >>> offsets = [(0, 2), (3, 6), (6, 9), (9, 9)]  # no, ref, und, end token
    >>> words = word_weights("no refund", offsets, [0.125, 0.5, 0.25, 0.125])
    >>> [(word.text, word.weight) for word in words]
    [('no', 0.125), ('refund', 0.75)]
    """
    if len(offsets) != len(weights):
        raise ValueError(
            "Expected one weight for each token. "
            f"Received: len(offsets)={len(offsets)}, len(weights)={len(weights)}"
        )
    words = words_of(text)
    owners = [None] * len(text)
    for place, (begin, end) in enumerate(words):
        owners[begin:end] = [place] * (end - begin)
    sums = [0.0] * len(words)
    for (begin, end), weight in zip(offsets, weights, strict=True):
        inside = [owner for owner in owners[int(begin) : int(end)] if owner is not None]
        for owner in set(inside):
            sums[owner] += float(weight) * (inside.count(owner) / len(inside))
    return [
        WeightedWord(begin, end, text[begin:end], total)
        for (begin, end), total in zip(words, sums, strict=True)
    ]


def evidence_words(labelling):
    """The words of the text that was labelled, with the weight of each in the evidence.

    Args:
        labelling: has `input`, `offsets` and `evidence`, as `keras_attention.predictors.Labelling`.

    Returns:
        List of `WeightedWord`; an empty one if there is no evidence.
    """
    if labelling.evidence is None:
        return []
    return word_weights(labelling.input, labelling.offsets, labelling.evidence)
