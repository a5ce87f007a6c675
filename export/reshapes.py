"""Reshapes of what was reshaped, which ONNX graphs from TensorFlow are full of."""

from .graphs import all_nodes
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
    """Lets what a reshape leaves as it is be read without it.

    Args:
        model: `onnx.ModelProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    types = tensor_types(model)
    same = {
        node.output[0]: node.input[0]
        for node, target in _reshapes(model.graph)
        if _has_shape(types.get(node.input[0]), target)
    }
    for node in all_nodes(model.graph):
        for place, name in enumerate(node.input):
            while name in same:
                name = same[name]
            node.input[place] = name


def _reshapes(graph):
    """The reshapes whose shape is known, each with that shape, a list."""
    from onnx import numpy_helper

    given = {value.name for value in graph.input}  # a constant may be given another value
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in given}
    for node in all_nodes(graph):
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        target = [] if target is None else numpy_helper.to_array(target).tolist()
        if target and 0 not in target:  # which takes the size of what is reshaped
            yield node, target


def _has_shape(known, target):
    """Whether a tensor of which `known` is known has the shape already, in which -1 may stand."""
    if known is None or not known.HasField("shape"):
        return False
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in known.shape.dim]
    pairs = zip(sizes, target, strict=False)
    return len(sizes) == len(target) and all(two == -1 or one == two for one, two in pairs)
