"""Where things lie in a bundle, and the sums that say they are as they were written."""

import hashlib
import re
from pathlib import Path

from keras_attention.files import atomic_file, json_bytes, parse_json, read_bytes
from keras_attention.json_shapes import AtLeast, Optional, mismatch

from .errors import BundleError
from .signatures import TASKS, TRANSLATION, check_signatures
from .upgrade import ANSWERS, FORMAT, FORMATS, OLD_ANSWERS, may_lack, upgraded_manifest

MANIFEST = "manifest.json"
README = "README.md"
SAVED_MODEL = "saved_model/1"
ONNX = "onnx/model.onnx"
ONNX_INT8 = "onnx/model.int8.onnx"
# Folders whose files are all in the manifest: a server that finds another one there serves it.
LISTED = ("saved_model", "onnx", *dict.fromkeys(task.codecs for task in TASKS.values()))

REJECTION = ({"threshold": float, "quantile": float}, type(None))
SHAPE = {
    "name": str,
    "needs_tensorflow_text": bool,
    "special_ids": {"end": AtLeast(0)},
    "max_source_length": AtLeast(1),
    "search": Optional({"config": {"max_length": AtLeast(1)}}),
    "signatures": {str: {"inputs": {str: (str, list)}, "outputs": {str: (str, list)}}},
    "unknown": Optional((str, {str: str})),
    "rejection": Optional(REJECTION),
    "files": {str: str},
}
SHAPE_OF_TODAY = {"task": str, "unknown": (str, {str: str}), "rejection": REJECTION}

_DIGEST = re.compile(rb'("digest": ")([0-9a-f]{64})(")')
_NO_DIGEST = "0" * 64


def write_manifest(bundle, manifest):
    """Writes a manifest with its own digest: SHA-256 of the file with zeros in its place.

    Args:
        bundle: path of the bundle's folder.
        manifest: dict.

    Returns:
        The manifest with its `digest`.
    """
    rest = {name: value for name, value in manifest.items() if name not in ("format", "digest")}
    manifest = {"format": FORMAT, **rest, "digest": _NO_DIGEST}
    content = json_bytes(manifest)
    manifest["digest"] = hashlib.sha256(content).hexdigest()
    with atomic_file(Path(bundle) / MANIFEST) as temporary:
        temporary.write_bytes(_with_digest(content, manifest["digest"]))
    return manifest


def _with_digest(content, digest):
    """The bytes of a manifest, the last digest in them replaced."""
    *_, last = _DIGEST.finditer(content)
    return content[: last.start(2)] + digest.encode() + content[last.end(2) :]


def read_manifest(bundle):
    """The manifest of a bundle; one of an older version has the shape of today.

    Args:
        bundle: path of the bundle's folder.

    Raises:
        UserError: it is no bundle, one of another version, or its manifest is not as it was
            written.
    """
    path = Path(bundle) / MANIFEST
    content, manifest = read_format(bundle)
    if manifest["format"] > 1 or has_digest(manifest):
        _check_digest(path, content, manifest)
    wrong = mismatch(manifest, SHAPE)
    if wrong is None:
        manifest = upgraded_manifest(manifest)
        wrong = mismatch(manifest, SHAPE_OF_TODAY)
    if wrong:
        raise BundleError(f"{path} is damaged: {wrong}.")
    if manifest["task"] not in TASKS:
        raise BundleError(
            f"{bundle} is of a task that this version does not know: expected "
            f"{' or '.join(TASKS)}. Received: task={manifest['task']!r}"
        )
    if manifest["task"] == TRANSLATION.name and "search" not in manifest:
        raise BundleError(f"{path} is damaged: it has no `search`.")
    check_signatures(path, TASKS[manifest["task"]], manifest["signatures"], may_lack(manifest))
    return manifest


def read_format(bundle):
    """The bytes of a manifest and what they say, if it is one of this package; no more is checked.

    Args:
        bundle: path of the bundle's folder.

    Raises:
        UserError: it is no bundle, or one of another version.
    """
    path = Path(bundle) / MANIFEST
    content = read_bytes(path, "an exported bundle")
    manifest = parse_json(content, path)
    version = manifest.get("format") if isinstance(manifest, dict) else manifest
    if type(version) is not int or version not in FORMATS:
        raise BundleError(
            f"{bundle} was exported by another version: expected format "
            f"{', '.join(map(str, FORMATS[:-1]))} or {FORMATS[-1]}. Received: format={version!r}"
        )
    return content, manifest


def _check_digest(path, content, manifest):
    found = None
    if _DIGEST.search(content):
        found = hashlib.sha256(_with_digest(content, _NO_DIGEST)).hexdigest()
    if found is None or manifest.get("digest") != found:
        raise BundleError(f"{path} has changed: it is not what its own digest says.")


def has_digest(manifest):
    """Whether a manifest carries its own digest, so that no byte of it changes unnoticed."""
    return "digest" in manifest


def answers_file(manifest):
    """Name of the file in a bundle that holds the answers of the trained model."""
    return OLD_ANSWERS if manifest["format"] < FORMAT else ANSWERS


def codec_folders(manifest):
    """Folders in a bundle with the source and the target codec."""
    folder = TASKS[manifest["task"]].codecs
    return f"{folder}/source", f"{folder}/target"


def open_bundle(bundle, parts=LISTED):
    """The manifest of a bundle whose files are as they were written.

    All bytes of these files are read, which takes one to two seconds for a gigabyte.

    Args:
        bundle: path of the bundle's folder.
        parts: sequence of str. Files and folders to check, such as `ONNX`.

    Raises:
        UserError: it is no bundle, or a file is missing, changed, or not in the manifest.
    """
    manifest = read_manifest(bundle)
    check_files(bundle, manifest, parts)
    return manifest


def checksums(bundle, parts=None):
    """SHA-256 of every file of a bundle but the manifest.

    Args:
        bundle: path of the bundle's folder.
        parts: sequence of str. Only these files, and what lies in these folders.

    Returns:
        A dict from path inside the bundle to hexadecimal digits.
    """
    bundle = Path(bundle)
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    names = {path.relative_to(bundle).as_posix(): path for path in paths}
    names.pop(MANIFEST, None)
    return {name: _sha256(path) for name, path in names.items() if _lies_in(name, parts)}


def check_files(bundle, manifest, parts=None):
    """Compares the files of a bundle with its manifest.

    Args:
        bundle: path of the bundle's folder.
        manifest: dict, as `read_manifest` returns it.
        parts: sequence of str. Files and folders to check; the whole bundle if not given.

    Raises:
        BundleError: a file is missing, changed, or lies unlisted beside those that are served; the
            message names the first.
    """
    found = checksums(bundle, parts)
    listed = {name: digest for name, digest in manifest["files"].items() if _lies_in(name, parts)}
    for name, expected in listed.items():
        if name not in found:
            raise BundleError(f"{bundle} is incomplete: {name} is missing.")
        if found[name] != expected:
            raise BundleError(
                f"{bundle} is not as it was exported: {name} has changed (its SHA-256 is "
                f"{found[name][:12]}…, the manifest says {expected[:12]}…)."
            )
    for name in found:
        # Hidden files are those of file managers; nothing reads them.
        if _lies_in(name, LISTED) and name not in listed and "/." not in name:
            raise BundleError(
                f"{bundle} is not as it was exported: its manifest does not list {name}."
            )
    answers = answers_file(manifest)
    for part in (SAVED_MODEL, ONNX, *codec_folders(manifest), answers):
        if _lies_in(part, parts) and not any(_lies_in(name, [part]) for name in listed):
            raise BundleError(f"{bundle} is incomplete: its manifest does not list {part}.")


def _lies_in(name, parts):
    return parts is None or any(name == part or name.startswith(f"{part}/") for part in parts)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
