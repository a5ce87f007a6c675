"""What a measurement was made on."""

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

import keras

from keras_attention.ops.accelerator import on_accelerator

PACKAGES = (
    *("tensorflow", "keras", "jax", "torch", "keras-hub", "ctranslate2", "onnxruntime"),
    "scikit-learn",
)


def describe():
    """A dict of the processor, the versions, the settings and the commit."""
    found = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a peer that is not installed
    if on_accelerator():
        found["device"] = _device()
    found["oneDNN"] = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "as TensorFlow chooses")
    found["commit"] = _commit()
    return found


def report(as_json):
    """Prints `describe` before the rows, as JSON or for a person."""
    found = describe()
    if as_json:
        print(json.dumps({"machine": found}), flush=True)
    else:
        print(", ".join(f"{name} {value}" for name, value in found.items()), flush=True)


def _device():
    """The name of the GPU or TPU, as the backend of Keras says it."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "TPU"


def _processor():
    """The model's name and the widest vectors, on Linux."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    lines = dict(
        (part.strip() for part in line.split(":", 1))
        for line in path.read_text().splitlines()
        if ":" in line
    )
    flags = lines.get("flags", "").split()
    widest = next((name for name in ("avx512_vnni", "avx512f", "avx2") if name in flags), "")
    return f"{lines.get('model name', platform.machine())} {widest}".strip()


def _commit():
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
