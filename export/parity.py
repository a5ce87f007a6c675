"""Proof that exported files answer like the trained model, in processes that know nothing of it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from keras_attention import text as tokenizers

from .answers import Comparison
from .errors import ParityError
from .layout import ONNX_INT8
from .signatures import SEARCH, SIGNATURES

ENDPOINTS = {"SavedModel": tuple(SIGNATURES), "ONNX": (SEARCH,)}
BATCH_SIZES = (1, 16)
HERE = Path(__file__).parent


def prove(bundle, answers, tensorflow_text=False, batch_sizes=BATCH_SIZES):
    """Compares every file of a bundle with expected answers, each in a clean process.

    Args:
        bundle: path of the bundle's folder.
        answers: list of dicts, as `answers_of` makes them.
        tensorflow_text: bool. Whether the SavedModel needs tensorflow-text.
        batch_sizes: sequence of int. Sentences are batched in the order given, so that rows of
            different lengths share a batch.

    Returns:
        A dict of reports by the name of the format.

    Raises:
        ParityError: a file answers differently; the message names the first sentence.
    """
    bundle = Path(bundle)
    request = {
        "texts": [answer["source"] for answer in answers],
        "source_ids": [answer["source_ids"] for answer in answers],
        "batch_sizes": list(batch_sizes),
    }
    flags = ["--tensorflow-text"] if tensorflow_text else []
    saved_model = run("run_saved_model.py", bundle / "saved_model" / "1", request, flags)
    onnx = run("run_onnx.py", bundle / "onnx" / "model.onnx", request)
    decode_ids(bundle, onnx)
    return {
        "saved_model": compare("SavedModel", answers, saved_model),
        "onnx": compare("ONNX", answers, onnx),
    }


def agreement(bundle, answers, batch_sizes=BATCH_SIZES):
    """How often the ONNX file with integer weights answers like the trained model.

    Args:
        bundle, answers, batch_sizes: see `prove`.

    Returns:
        A dict: the number of `sentences`, the `batch_sizes`, `same_text`, the number of sentences
        with the text of the trained model at every batch size, and the largest
        `max_score_difference` of these.

    Raises:
        ParityError: the file cannot be run.
    """
    request = {
        "source_ids": [answer["source_ids"] for answer in answers],
        "batch_sizes": list(batch_sizes),
    }
    found = run("run_onnx.py", Path(bundle) / ONNX_INT8, request)
    decode_ids(bundle, found)
    same, differences = 0, [0.0]
    for wanted, *rows in zip(answers, *found.values(), strict=True):
        if all(row["text"] == wanted["text"] for row in rows):
            same += 1
            differences.extend(abs(row["ids_score"] - wanted["score"]) for row in rows)
    return {
        "sentences": len(answers),
        "batch_sizes": list(batch_sizes),
        "same_text": same,
        "max_score_difference": max(differences),
    }


def run(program, exported, request, flags=()):
    """Runs one of the standalone programs beside this file.

    Args:
        program: str. Its name.
        exported: path of what it opens.
        request: dict of JSON values.
        flags: list of str.

    Returns:
        Its answers: for each batch size a list with a dict for each text.

    Raises:
        ParityError: it ended with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        request_file, answer_file = Path(folder, "request.json"), Path(folder, "answer.json")
        request_file.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-I", str(HERE / program), str(Path(exported).resolve())]
        # A server need not have the hardware that the model was trained on.
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.run(
            [*command, str(request_file), str(answer_file), *flags],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if process.returncode:
            reason = process.stderr.strip().splitlines() or [f"status {process.returncode}"]
            name = "/".join(Path(exported).parts[-2:])
            raise ParityError(f"{name} cannot be run in a clean process: {reason[-1]}")
        answers = json.loads(answer_file.read_text(encoding="utf-8"))
    return {int(size): rows for size, rows in answers.items()}


def decode_ids(bundle, answers):
    """Adds the text to answers that have only ids, by the tokenizer that lies in the bundle."""
    tokenizer = tokenizers.load(Path(bundle) / "tokenizer" / "target")
    for rows in answers.values():
        longest = max((len(row["ids"]) for row in rows), default=0)
        padded = [row["ids"] + [0] * (longest - len(row["ids"])) for row in rows]
        decoded = tokenizer.decode(padded).numpy() if longest else [b""] * len(rows)
        for row, text in zip(rows, decoded, strict=True):
            row["text"] = text.decode()


def compare(name, expected, answers):
    """Report on one format.

    Args:
        name: str. The format, one of `ENDPOINTS`.
        expected: list of dicts, as `answers_of` makes them.
        answers: dict, as `run` returns it.

    Returns:
        A dict of JSON values.

    Raises:
        ParityError: an answer differs.
    """
    comparison = Comparison(ENDPOINTS[name])
    for batch_size, rows in answers.items():
        for position, (wanted, row) in enumerate(zip(expected, rows, strict=True)):
            try:
                difference = comparison.difference(wanted, row)
            except (TypeError, ValueError) as error:  # Arrays of another kind or rank.
                difference = f"they cannot be compared: {error}"
            if difference:
                raise ParityError(
                    f"{name} does not answer like the trained model. The first sentence that "
                    f"differs is {position + 1}, {wanted['source']!r} (batch size {batch_size}): "
                    f"the trained model says {wanted['text']!r}, the exported file "
                    f"{row.get('text')!r}; {difference}."
                )
    return {
        "sentences": len(expected),
        "batch_sizes": list(answers),
        "max_score_difference": comparison.max_score_difference,
        "max_alignment_difference": comparison.max_alignment_difference,
    }
