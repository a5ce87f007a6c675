"""The share of each label in a stream of texts, and how far it is from what is expected."""

from typing import NamedTuple

import numpy as np

from keras_attention.share_alerts import BASELINE, SMOOTHING


class LabelShare(NamedTuple):
    """The share of one label at one moment.

    Attributes:
        share: float from 0 to 1. The exponentially weighted share of the label.
        expected: float from 0 to 1. The share in the baseline.
        sigma: float. The standard deviation of `share` if nothing but chance moves it.
        deviations: float. `(share - expected) / sigma`.
    """

    share: float
    expected: float
    sigma: float
    deviations: float


class ShareMonitor:
    """The exponentially weighted share of each label in a stream (Roberts, 1959).

    With `x_t` 1 if text `t` has the label, and 0 if not, its share is

        z_t = smoothing * x_t + (1 - smoothing) * z_(t-1),    z_0 = p

    where `p`, the expected share, is that in the first `n = baseline` texts, with half a text added
    to either side: `p = (count + 1/2) / (n + 1)`, so that it is never 0 or 1. As long as each text
    has the label with this probability, independently of the others, the deviation of `z_t` from
    `p` has the variance

        p (1 - p) * [ s / (2 - s) * (1 - (1 - s)^2t)  +  (1 - (1 - s)^t)^2 / n ],   s = smoothing

    The first term is that of an exponentially weighted mean, exact from the first text on and not
    only in the limit of many. The second one is there because `p` is estimated from `n` texts; it
    is 0 where `expected` is given. Texts that come in bursts of one label vary more than this says:
    ask for more deviations before you trust an alert.

    About `(2 - s) / s` texts count, 199 by default. In a simulated stream without any shift, a
    label that a fifth of the texts have comes 3 deviations away once in about 5,000 texts, and 4
    once in 80,000. The rarer a label is, the more often it is far above its share: one that a
    hundredth of the texts have, or fewer, is among 199 too seldom for this variance to say enough.

    Args:
        labels: list of str, all there can be.
        smoothing: float, above 0 and at most 1. The weight of the newest text.
        baseline: int. Texts that the expected shares are estimated from, the first of the stream.
        expected: dict of float by label: expected shares that are known. There is no baseline then.

    Example:

    >>> monitor = ShareMonitor(["bad", "good"], smoothing=0.5, expected={"bad": 0.5, "good": 0.5})
    >>> monitor.update(["bad"])
    >>> monitor["bad"]
    LabelShare(share=0.75, expected=0.5, sigma=0.25, deviations=1.0)

    Reference:
        Roberts, 1959, "Control Chart Tests Based on Geometric Moving Averages".
    """

    def __init__(self, labels, smoothing=SMOOTHING, baseline=BASELINE, expected=None):
        self.labels = list(labels)
        self._places = {label: place for place, label in enumerate(self.labels)}
        if not 0 < smoothing <= 1:
            raise ValueError(
                f"Expected `smoothing` to be above 0 and at most 1. Received: smoothing={smoothing}"
            )
        if baseline < 1:
            raise ValueError(f"Expected `baseline` to be at least 1. Received: baseline={baseline}")
        self.smoothing = smoothing
        self.baseline = baseline
        self.texts = 0
        self._counts = np.zeros(len(self.labels))
        self._weighted = 0  # Texts behind the baseline: t.
        self._error = 1 / baseline
        self.expected = self.shares = None
        if expected is not None:
            self._error = 0.0
            self._start(self._checked(expected))

    def _checked(self, expected):
        """Expected shares as an array."""
        if set(expected) != set(self.labels):
            raise ValueError(
                f"Expected `expected` to have a share for each of {self.labels}. "
                f"Received: expected={expected}"
            )
        shares = np.array([expected[label] for label in self.labels], "float64")
        if not np.all((shares > 0) & (shares < 1)):
            raise ValueError(
                f"Expected `expected` to have shares between 0 and 1. Received: expected={expected}"
            )
        return shares

    def _start(self, expected):
        self.expected = expected
        self.shares = expected.copy()

    @property
    def is_ready(self):
        """Whether the baseline has ended: from then on shares are known."""
        return self.expected is not None

    def update(self, labels):
        """Takes the next text of the stream.

        Args:
            labels: iterable of str, the labels that the text has.
        """
        hits = np.zeros(len(self.labels))
        hits[[self._places[label] for label in labels]] = 1
        self.texts += 1
        if self.is_ready:
            self._weighted += 1
            self.shares += self.smoothing * (hits - self.shares)
            return
        self._counts += hits
        if self.texts == self.baseline:
            self._start((self._counts + 0.5) / (self.baseline + 1))

    def sigmas(self):
        """The standard deviation of each share, float array `(labels,)`."""
        s, kept = self.smoothing, (1 - self.smoothing) ** self._weighted
        of_mean = s / (2 - s) * (1 - kept**2)
        variances = self.expected * (1 - self.expected) * (of_mean + (1 - kept) ** 2 * self._error)
        return np.sqrt(variances)

    def deviations(self):
        """How many standard deviations each share is above what is expected, float `(labels,)`."""
        if not self._weighted:  # Before the first text all are as expected, and sigma is 0.
            return np.zeros(len(self.labels))
        return (self.shares - self.expected) / self.sigmas()

    def __getitem__(self, label):
        """`LabelShare` of a label; None while the baseline lasts."""
        if not self.is_ready:
            return None
        place = self._places[label]
        arrays = self.shares, self.expected, self.sigmas(), self.deviations()
        return LabelShare(*(float(array[place]) for array in arrays))
