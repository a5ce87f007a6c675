"""What a trained model answers to held-out samples, as it lies in a bundle."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_attention.errors import first_line

from ..errors import BundleError
from ..layout import answers_file
from ..signatures import TASKS
from .batches import by_endpoint
from .comparison import has_kind
from .old_answers import read_old_answers


class Answers(NamedTuple):
    """A request and what the trained model answers to it.

    Attributes:
        inputs: dict of dicts: by endpoint and by name of the input, an array with the samples along
            its first axis. Shorter rows are padded with zeros.
        outputs: likewise, by endpoint and by name of the output. Shorter rows are padded with zeros
            or empty strings.
        best_only: bool. Whether less than all hypotheses are known, as in older bundles.
    """

    inputs: dict
    outputs: dict
    best_only: bool = False

    def __len__(self):
        return len(next(iter(next(iter(self.inputs.values())).values())))


def write_answers(path, answers):
    """Writes answers as one compressed file of NumPy arrays, `inputs/...` and `outputs/...`.

    Args:
        path: path of the file.
        answers: `Answers`.
    """
    arrays = {
        f"{side}/{endpoint}/{name}": array
        for side, endpoints in (("inputs", answers.inputs), ("outputs", answers.outputs))
        for endpoint, ports in endpoints.items()
        for name, array in ports.items()
    }
    np.savez_compressed(path, **arrays)


def read_answers(bundle, manifest):
    """The answers of the trained model that lie in a bundle, of any version.

    Args:
        bundle: path of the bundle's folder.
        manifest: dict, as `read_manifest` returns it.

    Returns:
        `Answers`.

    Raises:
        UserError: there are none, or they are not such answers.
    """
    path = Path(bundle) / answers_file(manifest)
    if path.suffix == ".json":
        return Answers(*read_old_answers(path, manifest["signatures"]), best_only=True)
    answers = Answers(*_arrays(path))
    _check(path, answers, manifest)
    return answers


def _arrays(path):
    """The two sides of `Answers` in a file."""
    if not path.exists():
        raise BundleError(f"{path.parent} is not an exported bundle: it has no {path.name}.")
    sides = {"inputs": {}, "outputs": {}}
    try:
        # NumPy closes no path that it fails to read. It runs nothing that a file says: no pickle.
        with open(path, "rb") as opened, np.load(opened) as file:
            for key in file.files:
                side, name = key.split("/", 1)
                sides[side][name] = file[key]
        return [by_endpoint(arrays) for arrays in sides.values()]
    # NumPy and zipfile raise whatever a damaged file leads to.
    except Exception as error:
        raise BundleError(f"{path} is damaged: {first_line(error)}") from error


def _check(path, answers, manifest):
    """Raises `BundleError` where the arrays are not those that the manifest says."""
    endpoints = TASKS[manifest["task"]].endpoints
    counts = set()
    for endpoint, recorded in manifest["signatures"].items():
        found = endpoints[endpoint]
        for side, ports in (("inputs", found.inputs), ("outputs", found.outputs)):
            arrays = getattr(answers, side).get(endpoint, {})
            for name in recorded[side]:
                array, port = arrays.get(name), ports[name]
                if array is None:
                    raise BundleError(f"{path} is damaged: it has no {name} of {endpoint}.")
                if not has_kind(array, port):
                    raise BundleError(
                        f"{path} is damaged: expected {name} of {endpoint} to be {port}. "
                        f"Received: {array.dtype}{list(array.shape)}"
                    )
                counts.add(len(array))
    if counts == {0}:
        raise BundleError(f"{path} is damaged: it holds no sentence to verify with.")
    if len(counts) > 1:
        raise BundleError(f"{path} is damaged: what it holds does not fit together.")
