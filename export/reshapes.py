"""Reshapes that need not be, which ONNX graphs from TensorFlow are full of."""

from .graphs import all_nodes, let_read_all
from .shapes import tensor_types

RESHAPING = ("Identity", "Reshape", "Squeeze", "Unsqueeze")


def reshape_once(graph):
    """Lets each tensor be given its last shape at once.

    Args:
        graph: `onnx.GraphProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    nodes = {name: node for node in all_nodes(graph) for name in node.output}
    for node, _ in _reshapes(graph):
        before = nodes.get(node.input[0])
        while before is not None and before.op_type in RESHAPING:
            node.input[0] = before.input[0]
            before = nodes.get(node.input[0])


def drop_reshapes(model):
    """Drops the reshapes of what has the shape already.

    Args:
        model: `onnx.ModelProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    types, same = tensor_types(model), {}
    for node, target in _reshapes(model.graph):
        if _has_shape(types.get(node.input[0]), target):
            same[node.output[0]] = same.get(node.input[0], node.input[0])
    let_read_all(model.graph, same)


def _reshapes(graph):
    """Yields the reshapes to a shape that is known, each with its shape, a list."""
    from onnx import numpy_helper

    given = {value.name for value in graph.input}  # a constant may be given another value
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in given}
    for node in all_nodes(graph):
        if node.op_type == "Reshape" and node.input[1] in constants:
            target = numpy_helper.to_array(constants[node.input[1]]).tolist()
            # Zero in a shape takes the size of what is reshaped.
            if 0 not in target:
                yield node, target


def _has_shape(known, target):
    """Whether a tensor of which `known` is known has the shape already, in which -1 may stand."""
    if known is None or not known.HasField("shape"):
        return False
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in known.shape.dim]
    pairs = zip(sizes, target, strict=False)
    return len(sizes) == len(target) and all(wanted in (-1, size) for size, wanted in pairs)
