"""Comparisons of the files of a bundle with the outputs of the trained model."""

from pathlib import Path

import numpy as np

from keras_attention import codecs

from ..errors import ParityError
from ..layout import ONNX, ONNX_INT8, SAVED_MODEL, codec_folders
from ..signatures import TAG_IDS, TAGS, TASKS
from . import processes
from .comparison import Comparison, same_shape

BATCH_SIZES = (1, 16)


def check_parity(bundle, manifest, answers, batch_sizes=BATCH_SIZES):
    """Compares every file of a bundle with the trained model, each in a clean process.

    Args:
        bundle: path of the bundle's folder.
        manifest: dict with `task` and `needs_tensorflow_text`.
        answers: `Answers` of the trained model.
        batch_sizes: sequence of int. Samples are batched in the order given, so that rows of
            different lengths share a batch.

    Returns:
        A dict of reports by the name of the format.

    Raises:
        ParityError: an output differs; the message names the first sentence.
    """
    task, bundle = TASKS[manifest["task"]], Path(bundle)
    flags = ["--tensorflow-text"] if manifest["needs_tensorflow_text"] else []
    saved_model = processes.run(
        "run_saved_model.py", bundle / SAVED_MODEL, answers.inputs, batch_sizes, flags
    )
    onnx = run_onnx(task, bundle, ONNX, answers, batch_sizes)
    return {
        "saved_model": compare("SavedModel", task, answers, answers.outputs, saved_model),
        "onnx": compare("ONNX", task, answers, onnx_outputs(task, answers), onnx),
    }


def agreement(bundle, manifest, answers, batch_sizes=BATCH_SIZES):
    """How often the ONNX file with integer weights gives the answer of the trained model.

    Args:
        bundle, manifest, answers, batch_sizes: see `check_parity`.

    Returns:
        A dict: the number of `sentences`, the `batch_sizes`, `same_text`, the number of sentences
        with the answer of the trained model at every batch size (text, or label, and all tags), and
        the largest `max_score_difference` of these.

    Raises:
        ParityError: the file cannot be run.
    """
    task = TASKS[manifest["task"]]
    found = run_onnx(task, bundle, ONNX_INT8, answers, batch_sizes)
    compared = [task.answer]
    if TAG_IDS in task.endpoints[task.arrays].outputs:  # The answer may be the label alone.
        compared.append((task.arrays, TAG_IDS))
    equal = [
        _equal(outputs[endpoint][output], answers.outputs[endpoint][output])
        for outputs in found.values()
        for endpoint, output in compared
    ]
    same = np.all(equal, axis=0)
    wanted = _best(task, answers.outputs, task.encoded_score)[same].astype("float64")
    differences = [
        _best(task, outputs, task.encoded_score)[same] - wanted for outputs in found.values()
    ]
    return {
        "sentences": len(answers),
        "batch_sizes": list(batch_sizes),
        "same_text": int(same.sum()),
        "max_score_difference": float(np.abs(differences).max(initial=0.0)),
    }


def run_onnx(task, bundle, file, answers, batch_sizes):
    """What an ONNX file of a bundle gives, and the answers that its arrays are decoded to.

    Args:
        task: `Task`.
        bundle: path of the bundle's folder.
        file: str. Its path inside the bundle.
        answers: `Answers` of the trained model.
        batch_sizes: sequence of int.

    Returns:
        For each batch size a dict of dicts of arrays, by endpoint and output.
    """
    inputs = {task.arrays: answers.inputs[task.arrays]}
    found = processes.run("run_onnx.py", Path(bundle) / file, inputs, batch_sizes)
    source, target = (
        codecs.load(Path(bundle) / folder) for folder in codec_folders({"task": task.name})
    )
    endpoint, output = task.answer
    texts = answers.inputs[endpoint][task.raw_input].tolist()
    for outputs in found.values():
        if task.encoded_answer in outputs[task.arrays]:
            encoded = _best(task, outputs, task.encoded_answer)
            if output == TAGS:
                decoded = _tags(source, target.tags, texts, encoded)
            else:
                codec = getattr(target, "labels", target)
                decoded = np.char.decode(codec.decode(encoded).numpy().astype(np.bytes_), "utf-8")
            outputs[endpoint] = {output: decoded}
    return found


def _best(task, outputs, name):
    """An output of the endpoint that takes arrays; of hypotheses that of the best one."""
    array = outputs[task.arrays][name]
    return array if task.endpoints[task.arrays].ranked_by is None else array[:, 0]


def _tags(tokenizer, codec, texts, ids):
    """The tag of each word of each text, an array of str."""
    numbers = tokenizer.word_numbers(texts)
    tags = codec.tokens(codec.filled(codecs.tokens_to_words(ids, numbers, texts, -1)))
    return np.char.decode(tags.numpy().astype(np.bytes_), "utf-8")


def _equal(found, expected):
    """For each sample whether two arrays are the same but for padding."""
    first, second = same_shape(found, expected)
    return (first == second).all(axis=tuple(range(1, first.ndim)))


def onnx_outputs(task, answers):
    """What is expected of an ONNX file, and of the answers that its arrays are decoded to.

    Args:
        task: `Task`.
        answers: `Answers` of the trained model.

    Returns:
        Dict of dicts of arrays, by endpoint and output.
    """
    endpoint, output = task.answer
    return {
        task.arrays: answers.outputs[task.arrays],
        endpoint: {output: answers.outputs[endpoint][output]},
    }


def compare(name, task, answers, expected, found):
    """Report on one format.

    Args:
        name: str. The format.
        task: `Task`.
        answers: `Answers` of the trained model.
        expected: dict of dicts of arrays, by endpoint and output: what the format should give.
        found: for each batch size what it gives, as `processes.run` returns it.

    Returns:
        A dict of JSON values: the number of `sentences`, the `batch_sizes`, and of every `measure`
        of the task's ports the largest difference, such as `max_score_difference`.

    Raises:
        ParityError: an output differs.
    """
    comparison = Comparison(task, answers.best_only)
    endpoint, output = task.answer
    for batch_size, outputs in found.items():
        for sample in range(len(answers)):
            try:
                difference = comparison.difference(expected, outputs, sample)
            except (TypeError, ValueError, IndexError) as error:  # Arrays that do not fit together.
                difference = f"they cannot be compared: {error}"
            if difference:
                source = answers.inputs[endpoint][task.raw_input][sample]
                wanted = answers.outputs[endpoint][output][sample]
                got = outputs.get(endpoint, {}).get(output)
                got = None if got is None or sample >= len(got) else got[sample]
                raise ParityError(
                    f"{name} does not answer like the trained model. The first sentence that "
                    f"differs is {sample + 1}, {str(source)!r} (batch size {batch_size}): the "
                    f"trained model says {str(wanted)!r}, the exported file "
                    f"{got if got is None else str(got)!r}; {difference}."
                )
    ports = [port for found in task.endpoints.values() for port in found.outputs.values()]
    measures = dict.fromkeys(port.measure for port in ports if port.measure)
    return {
        "sentences": len(answers),
        "batch_sizes": list(found),
        **{f"max_{measure}_difference": comparison.largest[measure] for measure in measures},
    }
