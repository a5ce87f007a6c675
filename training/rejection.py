"""The probability below which an answer is like none that a model gave to validation sources."""

import numpy as np

QUANTILE = 0.01


def rejection(explanations, quantile=QUANTILE):
    """A threshold for `Explanation.token_probability`, fitted on answers to known sources.

    The rule: the threshold is the `quantile` of the token probabilities of the answers to the
    validation sources, found without interpolation, so that an answer is rejected which is less
    probable than all but that fraction of them. A source that is of the kind of the data is
    rejected about that often; one that is not, the more often the less its answer is sure.

    Args:
        explanations: list of `keras_attention.Explanation`.
        quantile: float from 0 to 1.

    Returns:
        Dict with `quantile` and `threshold`; None where there are no answers.

    Example:

    >>> from keras_attention import Explanation
    >>> answers = [Explanation("a", 0.0, [], ["a"], None, [np.log(p)]) for p in (0.9, 0.5, 0.8)]
    >>> threshold = rejection(answers, quantile=0.5)["threshold"]
    >>> round(threshold, 3)
    0.8
    """
    if not explanations:
        return None
    probabilities = [explanation.token_probability for explanation in explanations]
    threshold = float(np.quantile(probabilities, quantile, method="lower"))
    return {"quantile": quantile, "threshold": round(threshold, 6)}
