"""Runs an ONNX file with onnxruntime and NumPy alone: a program for a clean process, not a module.

    python -I run_onnx.py ONNX_FILE REQUEST ANSWER

`batches.py` says what REQUEST and ANSWER are. Neither TensorFlow nor Keras nor the package that
wrote the file can be imported here.
"""

import runpy
import sys
from pathlib import Path

for name in ("tensorflow", "keras", "tf_keras", "keras_attention", "tensorflow_text", "tf2onnx"):
    sys.modules[name] = None  # Makes `import` raise ImportError.

import onnxruntime  # noqa: E402


def main(onnx_file, request_file, answer_file):
    """Answers a request."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_file, sess_options=options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def call(endpoint, inputs):  # The file has one endpoint, and no name for it.
        return dict(zip(names, session.run(names, inputs), strict=True))

    batches = runpy.run_path(str(Path(__file__).with_name("batches.py")))
    batches["answer"](request_file, answer_file, call)


if __name__ == "__main__":
    main(*sys.argv[1:4])
