"""What is shown of a labelled text: how strongly its words are marked, and its labels."""

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


def given_labels(labelling):
    """The labels that a text got: one, or those of several that it has.

    Args:
        labelling: `keras_attention.predictors.Labelling`.

    Returns:
        List of str; an empty one where there are tags alone.
    """
    if not labelling.probabilities:
        return []
    names = np.array(list(labelling.probabilities), dtype=object)
    return names[np.asarray(labelling.ids)].tolist()


def shown_label(labelling):
    """The label of a text as it is shown, also where none of several labels fits."""
    return labelling.text or "(no label)"
