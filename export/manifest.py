"""What a bundle says about itself."""

import importlib.metadata
import os
import platform
from pathlib import Path

from keras_attention.files import read_json

from .to_onnx import OPSET

LIBRARIES = ("keras-attention", "keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy")


def describe(exporter, name, xla=False):
    """The part of the manifest that does not depend on the files.

    Args:
        exporter: as `exporter_of` returns it.
        name: str. The bundle's name.
        xla: bool. Whether XLA compiles the model in the SavedModel.
    """
    predictor = exporter.predictor
    return {
        "name": name,
        "task": exporter.task.name,
        "versions": {
            "python": platform.python_version(),
            **{library: importlib.metadata.version(library) for library in LIBRARIES},
        },
        **exporter.description(),
        "needs_tensorflow_text": needs_tensorflow_text(predictor),
        "max_source_length": predictor.max_source_length,
        "signatures": exporter.task.signatures,
        "onnx_opset": OPSET,
        "xla": xla,
        "parameters": predictor.model.count_params(),
    }


def needs_tensorflow_text(predictor):
    """Whether the SavedModel runs only where tensorflow-text is."""
    return predictor.source.needs_tensorflow_text or predictor.target.needs_tensorflow_text


def origin(source):
    """Which run, and which recipe, a bundle comes from; no path of this machine."""
    recipe = Path(source) / "recipe.json"
    known = {"run": Path(source).resolve().name}
    if recipe.exists():
        known["recipe"] = _without_folders(read_json(recipe, "a run directory"))
    return known


def _without_folders(value):
    if isinstance(value, dict):
        return {name: _without_folders(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and os.path.isabs(value) else value
