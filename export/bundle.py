"""From a run directory to a folder that others serve, verified against the trained model."""

import contextlib
import os
import re
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_attention.decoding import SearchOptions
from keras_attention.errors import UserError, first_line
from keras_attention.files import atomic_folder, read_json, remove_temporary, temporary_prefix
from keras_attention.locks import lock
from keras_attention.predictors import Predictor
from keras_attention.predictors.loading import predictor_folder

from . import layout
from .exporter import exporter_of
from .manifest import describe, origin
from .parity import agreement, check_parity
from .parity.answers import read_answers, write_answers
from .portable import without_cudnn
from .precision import half_policies, in_float32
from .quantize import write_int8
from .saved_model import write_saved_model
from .to_onnx import write_onnx

WARMUP_TEXTS = 8


def export(source, to, texts=None, report=print, search=None, xla=False, int8=False):
    """Writes a bundle: SavedModel, ONNX, tokenizers, instructions, and what to verify them with.

    The bundle is made in a temporary folder, moved to another one, and verified there. Only then
    does it take its place: whatever goes wrong leaves what was at `to`, or nothing.

    Args:
        source: path of a run directory, or of a folder that `Predictor.save` wrote.
        to: path of the bundle's folder. One that is there already is replaced.
        texts: list of str. Held-out sentences to compare the files with the model on; those that
            the training run put aside if not given.
        report: function that tells the user one line about each step.
        search: `SearchOptions` in place of recorded ones.
        xla: bool. Whether XLA compiles the model in the SavedModel.
        int8: bool. Whether to write a second ONNX file, with 8-bit integers as weights. It need not
            answer like the trained model: the manifest tells how often it does.

    Returns:
        The manifest, a dict.

    Raises:
        ParityError: an exported file does not answer like the trained model.
        UserError: `source` is nothing to export, `to` is something else or another process exports
            to it, or the disk is full.
    """
    source, to = Path(source), Path(to)
    _check_backend()
    _check_destination(to)
    folder = predictor_folder(source)
    with _alone(to, report):
        # On the CPU and without cuDNN, as in the parity check: GPUs round otherwise, TF32 by more
        # than it allows.
        with keras.device("cpu"):
            predictor = Predictor.load(folder)
            exporter = exporter_of(predictor)
            unknown = exporter.prepare(search or SearchOptions(), report)
            recorded = exporter.recorded(source)
            if recorded.why_not:
                report(recorded.why_not)
            trained_in = ", ".join(half_policies(predictor.model)) or "float32"
            if trained_in != "float32":
                report(f"Trained in {trained_in}; exported in float32.")
                predictor.model = in_float32(predictor.model)
            texts, source_ids = held_out_texts(predictor, source, texts)
            report(f"Answering {len(texts)} held-out texts with the trained model ...")
            with without_cudnn(predictor.model):
                answers = exporter.answers(texts, source_ids)
        with _disk_errors(to), atomic_folder(to) as final, _workspace(to) as workspace:
            made = workspace / "made"
            write_files(exporter, made, to.name, answers, report, xla, int8)
            moved = workspace / "moved" / to.name
            moved.parent.mkdir()
            os.replace(made, moved)
            report(
                "Comparing the exported files with the trained model, from a moved folder, in "
                "clean processes ..."
            )
            description = describe(exporter, to.name, xla)
            parity = check_parity(moved, description, answers)
            manifest = {
                **description,
                "trained_in": trained_in,
                "unknown": unknown,
                "from": origin(source),
                "scores": recorded.scores,
                "rejection": recorded.rejection,
                **({} if recorded.evidence is None else {"evidence": recorded.evidence}),
                "parity": parity,
                "int8": agreement(moved, description, answers) if int8 else None,
                "files": layout.checksums(moved),
            }
            manifest = layout.write_manifest(moved, manifest)
            os.replace(moved, final)
        return manifest


def verify(bundle, report=print):
    """Compares the files of a bundle again with the outputs of the trained model that lie in it.

    Args:
        bundle: path of the bundle's folder.
        report: function that tells the user one line about each step.

    Returns:
        A dict: `name`, the number of `files`, the new `parity` report, and `int8`, how often the
        file with integer weights answers the same, None where there is none.

    Raises:
        BundleError: a file is missing or changed.
        ParityError: a file does not answer like the trained model.
    """
    bundle = Path(bundle)
    manifest = layout.read_manifest(bundle)
    report(f"Checking {len(manifest['files'])} files ...")
    layout.check_files(bundle, manifest)
    if not layout.has_digest(manifest):
        report(
            "The manifest is of version 0.1 and carries no digest of its own: a change to it alone "
            "is not found. Export the run again for one that does."
        )
    answers = read_answers(bundle, manifest)
    report(
        f"Comparing the exported files with the trained model on {len(answers)} sentences, in "
        "clean processes ..."
    )
    parity = check_parity(bundle, manifest, answers)
    int8 = agreement(bundle, manifest, answers) if layout.ONNX_INT8 in manifest["files"] else None
    files = len(manifest["files"])
    return {"name": manifest["name"], "files": files, "parity": parity, "int8": int8}


def write_files(exporter, folder, name, answers, report, xla=False, int8=False):
    """Writes everything but the manifest.

    Args:
        exporter: as `exporter_of` returns it.
        folder: path of a folder that does not exist yet.
        name: str. The bundle's name.
        answers: `Answers` of the trained model.
        report: function that tells the user one line.
        xla: bool. Whether XLA compiles the model in the SavedModel.
        int8: bool. Whether to write an ONNX file with integer weights too.
    """
    predictor, task = exporter.predictor, exporter.task
    raw = answers.inputs[task.answer[0]][task.raw_input]
    warmup_texts = [text for text in raw.tolist() if text][:WARMUP_TEXTS]
    report("Writing the SavedModel ...")
    write_saved_model(predictor, folder / layout.SAVED_MODEL, warmup_texts, jit_compile=xla)
    report("Writing the ONNX file ...")
    write_onnx(predictor, folder / layout.ONNX)
    if int8:
        report("Writing the ONNX file with 8-bit weights ...")
        write_int8(folder / layout.ONNX, folder / layout.ONNX_INT8, exporter.end_id)
    description = describe(exporter, name, xla)
    for codec, place in zip(
        (predictor.source, predictor.target), layout.codec_folders(description), strict=True
    ):
        codec.save(folder / place)
    instructions = exporter.readme(description, warmup_texts[0], int8)
    (folder / layout.README).write_text(instructions, encoding="utf-8")
    write_answers(folder / layout.ANSWERS, answers)


def held_out_texts(predictor, source, texts=None):
    """The sentences to compare on: held-out ones that the model takes, and the empty one.

    One that ends in NUL is left out: strings of NumPy, in which they are kept, would lose it.

    Args:
        predictor: `Predictor`.
        source: path of what is exported.
        texts: list of str, or `None` for those that the training run put aside.

    Returns:
        The sentences, and the source ids of each.
    """
    if texts is None:
        if not (Path(source) / "samples.json").exists():
            raise UserError(f"{source} has no samples.json: give held-out sentences to compare on.")
        samples = read_json(Path(source) / "samples.json", "a run directory", {"texts": [str]})
        texts = samples["texts"]
    texts = [text for text in dict.fromkeys(texts) if not text.endswith("\0")]
    rows = zip(texts, predictor.encoded(texts), strict=True)
    fits = [(text, ids) for text, ids in rows if 1 < len(ids) <= predictor.max_source_length]
    if not fits:
        raise UserError("Nothing can be compared: there is no held-out sentence the model takes.")
    empty = np.array([predictor.source.end_id], "int32")
    texts, source_ids = zip(*fits, ("", empty), strict=True)
    return list(texts), list(source_ids)


def _check_backend():
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            "Export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )


def _check_destination(to):
    if to.is_dir() and (to / layout.MANIFEST).exists():
        layout.read_format(to)  # Another program's manifest is not ours to replace.
        return
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise UserError(f"{to} exists and is not an exported bundle: it would be overwritten.")


@contextlib.contextmanager
def _alone(to, report):
    with contextlib.ExitStack() as held:
        with _disk_errors(to):
            # Beside the destination, which is replaced as a whole.
            to.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(lock(to.parent / f".{to.name}.lock", str(to), report))
            _remove_left_overs(to)
        yield


def _remove_left_overs(to):
    """Removes what an export to `to` left beside it when it was killed."""
    remove_temporary(to.parent, {to.name})
    # As version 0.1 named them; nothing but an empty folder is sure to be of an export.
    name = re.compile(re.escape(f".{to.name}.") + "[a-z0-9_]{8}")
    for path in to.parent.iterdir():
        if name.fullmatch(path.name) and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


@contextlib.contextmanager
def _workspace(to):
    # Beside the destination: a folder can only be moved as a whole within one disk.
    prefix = temporary_prefix(to.name, "work")
    with tempfile.TemporaryDirectory(prefix=prefix, dir=to.parent) as folder:
        yield Path(folder)


@contextlib.contextmanager
def _disk_errors(to):
    try:
        yield
    except OSError as error:
        raise UserError(f"{to} cannot be written: {error.strerror or error}.") from error
    except tf.errors.ResourceExhaustedError as error:  # What TensorFlow makes of a full disk.
        raise UserError(f"{to} cannot be written: {first_line(error.message)}") from error
