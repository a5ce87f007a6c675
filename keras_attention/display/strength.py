"""How strongly a word is marked."""

import numpy as np

LEVEL_FROM = (0.1, 0.35, 0.7)  # The least fraction of the largest weight of each level but 0.


def strengths(words):
    """The weight of each word as a fraction of the largest one.

    Args:
        words: list of `WeightedWord`.

    Returns:
        List of float from 0 to 1; all 0 where no weight is positive.
    """
    largest = max((word.weight for word in words), default=0.0)
    return [max(word.weight, 0.0) / largest if largest > 0 else 0.0 for word in words]


def levels(words):
    """How strongly each word is marked.

    Args:
        words: list of `WeightedWord`.

    Returns:
        List of int from 0, not at all, to 3, as the word of the largest weight is.
    """
    return [int(np.digitize(strength, LEVEL_FROM)) for strength in strengths(words)]


def best_first(probabilities):
    """Labels and probabilities, the most probable first.

    Args:
        probabilities: dict of float by label, or None.

    Returns:
        List of pairs.
    """
    return sorted((probabilities or {}).items(), key=lambda pair: -pair[1])
