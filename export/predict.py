"""`keras-attention predict`: answers with their evidence."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from keras_attention.arguments import parse
from keras_attention.errors import UserError
from keras_attention.printing import json_text, make_console

from .answering import Answering
from .lines import LINES_AT_A_TIME, batches_of_lines, readable, standard_input, tell


@dataclasses.dataclass(frozen=True)
class PredictArguments:
    """Answers texts, or each line of standard input: a label with its probability and its evidence
    in the text, tags of the words, or a translation, whatever the model was trained for."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|BUNDLE")]
    """Folder of a run, of a saved predictor, or of an exported bundle."""
    texts: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")
    ] = ()
    """Texts to answer; the lines of standard input if there are none."""
    format: Literal["saved_model", "onnx", "onnx_int8"] | None = None
    """Which file of a bundle to run; the SavedModel if not given."""
    short: bool = False
    """Print one line for each text: its label, a tab and its probability; of a model of tags alone,
    the tags. Without it the text is printed too, with its evidence marked."""
    nbest: int = 0
    """Print so many labels of each text, the most probable first, each after its probability, and
    an empty line after those of each text."""
    reject_below: float | None = None
    """Print an empty line, and a message on standard error, where the probability of the answer is
    below this threshold, such as 0.5."""
    skip_too_long: bool = False
    """Exit with code 0 even if a text has more tokens than the model takes. Such a text gives an
    empty line in any case."""
    html: Path | None = None
    """Also write all answers into this file: a web page that needs no other file, with the evidence
    marked in each text."""
    json: bool = False
    """Print one JSON object for each text."""


def predict_options(arguments):
    """Reads the arguments of `keras-attention predict`."""
    options = parse(PredictArguments, arguments, "predict")
    if options.reject_below is not None and not 0 <= options.reject_below <= 1:
        raise UserError(
            "--reject-below must be a probability from 0 to 1. "
            f"Received: --reject-below {options.reject_below:g}"
        )
    if options.nbest < 0:
        raise UserError(f"--nbest must not be negative. Received: --nbest {options.nbest}")
    if options.nbest and (options.short or options.html or options.reject_below is not None):
        raise UserError("--nbest goes with neither --short nor --html or --reject-below.")
    return options


def predict_command(options):
    """Does what `keras-attention predict RUN_OR_BUNDLE TEXT ...` asks for.

    Args:
        options: `PredictArguments`.
    """
    from keras_attention.predictors import Labeller

    from .predictor import open_predictor

    predictor = open_predictor(options.model, options.format)
    if not isinstance(predictor, Labeller):
        return _translate(options, predictor)
    if options.texts:
        batches = [readable(options.texts, "Text")]
    else:
        batches = batches_of_lines(standard_input(), tell, LINES_AT_A_TIME)
    answering = Answering(
        ask=predictor.nbest if options.nbest else predictor.predict,
        refusals=predictor.too_long,
        tell=tell,
        name="Text" if options.texts else "Line",
    )
    if options.html is not None and not options.html.parent.is_dir():
        raise UserError(f"There is no folder {options.html.parent}.")
    printer = Printer(options, f"{answering.name} {{}}")
    shown = []
    for number, source, answer, why_not in answering(batches):
        printer(number, source, answer, why_not)
        if options.html is not None and answer is not None:
            shown.append(answer)
    if options.html is not None:
        from keras_attention.display import evidence_page
        from keras_attention.files import atomic_file

        with atomic_file(options.html) as temporary:
            temporary.write_text(evidence_page(shown), encoding="utf-8")
    return 2 if answering.refused and not options.skip_too_long else 0


class Printer:
    """Prints answers as the options say.

    Args:
        options: `PredictArguments`.
        name: str. What a text is called, with `{}` for its number.
    """

    def __init__(self, options, name):
        self.options = options
        self.name = name
        self.console = make_console()

    def __call__(self, number, source, answer, why_not):
        """Prints one answer.

        Args:
            number: int. That of the text.
            source: str. The text.
            answer: `Labelling`; a list of `Hypothesis` where the n best are asked for; or None.
            why_not: str. Why there is no answer.
        """
        if self.options.nbest:
            self._print_nbest(source, answer, why_not)
            return
        rejected = False
        if answer is not None and self.options.reject_below is not None:
            rejected = answer.score < self.options.reject_below
            if rejected:
                tell(
                    f"{self.name.format(number)}: the answer is rejected, its probability is "
                    f"{answer.score:.4f}, below {self.options.reject_below:g}."
                )
        if self.options.json:
            print(json_text(self._record(source, answer, why_not, rejected)), flush=True)
        elif answer is None or rejected:
            print(flush=True)
        elif self.options.short:
            text = answer.text if answer.probabilities else " ".join(answer.tags)
            print(f"{text}\t{answer.score:.4f}", flush=True)
        else:
            from keras_attention.display import print_labelling

            print_labelling(answer, self.console)
            print(flush=True)

    def _record(self, source, answer, why_not, rejected):
        from keras_attention.display import labelling_record

        if answer is None:
            return {"source": source, "error": why_not}
        record = labelling_record(answer)
        return record if self.options.reject_below is None else {**record, "rejected": rejected}

    def _print_nbest(self, source, hypotheses, why_not):
        rows = (hypotheses or ())[: self.options.nbest]
        if not self.options.json:
            print("\n".join([*(f"{score:.4f}\t{text}" for text, score in rows), ""]), flush=True)
        elif hypotheses is None:
            print(json_text({"source": source, "error": why_not}), flush=True)
        else:
            labels = [{"label": text, "score": score} for text, score in rows]
            print(json_text({"source": source, "nbest": labels}), flush=True)


def _translate(options, predictor):
    """Answers of a translator, as `translate` prints them."""
    from .cli import TranslateArguments, translate_command

    for name in ("short", "nbest", "html"):
        if getattr(options, name):
            raise UserError(f"--{name} is for labels; {options.model} translates.")
    same = ("model", "texts", "format", "reject_below", "skip_too_long", "json")
    given = TranslateArguments(**{name: getattr(options, name) for name in same})
    return translate_command(given, predictor)
