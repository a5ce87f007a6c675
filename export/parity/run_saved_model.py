"""Runs a SavedModel with TensorFlow alone: a program for a clean process, not a module to import.

    python -I run_saved_model.py SAVED_MODEL REQUEST ANSWER [--tensorflow-text]

`batches.py` says what REQUEST and ANSWER are. The package that wrote the file cannot be imported
here, and neither Keras nor tensorflow-text unless it is asked for.
"""

import runpy
import sys
from pathlib import Path

WITH_TENSORFLOW_TEXT = "--tensorflow-text" in sys.argv
BLOCKED = ["keras_attention"]
if not WITH_TENSORFLOW_TEXT:  # Which imports Keras itself.
    BLOCKED += ["keras", "tf_keras", "tensorflow_text"]
for name in BLOCKED:
    sys.modules[name] = None  # Makes `import` raise ImportError.

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

if WITH_TENSORFLOW_TEXT:
    import tensorflow_text  # noqa: F401


def tensor(array):
    """A tensor of an array of numbers or of strings."""
    return tf.constant(array.tolist() if array.dtype.kind == "U" else array)


def plain(array):
    """An array of str in place of one of bytes; numbers as they are."""
    if array.dtype != object:
        return array
    return np.char.decode(array.astype(np.bytes_), "utf-8")


def main(saved_model, request_file, answer_file):
    """Answers a request."""
    signatures = tf.saved_model.load(saved_model).signatures

    def call(endpoint, inputs):
        if endpoint not in signatures:
            sys.exit(f"it has no endpoint {endpoint}")
        outputs = signatures[endpoint](**{name: tensor(array) for name, array in inputs.items()})
        return {name: plain(output.numpy()) for name, output in outputs.items()}

    batches = runpy.run_path(str(Path(__file__).with_name("batches.py")))
    batches["answer"](request_file, answer_file, call)


if __name__ == "__main__":
    main(*sys.argv[1:4])
