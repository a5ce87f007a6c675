"""What a bundle says about itself."""

import importlib.metadata
import os
import platform
from pathlib import Path

import keras

from keras_attention.files import read_json

from .signatures import TRANSLATION
from .to_onnx import OPSET

LIBRARIES = ("keras-attention", "keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy")


def describe(translator, name, xla=False):
    """The part of the manifest that does not depend on the files.

    Args:
        translator: `keras_attention.Translator`.
        name: str. The bundle's name.
        xla: bool. Whether the SavedModel compiles its searches by XLA.
    """
    model = translator.model
    tokenizers = {"source": translator.source_tokenizer, "target": translator.target_tokenizer}
    return {
        "name": name,
        "task": TRANSLATION.name,
        "versions": {
            "python": platform.python_version(),
            **{library: importlib.metadata.version(library) for library in LIBRARIES},
        },
        "tokenizer": {
            side: {"kind": tokenizer.kind, "vocabulary_size": tokenizer.vocabulary_size}
            for side, tokenizer in tokenizers.items()
        },
        "needs_tensorflow_text": needs_tensorflow_text(translator),
        "special_ids": {
            "pad": model.pad_id,
            "unknown": translator.source_tokenizer.unknown_id,
            "start": model.start_id,
            "end": model.end_id,
        },
        "max_source_length": translator.max_source_length,
        "search": keras.saving.serialize_keras_object(translator.search),
        "signatures": TRANSLATION.signatures,
        "onnx_opset": OPSET,
        "xla": xla,
        "parameters": model.count_params(),
    }


def needs_tensorflow_text(translator):
    """Whether the SavedModel runs only where tensorflow-text is."""
    tokenizers = (translator.source_tokenizer, translator.target_tokenizer)
    return any(tokenizer.needs_tensorflow_text for tokenizer in tokenizers)


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
