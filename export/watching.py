"""Lines of a stream with labels and evidence, and alerts among them."""

import dataclasses
import json

from keras_attention.display import given_labels, labelling_record
from keras_attention.errors import UserError
from keras_attention.files import read_json
from keras_attention.json_shapes import mismatch
from keras_attention.predictors import Labeller
from keras_attention.share_alerts import Alerts, parse_rules
from keras_attention.share_monitor import ShareMonitor

from .answering import Answering

ADDED = ("label", "score", "evidence", "tags", "spans", "shares")


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the stream.

    Attributes:
        record: dict, what the line holds; None if it cannot be read.
        text: str, its text.
        time: what its time column holds.
        why_not: str. What is wrong with it, None if nothing is.
    """

    record: dict = None
    text: str = ""
    time: object = None
    why_not: str = None


class Watch:
    """Lines of a stream with labels and evidence, and alerts among them.

    Its memory does not grow: it holds a batch of lines, and a few numbers for each label.

    Args:
        predictor: `keras_attention.Labeller`.
        options: `WatchArguments`.
        tell: function that tells the user one line.

    Attributes:
        lines: int. Lines that came.
        answered: int. Those that were answered.
    """

    def __init__(self, predictor, options, tell):
        self.predictor = predictor
        self.options = options
        self.tell = tell
        self.lines = self.answered = 0
        self._misses_time = False
        labels = labels_of(predictor, options)
        rules = parse_rules(options.alert)
        self.alerts = Alerts(rules, labels)
        self.monitor = ShareMonitor(
            labels, options.smoothing, options.baseline, expected_shares(options.expected, labels)
        )
        self._answering = Answering(self._ask, self._refusals, tell, "Line")

    def __call__(self, batches):
        """Yields what is printed for each line.

        Args:
            batches: iterable of lists of str.

        Yields:
            Dicts: the line with what was added, then the alerts that begin or end with it.
        """
        read = ([self._read(line) for line in batch] for batch in batches)
        for number, line, labelling, _ in self._answering(read):
            self.lines = number
            if labelling is None:
                continue
            self.answered += 1
            names = given_labels(labelling)
            if self.monitor.labels:
                self.monitor.update(names)
            if not self.options.alerts_only:
                yield {**line.record, **self._added(labelling, names)}
            now = {"line": number, "time": line.time}
            for change in self.alerts.changes(self.monitor, now):
                yield self._alert(*change, now)

    def summarize(self):
        """Tells how many lines came, and how many were skipped."""
        skipped = self._answering.refused
        self.tell(f"{self.lines:,} lines: {self.answered:,} answered, {skipped:,} skipped.")
        if self.alerts.rules and not self.monitor.is_ready:
            self.tell(
                f"The stream ended in its baseline, after {self.monitor.texts:,} of "
                f"{self.monitor.baseline:,} texts: no alert was possible. See --baseline."
            )

    # Lines in ----------------------------------------------------------------------------

    def _read(self, line):
        """A `Line`, whatever is wrong with it."""
        if not line.strip():
            return Line(why_not="is empty.")
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except RecursionError:
            return Line(why_not="is nested too deeply.")
        except ValueError as error:
            return Line(why_not=f"is not JSON: {error}.")
        if not isinstance(record, dict):
            return Line(why_not="is not a JSON object.")
        why_not, text = self._why_not(record), record.get(self.options.text_column)
        if why_not is not None:
            return Line(why_not=why_not)
        return Line(record, text, self._time(record))

    def _why_not(self, record):
        column = self.options.text_column
        if column not in record:
            return f"has no field {column}: name that of the text by --text-column."
        if not isinstance(record[column], str):
            return f"has no text in the field {column}."
        if any("\ud800" <= character <= "\udfff" for character in record[column]):
            return f"has half a character (a lone surrogate) in the field {column}."
        taken = [name for name in self._names() if name in record]
        if taken and not self.options.alerts_only:
            return f"has a field {taken[0]} already: have others added by --prefix."
        return None

    def _names(self):
        return [self.options.prefix + name for name in ADDED]

    def _time(self, record):
        column = self.options.time_column
        if column is not None and column not in record and not self._misses_time:
            self._misses_time = True
            self.tell(f"A line has no field {column}: alerts of such lines tell no time.")
        return record.get(column)

    def _refusals(self, lines):
        refused = {place: line.why_not for place, line in enumerate(lines) if line.why_not}
        asked = [place for place in range(len(lines)) if place not in refused]
        too_long = self.predictor.too_long([lines[place].text for place in asked])
        return refused | {asked[place]: phrase for place, phrase in too_long.items()}

    def _ask(self, lines):
        return self.predictor.explain([line.text for line in lines])

    # Records out -------------------------------------------------------------------------

    def _added(self, labelling, names):
        """What is added to a line."""
        record = labelling_record(labelling)
        shown = dict.fromkeys([*names, *self.alerts.labels])
        if self.monitor.is_ready and shown:
            record["shares"] = {name: self.monitor[name]._asdict() for name in shown}
        prefix = self.options.prefix
        return {prefix + name: record[name] for name in ADDED if name in record}

    def _alert(self, rule, label, share, since, now):
        """An alert line."""
        return {
            "alert": str(rule),
            "state": "begins" if since is None else "ends",
            "label": label,
            **now,
            **({} if since is None else {"since": since}),
            **share._asdict(),
        }


def _refuse_constant(name):
    raise ValueError(f"{name} is no number")


def labels_of(predictor, options):
    """The labels there can be; none of a model of tags alone.

    Args:
        predictor: `Predictor`.
        options: `WatchArguments`.

    Raises:
        UserError: it gives no labels or tags, or no labels where shares of them are asked for.
    """
    if not isinstance(predictor, Labeller):
        raise UserError(f"{options.model} gives no labels: `watch` is for models of texts' labels.")
    if predictor.target.labels is not None:
        return list(predictor.target.labels.names)
    if options.alert or options.expected:
        raise UserError(f"{options.model} gives tags alone: there are no shares of labels.")
    return []


def expected_shares(path, labels):
    """The expected share of each label in a JSON file, or None if there is no file.

    Args:
        path: path of the file, or None.
        labels: list of str, all there can be.

    Raises:
        UserError: the file is damaged, or its labels are others.
    """
    if path is None:
        return None
    shares = read_json(path, "a folder of expected shares")
    wrong = mismatch(shares, dict.fromkeys(labels, float))
    others = sorted(set(shares) - set(labels)) if isinstance(shares, dict) else []
    if wrong is None and others:
        wrong = f"there is no label {others[0]}"
    if wrong is None and not all(0 < share < 1 for share in shares.values()):
        wrong = "each share must be above 0 and below 1"
    if wrong:
        raise UserError(f"{path} must have the expected share of each label: {wrong}.")
    return shares
