"""Whether the probabilities of answers can be trusted."""

import numpy as np

BINS = 15  # Of the expected calibration error, as Guo et al. (2017) have it.


def calibration(is_right, probabilities, bins=BINS):
    """How far the probabilities of answers are from how often they are right.

    `error = sum over bins of count / texts * |accuracy - probability|` (Guo et al. 2017, equation
    3), with bins of equal width, each without its lower and with its upper end.

    Args:
        is_right: sequence of bool.
        probabilities: sequence of float from 0 to 1.
        bins: number of bins.

    Returns:
        Dict with `error` and `bins`, a list of `probability` (the mean), `accuracy` and `count` of
        each bin that has texts, in order.

    Example:

    >>> round(calibration([True, True, False], [0.95, 0.95, 0.55], bins=10)["error"], 3)
    0.217
    """
    is_right, probabilities = np.asarray(is_right, bool), np.asarray(probabilities, float)
    places = np.clip(np.ceil(probabilities * bins).astype(int) - 1, 0, bins - 1)
    rows = [
        {
            "probability": float(probabilities[places == place].mean()),
            "accuracy": float(is_right[places == place].mean()),
            "count": int((places == place).sum()),
        }
        for place in np.unique(places)
    ]
    gaps = [row["count"] * abs(row["accuracy"] - row["probability"]) for row in rows]
    return {"error": float(sum(gaps) / len(is_right)), "bins": rows}
