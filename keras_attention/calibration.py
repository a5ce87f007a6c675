"""Temperature scaling: probabilities that are as often right as they say."""

import numpy as np

LOWEST, HIGHEST = 0.1, 10.0


def best_temperature(logits, labels):
    """The temperature `T` of the highest likelihood of labels under `softmax(logits / T)`.

    The negative log-likelihood is convex in `1 / T`; its minimum is found by bisection of the
    derivative. It does not change which label is the most probable.

    Args:
        logits: float array `(examples, labels)`, of examples that were not trained on.
        labels: int array `(examples,)`, -1 where there is none.

    Returns:
        Float, from 0.1 to 10: where each label is right, the best one would be zero.

    Raises:
        ValueError: The shapes do not belong together, or no example has a label.

    Example:

    >>> from keras_attention.calibration import best_temperature
    >>> logits = np.array([[4.0, 0.0]] * 4)  # sure of itself, and right three times of four
    >>> round(4 / best_temperature(logits, np.array([0, 0, 0, 1])), 4)  # log(3)
    1.0986

    Reference:
        Guo et al., 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    logits, labels = np.asarray(logits, "float64"), np.asarray(labels).astype("int64")
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            "Expected `logits` of shape (examples, labels) and `labels` of shape (examples,). "
            f"Received: logits.shape={logits.shape}, labels.shape={labels.shape}"
        )
    logits, labels = logits[labels >= 0], labels[labels >= 0]
    if not len(labels):
        raise ValueError("Expected `labels` of at least one example. Received: none")
    logits = logits - logits.max(axis=1, keepdims=True)
    of_label = logits[np.arange(len(labels)), labels]

    def slope(inverse):
        powers = np.exp(logits * inverse)
        mean = (powers * logits).sum(axis=1) / powers.sum(axis=1)
        return (mean - of_label).mean()

    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / np.sqrt(low * high))
