"""ONNX file with ids in and the whole search inside."""

from pathlib import Path

import numpy as np

from keras_attention.errors import UserError
from keras_attention.quiet import quiet

from .exporter import exporter_of
from .graphs import drop_unread, make_names_unique
from .layer_norms import fuse_layer_norms
from .loop_invariants import hoist_invariants, lift_invariants
from .portable import without_cudnn
from .repetitions import share_repetitions
from .reshapes import drop_reshapes, reshape_once

OPSET = 18  # The highest that tf2onnx 1.17 writes.


def write_onnx(predictor, path):
    """Writes a model, and its search if it has one, as one ONNX file, and sees that it runs.

    Args:
        predictor: `keras_attention.Translator` or `Labeller`, on the TensorFlow backend.
        path: path of the file.

    Raises:
        UserError: the model holds an operation that cannot be converted.
    """
    import onnx

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    exporter = exporter_of(predictor)
    with quiet() as errors, without_cudnn(predictor.model):
        file = convert(*exporter.function())
    if errors:  # tf2onnx logs what it cannot convert, and goes on.
        raise UserError(f"The model cannot be written as ONNX: {errors[0]}")
    name_axes(file.graph, exporter.task)
    onnx.checker.check_model(file, full_check=True)
    onnx.save(file, path)
    try_out(path, exporter.end_id)


def convert(function, signature):
    """A TensorFlow function as an ONNX model.

    Args:
        function: `tf.function`.
        signature: list of `tf.TensorSpec`.

    Returns:
        `onnx.ModelProto`.
    """
    import tf2onnx.convert  # Slow; only needed here.

    handlers = {"SelectV2": (_where, [])}
    model, _ = tf2onnx.convert.from_function(
        function, signature, opset=OPSET, custom_op_handlers=handlers
    )
    simplify(model)
    return model


def simplify(model):
    """Lets a model say the same in fewer operations.

    A runtime starts each of them in every step of a search, which for small ones takes as long as
    the operation itself.

    Args:
        model: `onnx.ModelProto`, changed in place.
    """
    graph = model.graph
    make_names_unique(graph)
    lift_invariants(graph)
    hoist_invariants(graph)
    share_repetitions(graph)
    fuse_layer_norms(model)
    reshape_once(graph)
    drop_reshapes(model)
    drop_unread(graph)
    share_repetitions(graph)
    drop_unread(graph)


def _where(context, node, name, args):
    """Writes `SelectV2` as `Where`; tf2onnx' own sum of products is slower, and NaN at infinity."""
    from onnx import TensorProto
    from tf2onnx.onnx_opset.controlflow import Select

    kinds = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64
    if context.get_dtype(node.output[0]) in kinds:
        node.type = "Where"
    else:  # such as bools, of which onnxruntime has no `Where`
        Select.version_9(context, node)


def name_axes(graph, task):
    """Gives the inputs and outputs the axes that the table of the task names.

    Args:
        graph: `onnx.GraphProto`. Axes of a size known from the start keep it.
        task: `Task`.
    """
    endpoint = task.endpoints[task.arrays]
    ports = endpoint.inputs | endpoint.outputs
    for value in [*graph.input, *graph.output]:
        dimensions = value.type.tensor_type.shape.dim
        for dimension, name in zip(dimensions, ports[value.name].axes, strict=True):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name


def open_session(path, threads=2):
    """An onnxruntime session of a file.

    Args:
        path: path of the file.
        threads: int. Threads inside an operation. The operations of a decoding step are small:
            two are a third faster than one on a batch of 32 sentences, and no faster on one.

    Returns:
        `onnxruntime.InferenceSession`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


def try_out(path, end_id):
    """Runs a file on two shapes: one that cannot run fails here, and not where it is served.

    Args:
        path: path of the file.
        end_id: int. The id that ends a source.

    Raises:
        Exception: what onnxruntime raises.
    """
    session = open_session(path)
    for shape in ((1, 1), (2, 3)):
        values = {"tensor(int32)": np.int32(end_id), "tensor(bool)": np.True_}
        session.run(
            None, {port.name: np.full(shape, values[port.type]) for port in session.get_inputs()}
        )
