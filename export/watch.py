"""`keras-attention watch`: labels a stream of JSON lines, and tells when shares of labels shift."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from keras_attention.arguments import parse
from keras_attention.errors import UserError
from keras_attention.printing import json_text
from keras_attention.share_alerts import BASELINE, SMOOTHING, parse_rules

from .lines import LINES_AT_A_TIME, batches_of_lines, standard_input, tell


@dataclasses.dataclass(frozen=True)
class WatchArguments:
    """Labels a stream: reads JSON lines from standard input, and prints each as soon as it is
    answered, with its label, the probability and the evidence added. It keeps the share of each
    label, in which newer texts count more, and prints an alert line when a share leaves the band
    that it had in the beginning, and another one when it is back."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|BUNDLE")]
    """Folder of a run, of a saved predictor, or of an exported bundle."""
    format: Literal["saved_model", "onnx", "onnx_int8"] | None = None
    """Which file of a bundle to run; the SavedModel if not given."""
    text_column: str = "text"
    """The field of a line that holds its text."""
    time_column: str | None = None
    """The field of a line that holds its time, in any form; alert lines repeat it."""
    alert: str = ""
    """When a share is worth an alert, such as "negative > 3 sigma": a label, or * for any; > (above
    the expected share), < (below) or <> (either); and a number of standard deviations. Several have
    semicolons between them. An alert ends when the share is back within half of the number."""
    smoothing: float = SMOOTHING
    """Weight of the newest text in the share of each label, above 0 and at most 1. Smaller numbers
    see smaller shifts, later: about 2 / smoothing texts count."""
    baseline: int = BASELINE
    """Texts at the beginning of the stream from which the expected shares are estimated. No alert
    begins before they have come."""
    expected: Path | None = None
    """JSON file with the expected share of each label, such as {"negative": 0.2, "positive": 0.8},
    instead of a baseline."""
    alerts_only: bool = False
    """Print alert lines alone."""
    prefix: str = ""
    """What the names of the added fields begin with: label, score, evidence, tags, spans, shares. A
    line that has a field of such a name already is refused."""


def watch_options(arguments):
    """Reads the arguments of `keras-attention watch`."""
    options = parse(WatchArguments, arguments, "watch")
    parse_rules(options.alert)
    if not 0 < options.smoothing <= 1:
        raise UserError(
            "--smoothing must be above 0 and at most 1. "
            f"Received: --smoothing {options.smoothing:g}"
        )
    if options.baseline < 1:
        raise UserError(f"--baseline must be at least 1. Received: --baseline {options.baseline}")
    if options.alerts_only and not parse_rules(options.alert):
        raise UserError("--alerts-only needs --alert: without a rule there are no alerts.")
    return options


def watch_command(options):
    """Does what `keras-attention watch RUN_OR_BUNDLE` asks for.

    Args:
        options: `WatchArguments`.

    Returns:
        Exit code: 0, or 2 if there were lines and none could be answered.
    """
    from .predictor import open_predictor
    from .watching import Watch

    batches = batches_of_lines(standard_input(), tell, LINES_AT_A_TIME)
    predictor = open_predictor(options.model, options.format)
    watch = Watch(predictor, options, tell)
    try:
        for record in watch(batches):
            print(json_text(record), flush=True)
    finally:  # Ctrl-C is how most streams end.
        watch.summarize()
    return 2 if watch.lines and not watch.answered else 0
