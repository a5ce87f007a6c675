"""Exported files as functions from source ids to what a search finds."""

from pathlib import Path

import tensorflow as tf

from keras_attention import codecs
from keras_attention.decoding import SearchResult
from keras_attention.errors import UserError, first_line

from .layout import ONNX_INT8, codec_folders, open_bundle, read_manifest
from .signatures import SEARCH, SOURCE_IDS, TASKS, TRANSLATION, check_ports
from .to_onnx import open_session

OUTPUTS = TRANSLATION.endpoints[SEARCH].outputs  # In the order of the fields of `SearchResult`.


def onnx_engine(path, manifest):
    """The engine that an ONNX file is.

    Args:
        path: path of the file.
        manifest: dict, that of its bundle.

    Returns:
        Function from source ids to a `SearchResult` of NumPy arrays.

    Raises:
        UserError: it cannot be opened, or lacks an input or output.
    """
    session, names = open_onnx(path, manifest, SEARCH)
    return lambda source_ids: SearchResult(*session.run(names, {SOURCE_IDS: source_ids}))


def open_onnx(path, manifest, endpoint):
    """An ONNX file with the inputs and outputs of its manifest.

    Args:
        path: path of the file.
        manifest: dict, that of its bundle.
        endpoint: str. What the file computes.

    Returns:
        `onnxruntime.InferenceSession`, and the names of its outputs in the order of the table.

    Raises:
        UserError: it cannot be opened, or lacks an input or output.
    """
    session = _opened(open_session, path)
    inputs, outputs = (
        {port.name for port in ports} for ports in (session.get_inputs(), session.get_outputs())
    )
    check_ports(path, endpoint, manifest["signatures"][endpoint], inputs, outputs)
    known = TASKS[manifest["task"]].endpoints[endpoint].outputs
    return session, [name for name in known if name in outputs]  # Version 0.1 wrote fewer.


def opened_parts(bundle, file):
    """What a predictor of one file of a bundle is made of, beside that file.

    Args:
        bundle: path of the bundle's folder.
        file: str. Its path inside the bundle.

    Returns:
        The manifest, the source and the target codec.

    Raises:
        UserError: it is no bundle, the file is missing, or one is not as it was written.
    """
    bundle = Path(bundle)
    if file == ONNX_INT8 and ONNX_INT8 not in read_manifest(bundle)["files"]:
        raise UserError(
            f"{bundle} has no ONNX file with 8-bit weights: export the run with --int8."
        )
    manifest = open_bundle(bundle, (file, TASKS[read_manifest(bundle)["task"]].codecs))
    source, target = (codecs.load(bundle / folder) for folder in codec_folders(manifest))
    return manifest, source, target


def open_saved_model(path, manifest):
    """A SavedModel with the endpoints of its manifest.

    Args:
        path: path of the folder.
        manifest: dict, that of its bundle.

    Raises:
        UserError: it cannot be opened, or lacks an endpoint, an input or an output.
    """
    if manifest["needs_tensorflow_text"]:
        import tensorflow_text  # noqa: F401  Registers the operations of SentencePiece.
    saved_model = _opened(tf.saved_model.load, path)
    signatures = getattr(saved_model, "signatures", {})
    for endpoint, expected in manifest["signatures"].items():
        inputs = outputs = None
        if endpoint in signatures:
            function = signatures[endpoint]
            inputs, outputs = function.structured_input_signature[1], function.structured_outputs
        check_ports(path, endpoint, expected, inputs, outputs)
    return saved_model


def saved_model_engine(saved_model):
    """The engine that a SavedModel is.

    Args:
        saved_model: as `open_saved_model` returns it.

    Returns:
        Function from source ids to a `SearchResult` of NumPy arrays.
    """

    def engine(source_ids):
        inputs = {SOURCE_IDS: tf.constant(source_ids, tf.int32)}
        outputs = saved_model.signatures[SEARCH](**inputs)
        return SearchResult(*(outputs[name].numpy() for name in OUTPUTS if name in outputs))

    return engine


def _opened(opener, path):
    if not path.exists():
        raise UserError(f"{path} is missing.")
    try:
        return opener(path if path.is_file() else str(path))
    except Exception as error:  # TensorFlow and onnxruntime raise whatever a damaged file leads to.
        raise UserError(f"{path} cannot be opened: {first_line(error)}") from error
