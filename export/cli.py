"""`keras-attention export`, `verify` and `translate`."""

import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from keras_attention.arguments import parse
from keras_attention.decoding.search_options import SearchOptions
from keras_attention.errors import UserError
from keras_attention.files import read_json
from keras_attention.user_files import expand_home, read_lines

from .quiet import quiet

LINES_AT_A_TIME = 256
FORMAT_NAMES = {"saved_model": "SavedModel", "onnx": "ONNX"}


@dataclasses.dataclass(frozen=True)
class ExportArguments:
    """Writes a trained run as files that others serve, and proves that they answer the same."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run, or of a saved translator."""
    to: Path | None = None
    """Folder of the bundle; exports/<name of the run> if not given."""
    held_out: Path | None = None
    """Text file with one sentence a line to prove parity with, instead of those that training put
    aside."""
    xla: bool = False
    """Let XLA compile the searches of the SavedModel: about twice as fast on a CPU, after the first
    request of every new shape, which takes seconds. TF Serving needs
    --xla_cpu_compilation_enabled=true for it."""
    int8: bool = False
    """Write a second ONNX file, with 8-bit integers as weights: smaller, and faster where layers
    are wide. It need not answer like the trained model; how many held-out sentences it does is
    measured and recorded."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    json: bool = False
    """Print the manifest as JSON on standard output, and everything else on standard error."""


@dataclasses.dataclass(frozen=True)
class VerifyArguments:
    """Repeats the proof that a bundle answers like the trained model, in clean processes."""

    bundle: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="BUNDLE")]
    """Folder of the bundle."""
    json: bool = False
    """Print the report as JSON on standard output, and everything else on standard error."""


@dataclasses.dataclass(frozen=True)
class TranslateArguments:
    """Translates texts, or the lines of standard input; one line for each."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|BUNDLE")]
    """Folder of a run, of a saved translator, or of an exported bundle."""
    texts: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")
    ] = ()
    """Texts to translate; the lines of standard input if there are none."""
    format: Literal["saved_model", "onnx", "onnx_int8"] | None = None
    """Which file of a bundle to run; the SavedModel if not given."""
    explain: bool = False
    """Print source, score, scores of the tokens and alignment too."""
    nbest: bool = False
    """Print all hypotheses that the search kept, best first, each after its score; an empty line
    follows those of a text."""
    unknown: str | None = None
    """What becomes of unknown words: `copy` puts the source word there, a JSON file of target word
    by source word translates it, `keep` shows them as such; as recorded if not given."""
    picture: Path | None = None
    """Draw the alignment into this file (.png, .svg, .pdf); several texts give numbered files."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    json: bool = False
    """Print one JSON object for each text."""


def export_options(arguments):
    """Reads the arguments of `keras-attention export`."""
    return parse(ExportArguments, arguments, "export")


def export_command(options):
    """Does what `keras-attention export RUN` asks for.

    Args:
        options: `ExportArguments`.
    """
    from .bundle import export

    console = _console(options.json)
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
        print(json.dumps(manifest, ensure_ascii=False, indent=2))
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

    console = _console(options.json)
    report = verify(options.bundle, report=console.print)
    if options.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    console.print(parity_table(report["parity"]))
    _tell_agreement(console, report["int8"])
    console.print(f"{options.bundle} is as it was exported, and answers the same.")


def translate_options(arguments):
    """Reads the arguments of `keras-attention translate`."""
    return parse(TranslateArguments, arguments, "translate")


def translate_command(options):
    """Does what `keras-attention translate RUN_OR_BUNDLE TEXT ...` asks for.

    Args:
        options: `TranslateArguments`.
    """
    from .predictor import open_predictor

    unknown = options.unknown
    if unknown not in (None, "keep", "copy"):
        unknown = read_json(expand_home(unknown), "a dictionary of words")
    predictor = open_predictor(options.model, options.format, options.search, unknown)
    blocks = [_readable(options.texts)] if options.texts else blocks_of_lines(sys.stdin.buffer)
    many = len(options.texts) != 1
    if options.nbest:
        if options.explain or options.picture is not None:
            raise UserError("--nbest goes with neither --explain nor --picture.")
        for source, hypotheses in _answers(predictor.nbest, blocks):
            print(_printed_nbest(source, hypotheses, options.json), flush=True)
        return
    answers = _answers(predictor.predict, blocks)
    for number, (source, explanation) in enumerate(answers, start=1):
        print(_printed(source, explanation, options), flush=True)
        if options.picture is not None:
            path = options.picture
            path = path.with_stem(f"{path.stem}-{number}") if many else path
            _draw(path, source, explanation)


def parity_table(parity):
    """A report of parity as people read it.

    Args:
        parity: dict of reports by the name of the format.

    Returns:
        `rich.table.Table`.
    """
    table = Table("file", "sentences", "batch sizes", title="Parity with the trained model")
    for column in ("ids", "text", "scores", "alignments"):
        table.add_column(column)
    for name, report in parity.items():
        table.add_row(
            FORMAT_NAMES[name],
            str(report["sentences"]),
            ", ".join(map(str, report["batch_sizes"])),
            "equal" if report["ids_equal"] else "differ",
            "equal" if report["text_equal"] else "differ",
            f"± {report['max_score_difference']:.1e}",
            f"± {report['max_alignment_difference']:.1e}",
        )
    return table


def _tell_agreement(console, int8):
    if int8 is not None:
        console.print(
            f"With 8-bit weights, {int8['same_text']} of the {int8['sentences']} sentences get the "
            f"text of the trained model, scores ± {int8['max_score_difference']:.1e}."
        )


def blocks_of_lines(stream):
    """Lists of the lines of a stream, as they come.

    Args:
        stream: binary file. Invalid UTF-8 is read with U+FFFD in place of what is broken.

    Yields:
        Lists of str; of one line each from a keyboard.
    """
    size = 1 if stream.isatty() else LINES_AT_A_TIME
    lines = (line.decode("utf-8", "replace").rstrip("\r\n") for line in stream)
    while block := list(itertools.islice(lines, size)):
        yield block


def _answers(predict, blocks):
    before = 0
    for block in blocks:
        try:
            with quiet():  # TensorFlow warns of every new shape.
                answers = predict(block)
        except UserError as error:
            if not before:
                raise
            raise UserError(f"Counted from line {before + 1}: {error}") from error
        yield from zip(block, answers, strict=True)
        before += len(block)


def _printed(source, explanation, options):
    if options.json:
        fields = {"source": source, **dataclasses.asdict(explanation)}
        kept = fields if options.explain else {key: fields[key] for key in list(fields)[:3]}
        return json.dumps(kept, ensure_ascii=False, default=lambda array: array.tolist())
    text = " ".join(explanation.text.splitlines())
    if not options.explain:
        return text
    lines = [source, text, f"score {explanation.score:.4f}"]
    if explanation.token_scores is not None:  # A bundle of version 0.1 has none.
        pairs = zip(explanation.target_tokens, explanation.token_scores, strict=True)
        lines.append("tokens " + "  ".join(f"{token} {score:.4f}" for token, score in pairs))
    return "\n".join([*lines, _alignment_text(explanation), ""])


def _printed_nbest(source, hypotheses, as_json):
    if as_json:
        rows = [{"text": text, "score": score} for text, score in hypotheses]
        return json.dumps({"source": source, "nbest": rows}, ensure_ascii=False)
    lines = [f"{score:.4f}\t{' '.join(text.splitlines())}" for text, score in hypotheses]
    return "\n".join([*lines, ""])


def _alignment_text(explanation):
    from keras_attention.visualization import alignment_text

    return alignment_text(
        explanation.alignment, explanation.source_tokens, explanation.target_tokens
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


def _readable(texts):
    """Arguments of the command line, with U+FFFD in place of bytes that are not UTF-8."""
    return [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in texts]


def _console(as_json):
    return Console(stderr=as_json, highlight=False, soft_wrap=True)
