"""Exported files as functions from source ids to what a search finds."""

import tensorflow as tf

from keras_attention.decoding import SearchResult
from keras_attention.errors import UserError, first_line

from .signatures import SEARCH, SOURCE_IDS, TRANSLATION, check_ports
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
    session = _opened(open_session, path)
    inputs, outputs = (
        {port.name for port in ports} for ports in (session.get_inputs(), session.get_outputs())
    )
    check_ports(path, SEARCH, manifest["signatures"][SEARCH], inputs, outputs)
    names = [name for name in OUTPUTS if name in outputs]  # Version 0.1 wrote fewer.
    return lambda source_ids: SearchResult(*session.run(names, {SOURCE_IDS: source_ids}))


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
