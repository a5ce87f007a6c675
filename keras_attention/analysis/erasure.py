"""Whether evidence is evidence: what a model says without it, and with it alone."""

import dataclasses
import math

import numpy as np

from keras_attention.analysis.evidence import check_method, evidence_of, kept_words
from keras_attention.errors import UserError
from keras_attention.evidence_words import word_weights

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
_RESAMPLES = 1000  # Of the bootstrap.
_INTERVAL = (2.5, 97.5)  # Percentiles.


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One measure of erasure, for the evidence and for random words.

    Attributes:
        evidence: float. The measure of the evidence, averaged over texts and fractions of words.
        random: float. That of random words of the same numbers.
        advantage: float. How much better the evidence is; below 0, how much worse.
        interval: pair of float. The 95 % bootstrap interval of `advantage` over texts.
        evidence_by_share, random_by_share: lists of float. The measures at each fraction of words.
    """

    evidence: float
    random: float
    advantage: float
    interval: tuple
    evidence_by_share: list
    random_by_share: list

    @property
    def beats_random(self):
        """Whether the whole interval lies above 0."""
        return self.interval[0] > 0


@dataclasses.dataclass(frozen=True)
class Erasure:
    """What `erasure` found.

    Attributes:
        method: str. Where the evidence comes from.
        texts: int. The texts that were compared.
        too_short: int. Texts left out: with fewer than two words there is nothing to choose.
        shares: list of float. The fractions of the words of a text that were erased.
        draws: int. How often random words were drawn for each text and fraction.
        comprehensiveness: `Comparison` of how much the probability of the label falls without the
            words.
        sufficiency: `Comparison` of how much it falls with these words alone.
    """

    method: str
    texts: int
    too_short: int
    shares: list
    draws: int
    comprehensiveness: Comparison
    sufficiency: Comparison

    @property
    def beats_random(self):
        """Whether the evidence is better than random words, by both measures."""
        return self.comprehensiveness.beats_random and self.sufficiency.beats_random

    @property
    def report(self):
        """One sentence that says whether the evidence is evidence."""
        measures = {
            "comprehensiveness": self.comprehensiveness,
            "sufficiency": self.sufficiency,
        }
        lost = [name for name, measure in measures.items() if not measure.beats_random]
        verdict = f"no better than random words in {' and '.join(lost)}" if lost else ""
        without, alone = measures.values()
        return (
            f"The evidence ({self.method}) is {verdict or 'better than random words'}: "
            f"without its words the probability of the label falls by {without.evidence:.3f} "
            f"(random words: {without.random:.3f}), with them alone by {alone.evidence:.3f} "
            f"({alone.random:.3f}), over {self.texts:,} texts."
        )

    def as_dict(self):
        """All of it as values that JSON can hold."""
        return {
            **dataclasses.asdict(self),
            "beats_random": self.beats_random,
            "report": self.report,
        }


def erasure(predictor, texts, method="attention", shares=SHARES, draws=5, seed=0):
    """Compares the evidence for labels with random words, by erasing both.

    With the probability `m(x)_j` of the label `j` that the model gives to the text `x`, and the
    words `r` with the largest weights in its evidence (DeYoung et al., 2020, equations 1 and 2):

        comprehensiveness = m(x)_j - m(x without r)_j        higher is better
        sufficiency = m(x)_j - m(r alone)_j                  lower is better

    each averaged over the given fractions of the words of a text (their "AOPC"), and once more with
    random words of the same number in the place of `r`. If the model looked at the words that its
    evidence names, the evidence beats random words by both measures.

    A word is what stands between white space, and its weight the sum of its tokens' weights. At
    least one word is erased, and at least one is kept. Random words are those with the largest sums
    when the same weights are shuffled among the tokens of the text. Where each word is one token,
    all words are equally likely; elsewhere a word of many tokens is likelier, as it is in evidence
    that says nothing.

    Args:
        predictor: `keras_attention.Labeller` with labels, or what has its `explain(texts)`.
        texts: list of str, for example of the validation set.
        method: as `evidence` takes it.
        shares: fractions of the words of a text, between 0 and 1.
        draws: int. How often random words are drawn for each text and fraction.
        seed: int. Of the random words, and of the bootstrap.

    Returns:
        `Erasure`, with `beats_random`, `report` and `as_dict()`.

    Raises:
        UserError: the model has no labels, or fewer than two texts have two words.

    Reference:
        DeYoung et al., 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models".
    """
    check_method(method)
    texts = list(texts)
    labellings = predictor.explain(texts) if texts else []
    weights = evidence_of(predictor, labellings, method)
    offsets = [labelling.offsets for labelling in labellings]
    rows = list(zip(texts, offsets, weights, strict=True))
    generator = np.random.default_rng(seed)
    shuffled = [
        [word_weights(text, places, _shuffled(places, row, generator)) for _ in range(draws)]
        for text, places, row in rows
    ]

    def probabilities(some):
        rows = [list(labelling.probabilities.values()) for labelling in predictor.explain(some)]
        return np.asarray(rows, "float64")

    words = [word_weights(*row) for row in rows]
    return erase(probabilities, texts, words, method, shares, draws, seed, shuffled)


def _shuffled(offsets, weights, generator):
    """The weights of the tokens of a text in random order; those without characters keep theirs."""
    weights, offsets = np.array(weights), np.asarray(offsets).reshape(-1, 2)
    real = np.flatnonzero(offsets[:, 0] < offsets[:, 1])
    weights[real] = generator.permutation(weights[real])
    return weights


def erase(probabilities, texts, words, method, shares=SHARES, draws=5, seed=0, random_words=None):
    """What `erasure` does, for any function that gives probabilities and any weights of words.

    Args:
        probabilities: function from a list of str to a float array `(texts, labels)`.
        texts: list of str.
        words: for each text a list of `WeightedWord`, as `word_weights` returns it.
        method: str. The name of the evidence, for the report.
        shares, draws, seed: see `erasure`.
        random_words: for each text `draws` lists like those of `words`, whose words with the
            largest weights are the random ones; if not given, all words are equally likely.

    Returns:
        `Erasure`.

    Raises:
        ValueError: `shares` or `draws` are not as `erasure` says.
        UserError: fewer than two texts have two words.

    Example:

    >>> from keras_attention.evidence_words import words_of
    >>> praise = {"fine", "good", "great", "nice"}
    >>> texts = [f"a {word} film by them" for word in sorted(praise)]
    >>> def probabilities(some):  # of a classifier that looks for one of these words
    ...     found = [praise & set(text.split()) for text in some]
    ...     return np.array([[0.9, 0.1] if words else [0.4, 0.6] for words in found])
    >>> words = [word_weights(text, words_of(text), [0.1, 0.6, 0.1, 0.1, 0.1]) for text in texts]
    >>> found = erase(probabilities, texts, words, "by hand", shares=[0.2])
    >>> found.beats_random, round(found.comprehensiveness.evidence, 3)
    (True, 0.5)
    """
    shares = [float(share) for share in shares]
    if not shares or not all(0 < share < 1 for share in shares):
        raise ValueError(f"Expected `shares` to be between 0 and 1. Received: shares={shares}")
    if draws < 1:
        raise ValueError(f"Expected `draws` to be at least 1. Received: draws={draws}")
    chosen = [place for place, of_text in enumerate(words) if len(of_text) > 1]
    if len(chosen) < 2:
        raise UserError(
            "Evidence is compared with random words over at least two texts of two words or more. "
            f"Received: {len(chosen)} such texts"
        )
    generator = np.random.default_rng(seed)
    if random_words is None:
        random_words = [[_equal(of_text)] * draws for of_text in words]
    plans = [
        _Plan(texts[place], words[place], random_words[place], shares, generator)
        for place in chosen
    ]
    asked = dict.fromkeys(text for plan in plans for text in plan.texts)  # Each is asked once.
    asked = dict(zip(asked, probabilities(list(asked)), strict=True))
    falls = np.stack([plan.falls(asked) for plan in plans])  # (texts, measure, source, share)
    without, alone = falls[:, 0], falls[:, 1]
    return Erasure(
        method=method,
        texts=len(chosen),
        too_short=len(texts) - len(chosen),
        shares=shares,
        draws=draws,
        comprehensiveness=_comparison(without, without[:, 0] - without[:, 1], generator),
        sufficiency=_comparison(alone, alone[:, 1] - alone[:, 0], generator),
    )


def _equal(words):
    return [word._replace(weight=0.0) for word in words]


def _ranked(words, generator):
    """The places of words, the largest weight first; those of equal weight in random order."""
    shuffled = generator.permutation(len(words))
    weights = np.array([words[place].weight for place in shuffled])
    return shuffled[np.argsort(-weights, kind="stable")]


class _Plan:
    """The texts that are made of one text: without words, and with these words alone."""

    def __init__(self, text, words, random_words, shares, generator):
        self.whole = text
        self._words = [(word.begin, word.end) for word in words]
        count = len(words)
        numbers = [min(math.ceil(share * count), count - 1) for share in shares]
        # For each fraction: the text made with the evidence, and those made with random words.
        ranked = _ranked(words, generator)
        self._evidence = [self._erased(ranked[:number]) for number in numbers]
        drawn = [
            [_ranked(of_draw, generator)[:number] for of_draw in random_words] for number in numbers
        ]
        self._random = [[self._erased(places) for places in of_number] for of_number in drawn]

    def _erased(self, places):
        """The text without some words, and these words alone."""
        erased = set(map(int, places))
        kept = [place for place in range(len(self._words)) if place not in erased]
        return (
            kept_words(self.whole, self._words, kept),
            kept_words(self.whole, self._words, sorted(erased)),
        )

    @property
    def texts(self):
        """All texts whose probabilities are needed."""
        pairs = [*self._evidence, *(pair for drawn in self._random for pair in drawn)]
        return [self.whole, *(text for pair in pairs for text in pair)]

    def falls(self, probabilities):
        """How much the probability of the label falls.

        Args:
            probabilities: dict of float array `(labels,)` by text.

        Returns:
            Float array `(2, 2, shares)`: without the words and with them alone; of the evidence and
            of random words, averaged over draws.
        """
        whole = probabilities[self.whole]
        label = int(np.argmax(whole))

        def fall(pair):
            return [whole[label] - probabilities[text][label] for text in pair]

        of_evidence = np.array([fall(pair) for pair in self._evidence])  # (shares, measure)
        of_random = np.array([np.mean(list(map(fall, drawn)), axis=0) for drawn in self._random])
        return np.stack([of_evidence.T, of_random.T], axis=1)


def _comparison(falls, advantages, generator):
    """A `Comparison` of falls `(texts, source, share)`, by the advantages `(texts, share)`."""
    by_share = falls.mean(axis=0)
    of_texts = advantages.mean(axis=1)
    drawn = generator.integers(0, len(of_texts), (_RESAMPLES, len(of_texts)))
    low, high = np.percentile(of_texts[drawn].mean(axis=1), _INTERVAL)
    return Comparison(
        evidence=float(by_share[0].mean()),
        random=float(by_share[1].mean()),
        advantage=float(of_texts.mean()),
        interval=(float(low), float(high)),
        evidence_by_share=by_share[0].tolist(),
        random_by_share=by_share[1].tolist(),
    )
