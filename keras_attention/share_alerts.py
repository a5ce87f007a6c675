"""Rules that say when the share of a label is worth an alert."""

import dataclasses
import re

from keras_attention.errors import UserError

SMOOTHING = 0.01  # Weight of the newest text in the share of a label.
BASELINE = 500  # Texts that the expected shares are estimated from.
ANY = "*"
# Deviations that end an alert, as a fraction of those that begin it.
_ENDS_BELOW = 0.5
_RULE = re.compile(
    r"\s*(?P<label>.*?\S)\s*(?P<sign><>|>|<)\s*(?P<limit>\d+(?:\.\d+)?|\.\d+)\s*sigmas?\s*"
)
_FORM = '"LABEL > 3 sigma", with >, < or <> (either way), and * for any label'


@dataclasses.dataclass(frozen=True)
class AlertRule:
    """When the share of a label is worth an alert.

    Attributes:
        label: str, or `"*"` for any.
        sign: `">"`, above what is expected, `"<"`, below it, or `"<>"`, either.
        limit: float. The deviations beyond which the alert begins.
    """

    label: str
    sign: str
    limit: float

    def __str__(self):
        return f"{self.label} {self.sign} {self.limit:g} sigma"

    def distance(self, deviations):
        """How far a share is on the side that the rule looks at.

        Args:
            deviations: float, that of `LabelShare`.
        """
        return {">": deviations, "<": -deviations, "<>": abs(deviations)}[self.sign]


def parse_rules(text):
    """The rules that a user wrote.

    Args:
        text: str, rules with semicolons between them.

    Returns:
        List of `AlertRule`.

    Raises:
        UserError: one is not of the form of a rule.

    Example:

    >>> [str(rule) for rule in parse_rules("negative > 3 sigma; *<>4.5sigma")]
    ['negative > 3 sigma', '* <> 4.5 sigma']
    """
    rules = []
    for part in filter(str.strip, text.split(";")):
        found = _RULE.fullmatch(part)
        if found is None or not float(found["limit"]):
            raise UserError(f"An alert must be of the form {_FORM}. Received: {part.strip()}")
        rules.append(AlertRule(found["label"], found["sign"], float(found["limit"])))
    return rules


class Alerts:
    """Tells when alerts begin and end.

    An alert begins when its share is beyond the limit, and ends when it is back within half of it:
    a share that stays near the limit makes one alert, not a thousand.

    Args:
        rules: list of `AlertRule`, kept as an attribute.
        labels: list of str, all there can be.

    Raises:
        UserError: a rule names another label.
    """

    def __init__(self, rules, labels):
        unknown = [rule.label for rule in rules if rule.label not in (ANY, *labels)]
        if unknown:
            raise UserError(f"There is no label {unknown[0]}: there are {', '.join(labels)}.")
        self._watched = [
            (rule, label) for rule in rules for label in labels if rule.label in (ANY, label)
        ]
        self.rules = list(rules)
        self._since = {}

    @property
    def labels(self):
        """The labels that rules name, each once."""
        return list(dict.fromkeys(rule.label for rule in self.rules if rule.label != ANY))

    def changes(self, monitor, now):
        """What begins and what ends with the latest text.

        Args:
            monitor: `ShareMonitor`.
            now: any value that says when this is.

        Yields:
            Tuples of `AlertRule`, label, `LabelShare`, and since when the alert has lasted; None
            where it begins now.
        """
        if not monitor.is_ready:
            return
        deviations = dict(zip(monitor.labels, monitor.deviations().tolist(), strict=True))
        for rule, label in self._watched:
            distance, key = rule.distance(deviations[label]), (rule, label)
            if key not in self._since and distance > rule.limit:
                self._since[key] = now
                yield rule, label, monitor[label], None
            elif key in self._since and distance < _ENDS_BELOW * rule.limit:
                yield rule, label, monitor[label], self._since.pop(key)
