"""Exported files in processes that know nothing of the package that wrote them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..errors import ParityError
from .batches import by_endpoint

HERE = Path(__file__).parent


def run(program, exported, inputs, batch_sizes, flags=()):
    """Runs one of the programs of this folder.

    Args:
        program: str. Its name.
        exported: path of what it opens.
        inputs: dict of dicts of arrays, by endpoint and name.
        batch_sizes: sequence of int. Samples are batched in the order given.
        flags: list of str.

    Returns:
        For each batch size a dict of dicts of arrays, by endpoint and output.

    Raises:
        ParityError: it ended with an error.
    """
    request = {
        f"{endpoint}/{name}": array
        for endpoint, arrays in inputs.items()
        for name, array in arrays.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "request.npz"), Path(folder, "answer.npz")
        np.savez(files[0], batch_sizes=np.asarray(batch_sizes), **request)
        arguments = [str(Path(exported).resolve()), *map(str, files), *flags]
        reason = start(HERE / program, arguments, folder)
        if reason:
            name = "/".join(Path(exported).parts[-2:])
            raise ParityError(f"{name} cannot be run in a clean process: {reason}")
        with np.load(files[1]) as file:
            answers = {size: {} for size in batch_sizes}
            for key in file.files:
                size, name = key.split("/", 1)
                answers[int(size)][name] = file[key]
    return {size: by_endpoint(arrays) for size, arrays in answers.items()}


def start(program, arguments, folder):
    """Runs a program in a clean process.

    Args:
        program: path.
        arguments: list of str.
        folder: path of the folder that it runs in.

    Returns:
        Why it ended with an error; None if it did not.
    """
    # A server need not have the hardware that the model was trained on.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [sys.executable, "-I", str(program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if process.returncode == 0:
        return None
    lines = process.stderr.strip().splitlines()
    return lines[-1] if lines else f"status {process.returncode}"
