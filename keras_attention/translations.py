"""What a translator answers: translations and why, and how probable given ones are."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np


class _Pair(NamedTuple):
    text: str
    score: float


class Hypothesis(_Pair):
    """One of the translations that a search kept: a pair of text and score.

    Attributes:
        text: str. The translation.
        score: float. What the search ranked it by, as in `Explanation`.
        finished: bool. Whether the translation ended by itself, as in `Explanation`; None where an
            exported file does not tell it. It is no part of the pair: two hypotheses are equal
            where text and score are.

    Example:

    >>> text, score = Hypothesis("a b", -0.5, finished=False)
    >>> text
    'a b'
    """

    def __new__(cls, text, score, finished=True):
        pair = super().__new__(cls, text, score)
        pair.finished = finished
        return pair


@dataclasses.dataclass(frozen=True)
class Explanation:
    """One translated text and why.

    Attributes:
        text: str. The translation.
        score: float. What the search ranked it by: its log-probability, with the search's
            penalties. -1e30 where the constraints of the search allow no translation: the text is
            then empty, or as far as it came.
        source_tokens: list of str, ending in the end token.
        target_tokens: list of str.
        alignment: float array `(target, source)`; row by row the attention over source tokens.
        token_scores: float array `(target,)`, the log-probability of each target token; None where
            an exported file does not tell it.
        finished: bool. Whether the translation ended by itself. False where it was cut off at the
            most tokens that the search makes, and where there is none.
        end_score: float. The log-probability of the end token of an empty translation, where
            `score` holds more than that; None elsewhere.
        ids: int32 array `(target,)`, the ids that were decoded to `text`; None where they are not
            known.
    """

    text: str
    score: float
    source_tokens: list
    target_tokens: list
    alignment: np.ndarray
    token_scores: np.ndarray = None
    finished: bool = True
    end_score: float = None
    ids: np.ndarray = None

    @property
    def token_probability(self):
        """The geometric mean of the probabilities of the target tokens, a number from 0 to 1.

            exp(1 / T * sum_t log P(y_t | y_<t, X))

        The end token is not counted; an empty translation has nothing but it, and its probability.
        It does not depend on the penalties of the search and hardly on the length, so it tells how
        sure the model is. None where there are no `token_scores`.
        """
        if self.token_scores is None:
            return None
        if len(self.token_scores):
            return math.exp(np.mean(self.token_scores))
        return math.exp(self.score if self.end_score is None else self.end_score)


@dataclasses.dataclass(frozen=True)
class TranslationScore:
    """How probable a given translation of a text is.

    Attributes:
        text: str. The translation.
        score: float. What the search would rank it by: its log-probability, divided and corrected
            by the penalties of the search.
        log_probability: float. The sum of `token_scores`.
        target_tokens: list of str, ending in the end token; without it where the translation has as
            many tokens as the search makes at most, which then cuts it off.
        token_scores: float array `(target,)`, the log-probability of each of these tokens.
        finished: bool. Whether the end token is one of them.
    """

    text: str
    score: float
    log_probability: float
    target_tokens: list
    token_scores: np.ndarray
    finished: bool
