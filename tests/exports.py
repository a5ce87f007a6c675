"""What one model becomes in each file format, and the checks of it that all checklists share."""

import functools
import inspect
import json

import keras
import numpy as np
import pytest
from comparisons import assert_close, to_numpy


class Exports:
    """A model in memory and in files, each made once, when a check first asks for it.

    Args:
        case: Of a checklist. `case.model()` is a functional model of free lengths, and
            `case.batches()` lists inputs of it: arrays of several batch sizes and lengths.
        folder: Path of an empty folder.
    """

    def __init__(self, case, folder):
        self.case = case
        self.folder = folder

    @functools.cached_property
    def model(self):
        """With random weights, for biases begin as zeros."""
        model, generator = self.case.model(), np.random.default_rng(103)
        for weight in model.trainable_weights:
            weight.assign(weight + 0.1 * generator.normal(size=weight.shape))
        return model

    @functools.cached_property
    def batches(self):
        return self.case.batches()

    @functools.cached_property
    def expected(self):
        """The outputs of the model for each batch, as lists of arrays."""
        return [_arrays(self.model(inputs)) for inputs in self.batches]

    def from_keras_file(self):
        """The outputs of the model after saving and loading, without `custom_objects`."""
        self.model.save(self.folder / "model.keras")
        loaded = keras.models.load_model(self.folder / "model.keras")
        return [_arrays(loaded(inputs)) for inputs in self.batches]

    def from_saved_model(self):
        """The outputs of the model's SavedModel."""
        import tensorflow as tf

        self.model.export(self.folder / "saved_model", verbose=False)
        loaded = tf.saved_model.load(self.folder / "saved_model")
        return [_arrays(loaded.serve([*map(tf.constant, inputs)])) for inputs in self.batches]

    def from_onnx(self):
        """The outputs of the model's ONNX file in onnxruntime."""
        onnxruntime = pytest.importorskip("onnxruntime")
        path = self.folder / "model.onnx"
        self.model(self.batches[0])  # Keras exports a functional model only after it was called
        self.model.export(path, format="onnx", verbose=False, opset_version=18)
        session = onnxruntime.InferenceSession(path)
        names = [node.name for node in session.get_inputs()]
        return [session.run(None, dict(zip(names, inputs, strict=True))) for inputs in self.batches]


def _arrays(outputs):
    return keras.tree.flatten(to_numpy(outputs))


def check_config(case, exports):
    layer = case.make(**case.options, name="attention")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)


def check_keras_file(case, exports):
    assert_close(exports.from_keras_file(), exports.expected, atol=1e-6)


def check_saved_model(case, exports):
    assert_close(exports.from_saved_model(), exports.expected)


def check_onnx(case, exports):
    assert_close(exports.from_onnx(), exports.expected)


SHARED_CHECKS = [check_config, check_keras_file, check_saved_model, check_onnx]
