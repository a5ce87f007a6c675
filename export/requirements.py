"""One sentence for who has not installed what export needs."""

import importlib.util

REQUIRED = (
    "tensorflow",
    "tensorflow_serving",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "tyro",
    "rich",
)

missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
if missing:
    raise ModuleNotFoundError(
        f"keras_attention.export needs {', '.join(missing)}: "
        'install it with pip install "keras-attention[export]".',
        name=missing[0],
    )
