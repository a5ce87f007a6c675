"""Reshapes of what was reshaped, which ONNX graphs from TensorFlow are full of."""

from .graphs import all_nodes

RESHAPING = ("Identity", "Reshape", "Squeeze", "Unsqueeze")


def reshape_once(graph):
    """Lets each tensor be given its last shape at once.

    Args:
        graph: `onnx.GraphProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    from onnx import numpy_helper

    nodes = {name: node for node in all_nodes(graph) for name in node.output}
    given = {value.name for value in graph.input}  # a constant may be given another value
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in given}
    for node in all_nodes(graph):
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        # Zero in a shape takes the size of what is reshaped.
        if target is not None and 0 not in numpy_helper.to_array(target):
            before = nodes.get(node.input[0])
            while before is not None and before.op_type in RESHAPING:
                node.input[0] = before.input[0]
                before = nodes.get(node.input[0])
