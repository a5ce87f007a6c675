"""Where things lie in a bundle, and the sums that say they are as they were written."""

import hashlib
from pathlib import Path

from keras_attention.files import read_json

from .errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
ANSWERS = "parity.json"
README = "README.md"
SAVED_MODEL = "saved_model/1"
ONNX = "onnx/model.onnx"
ONNX_INT8 = "onnx/model.int8.onnx"
SOURCE_TOKENIZER = "tokenizer/source"
TARGET_TOKENIZER = "tokenizer/target"


def read_manifest(bundle):
    """The manifest of a bundle.

    Args:
        bundle: path of the bundle's folder.

    Raises:
        UserError: it is no bundle, or one of another version.
    """
    manifest = read_json(Path(bundle) / MANIFEST, "an exported bundle")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        received = manifest.get("format") if isinstance(manifest, dict) else manifest
        raise BundleError(
            f"{bundle} was exported by another version: expected format {FORMAT}. "
            f"Received: format={received}"
        )
    return manifest


def checksums(bundle):
    """SHA-256 of every file of a bundle but the manifest.

    Args:
        bundle: path of the bundle's folder.

    Returns:
        A dict from path inside the bundle to hexadecimal digits.
    """
    bundle = Path(bundle)
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    names = {path.relative_to(bundle).as_posix(): path for path in paths}
    names.pop(MANIFEST, None)
    return {name: _sha256(path) for name, path in names.items()}


def check_files(bundle, manifest):
    """Compares the files of a bundle with its manifest.

    Args:
        bundle: path of the bundle's folder.
        manifest: dict, as `read_manifest` returns it.

    Raises:
        BundleError: a file is missing or changed; the message names the first.
    """
    found = checksums(bundle)
    for name, expected in manifest["files"].items():
        if name not in found:
            raise BundleError(f"{bundle} is incomplete: {name} is missing.")
        if found[name] != expected:
            raise BundleError(
                f"{bundle} is not as it was exported: {name} has changed (its SHA-256 is "
                f"{found[name][:12]}…, the manifest says {expected[:12]}…)."
            )


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
