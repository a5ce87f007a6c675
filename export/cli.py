"""`keras-attention export`, `verify`, `predict`, `watch`, `translate` and `score`."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.table import Table

from keras_attention.arguments import parse
from keras_attention.decoding.search_options import SearchOptions
from keras_attention.errors import UserError
from keras_attention.files import read_json
from keras_attention.printing import drawing, json_text, make_console
from keras_attention.user_files import expand_home, read_lines

from . import score_pairs
from .answering import Answering, Judge, cut_off
from .lines import LINES_AT_A_TIME, batches_of_lines, readable, standard_input, tell
from .predict import PredictArguments as PredictArguments
from .predict import predict_command as predict_command
from .predict import predict_options as predict_options
from .watch import WatchArguments as WatchArguments
from .watch import watch_command as watch_command
from .watch import watch_options as watch_options

EXPLAINED = ("text", "score", "source_tokens", "target_tokens", "alignment", "token_scores")
FORMAT_NAMES = {"saved_model": "SavedModel", "onnx": "ONNX"}


@dataclasses.dataclass(frozen=True)
class ExportArguments:
    """Exports a trained run as files to serve, and verifies that they produce the same outputs as
    the trained model."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run, or of a saved predictor."""
    to: Path | None = None
    """Folder of the bundle; exports/<name of the run> if not given."""
    held_out: Path | None = None
    """Text file with one sentence per line, on which the exported files are compared with the
    trained model, instead of the sentences that training held out."""
    xla: bool = False
    """Compile the searches of the SavedModel with XLA: about twice as fast on a CPU, after the
    first request of each new shape, which takes seconds. TF Serving then needs
    --xla_cpu_compilation_enabled=true."""
    int8: bool = False
    """Write a second ONNX file, with 8-bit integer weights: smaller, and faster where layers are
    wide. Its outputs may differ from those of the trained model; the manifest records how many
    held-out sentences get the same text."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    json: bool = False
    """Print the manifest as JSON on standard output, and everything else on standard error."""


@dataclasses.dataclass(frozen=True)
class VerifyArguments:
    """Repeats the parity check of a bundle: compares its files with the recorded outputs of the
    trained model, in clean processes."""

    bundle: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BUNDLE")]
    """Folder of the bundle."""
    json: bool = False
    """Print the report as JSON on standard output, and everything else on standard error."""


@dataclasses.dataclass(frozen=True)
class TranslateArguments:
    """Translates texts, or each line of standard input, and prints one line for each."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|BUNDLE")]
    """Folder of a run, of a saved translator, or of an exported bundle."""
    texts: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")
    ] = ()
    """Texts to translate; the lines of standard input if there are none."""
    format: Literal["saved_model", "onnx", "onnx_int8"] | None = None
    """Which file of a bundle to run; the SavedModel if not given."""
    explain: bool = False
    """Also print the source, the probabilities of the translation and of its tokens, and the
    alignment."""
    nbest: bool = False
    """Print all hypotheses that the search kept, best first, each after its score, and an empty
    line after those of each text."""
    unknown: str | None = None
    """What is printed for an unknown word: the aligned source word (copy), the translation of that
    word in a JSON file that maps source words to target words (path of the file), or the unknown
    token (keep). If not given, as recorded."""
    prefix: str = ""
    """Text that every translation begins with, in whole target tokens. Not for a bundle, whose
    files take no prefix."""
    probability: bool = False
    """Print before each translation its probability per token: the geometric mean of the
    probabilities of its tokens, from 0 to 1."""
    reject: bool = False
    """Print an empty line, and a message on standard error, if the probability of a translation
    (see --probability) is below the threshold that the evaluation of the run recorded. This rejects
    about one in a hundred translations of texts like those of the validation set, and more of
    other texts."""
    reject_below: float | None = None
    """Like --reject, with this threshold, such as 0.9, instead of the recorded one."""
    skip_too_long: bool = False
    """Exit with code 0 even if a text has more tokens than the model takes. Such a text gives an
    empty line in any case."""
    picture: Path | None = None
    """Draw the alignment into this file (.png, .svg, .pdf); for several texts, into numbered
    files."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    json: bool = False
    """Print one JSON object for each text."""


@dataclasses.dataclass(frozen=True)
class ScoreArguments:
    """Scores given translations as the search would. Prints one line for each pair: its score, with
    the penalties of the search, and its log-probability."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a run, or of a saved translator."""
    pairs: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT TRANSLATION ...]")
    ] = ()
    """Texts and translations in turn. If there are none, and no --source, the lines of standard
    input are read: a text, a tab and a translation."""
    source: Path | None = None
    """Text file with one text per line."""
    target: Path | None = None
    """Text file with the translation of each line of --source."""
    tokens: bool = False
    """Print the log-probability of each token too, the end token included."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    json: bool = False
    """Print one JSON object for each pair."""


def export_options(arguments):
    """Reads the arguments of `keras-attention export`."""
    return parse(ExportArguments, arguments, "export")


def export_command(options):
    """Does what `keras-attention export RUN` asks for.

    Args:
        options: `ExportArguments`.
    """
    from .bundle import export

    console = make_console(options.json)
    to = options.to or Path("exports") / options.run.resolve().name
    texts = None if options.held_out is None else read_lines(options.held_out, console.print)
    manifest = export(
        options.run,
        to,
        texts,
        report=console.print,
        search=options.search,
        xla=options.xla,
        int8=options.int8,
    )
    if options.json:
        print(json_text(manifest, indent=2))
    console.print(parity_table(manifest["parity"]))
    _tell_agreement(console, manifest["int8"])
    console.print(f"The bundle lies in {to}; its README.md says how to serve and call it.")


def verify_options(arguments):
    """Reads the arguments of `keras-attention verify`."""
    return parse(VerifyArguments, arguments, "verify")


def verify_command(options):
    """Does what `keras-attention verify BUNDLE` asks for.

    Args:
        options: `VerifyArguments`.
    """
    from .bundle import verify

    console = make_console(options.json)
    report = verify(options.bundle, report=console.print)
    if options.json:
        print(json_text(report, indent=2))
    console.print(parity_table(report["parity"]))
    _tell_agreement(console, report["int8"])
    console.print(f"{options.bundle} is as it was exported, and its outputs are the same.")


def translate_options(arguments):
    """Reads the arguments of `keras-attention translate`."""
    options = parse(TranslateArguments, arguments, "translate")
    if options.reject_below is not None and not 0 <= options.reject_below <= 1:
        raise UserError(
            "--reject-below must be a probability from 0 to 1. "
            f"Received: --reject-below {options.reject_below:g}"
        )
    return options


def translate_command(options, predictor=None):
    """Does what `keras-attention translate RUN_OR_BUNDLE TEXT ...` asks for.

    Args:
        options: `TranslateArguments`.
        predictor: what `open_predictor` returned for the model, if it is at hand.
    """
    from keras_attention.predictors import Translator

    from .predictor import open_predictor

    if options.texts:
        texts = [readable(options.texts, "Text")]
    else:
        texts = batches_of_lines(standard_input(), tell, LINES_AT_A_TIME)
    unknown = options.unknown
    if unknown not in (None, "keep", "copy"):
        unknown = read_json(expand_home(unknown), "a dictionary of words")
    if predictor is None:
        predictor = open_predictor(options.model, options.format, options.search, unknown)
    if not isinstance(predictor, Translator):
        raise UserError(f"{options.model} is no translator: run it with keras-attention predict.")
    (prefix,) = readable([options.prefix], "Prefix")
    ask = predictor.nbest if options.nbest else predictor.predict
    answering = Answering(
        ask=lambda batch: ask(batch, prefix),
        refusals=predictor.too_long,
        tell=tell,
        name="Text" if options.texts else "Line",
    )
    if options.nbest:
        others = (options.explain, options.probability, options.picture is not None)
        if any(others) or options.reject or options.reject_below is not None:
            raise UserError(
                "--nbest goes with neither --explain nor --picture, --probability or --reject."
            )
        for number, source, hypotheses, why_not in answering(texts):
            told = None if hypotheses is None else cut_off(hypotheses)
            if told:
                tell(f"{answering.name} {number}: {told}")
            print(_printed_nbest(source, hypotheses, why_not, options.json), flush=True)
    else:
        judge = Judge(options, predictor, tell)
        for number, source, explanation, why_not in answering(texts):
            judged = explanation and judge(f"{answering.name} {number}", explanation)
            print(_printed(source, judged, why_not, options), flush=True)
            if options.picture is not None and explanation is not None:
                path, many = options.picture, len(options.texts) != 1
                path = path.with_stem(f"{path.stem}-{number}") if many else path
                _draw(path, source, explanation)
    return 2 if answering.refused and not options.skip_too_long else 0


def score_options(arguments):
    """Reads the arguments of `keras-attention score`."""
    return parse(ScoreArguments, arguments, "score")


def score_command(options):
    """Does what `keras-attention score RUN TEXT TRANSLATION ...` asks for.

    Args:
        options: `ScoreArguments`.
    """
    from .predictor import open_translator

    batches = _pairs(options)
    translator = open_translator(options.model, options.search)
    answering = Answering(
        ask=lambda pairs: score_pairs.scores(translator, pairs),
        refusals=lambda pairs: score_pairs.refusals(translator, pairs),
        tell=tell,
        name="Pair" if options.pairs else "Line",
    )
    for _, pair, score, why_not in answering(batches):
        line = score_pairs.printed(pair, score, why_not, options.tokens, options.json)
        print(line, flush=True)
    return 2 if answering.refused else 0


def _pairs(options):
    """Batches of pairs, from where they are."""
    files = options.source, options.target
    if options.pairs and any(files):
        raise UserError("Pairs come as arguments or from --source and --target, not from both.")
    if any(files) and not all(files):
        raise UserError("--source and --target go together.")
    if options.pairs:
        return score_pairs.given_pairs(readable(options.pairs, "Argument"))
    if all(files):
        return score_pairs.pairs_of_files(*(read_lines(file, tell) for file in files))
    return score_pairs.pairs_of_stream(standard_input(), tell)


def parity_table(parity):
    """A report of parity as people read it.

    Args:
        parity: dict of reports by the name of the format. An id or a text that differs is an error,
            and in no report.

    Returns:
        `rich.table.Table`.
    """
    title = "Compared with the trained model: equal ids and texts"
    (first, *_) = parity.values()
    measures = {
        f"max_{name}_difference": f"{name}s"
        for name in ("score", "alignment")
        if f"max_{name}_difference" in first
    }
    table = Table("file", "sentences", "batch sizes", *measures.values(), title=title)
    for name, report in parity.items():
        table.add_row(
            FORMAT_NAMES[name],
            str(report["sentences"]),
            ", ".join(map(str, report["batch_sizes"])),
            *(f"± {report[measure]:.1e}" for measure in measures),
        )
    return table


def _tell_agreement(console, int8):
    if int8 is not None:
        console.print(
            f"With 8-bit weights, {int8['same_text']} of the {int8['sentences']} sentences get the "
            f"answer of the trained model, scores ± {int8['max_score_difference']:.1e}."
        )


def _printed(source, judged, why_not, options):
    if options.json:
        if judged is None:
            return json_text({"source": source, "error": why_not})
        explanation = judged.explanation
        names = EXPLAINED if options.explain else EXPLAINED[:2]
        shown = {"source": source, **{name: getattr(explanation, name) for name in names}}
        shown["finished"] = explanation.finished
        if options.probability:
            shown["probability"] = explanation.token_probability
        if judged.threshold is not None:
            shown["rejected"] = judged.rejected
        return json_text(shown)
    if judged is None:
        return ""
    explanation = judged.explanation
    text = "" if judged.rejected else " ".join(explanation.text.splitlines())
    if options.probability:
        probability = explanation.token_probability
        text = f"{'' if probability is None else f'{probability:.4f}'}\t{text}"
    if not options.explain:
        return text
    return "\n".join([source, text, *_probabilities(explanation), _alignment_text(explanation), ""])


def _probabilities(explanation):
    """Lines that say how probable a translation and its tokens are."""
    if explanation.token_scores is None:  # A bundle of version 0.1 tells no more.
        return [f"score {explanation.score:z.4f}"]
    pairs = zip(explanation.target_tokens, explanation.token_scores, strict=True)
    return [
        f"probability {explanation.token_probability:.4f} (geometric mean of the tokens)",
        "tokens " + "  ".join(f"{token} {math.exp(score):.4f}" for token, score in pairs),
    ]


def _printed_nbest(source, hypotheses, why_not, as_json):
    if as_json:
        if hypotheses is None:
            return json_text({"source": source, "error": why_not})
        rows = [
            {"text": row.text, "score": row.score, "finished": row.finished} for row in hypotheses
        ]
        return json_text({"source": source, "nbest": rows})
    rows = hypotheses or ()
    lines = [f"{score:z.4f}\t{' '.join(text.splitlines())}" for text, score in rows]
    return "\n".join([*lines, ""])


def _alignment_text(explanation):
    from keras_attention.visualization import alignment_text

    return drawing(
        alignment_text(explanation.alignment, explanation.source_tokens, explanation.target_tokens)
    )


def _draw(path, source, explanation):
    from keras_attention.visualization import save_alignment

    save_alignment(
        path,
        explanation.alignment,
        explanation.source_tokens,
        explanation.target_tokens,
        title=f"{source} → {explanation.text}",
    )
