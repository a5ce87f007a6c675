"""Types and shapes of all values of an ONNX model, those in the bodies of loops too."""

from .graphs import all_nodes, defined_names, graphs_of

# Of larger constants only the shape matters.
MOST_BYTES = 4096


def tensor_types(model):
    """What is known before the run of the values of a model.

    ONNX' own inference forgets, in a loop, the shapes of the values that it carries along; here
    they are what the body says of its inputs, which TensorFlow knows to hold in every round.

    Args:
        model: `onnx.ModelProto`; no two of its values have the same name.

    Returns:
        Dict from names to `onnx.TypeProto.Tensor`.
    """
    types = {}
    _infer(model.graph, model, types, {})
    return types


def _infer(graph, model, types, outside):
    """Adds the types of a graph, and of graphs inside it.

    Args:
        graph: `onnx.GraphProto`.
        model: `onnx.ModelProto` that it is of.
        types: dict that takes them.
        outside: dict from names to the `onnx.TensorProto` of constants around the graph.
    """
    from onnx import GraphProto, TypeProto, helper, shape_inference

    # A constant that is an input too is a default, which a caller may replace.
    given = {value.name for value in graph.input}
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in given}
    outside = outside | constants
    # Without the types that the graph declares for its other values: they are inferred anew.
    part = GraphProto(name=graph.name, node=graph.node, input=graph.input, output=graph.output)
    read = {name for node in all_nodes(part) for name in node.input if name}
    for name in sorted(read - defined_names(part)):
        tensor = outside.get(name)
        if tensor is not None and tensor.ByteSize() <= MOST_BYTES:
            part.initializer.append(tensor)
        elif tensor is not None:
            part.input.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        elif name in types:
            part.input.append(helper.make_value_info(name, TypeProto(tensor_type=types[name])))
    alone = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    found = shape_inference.infer_shapes(alone).graph
    for value in (*found.input, *found.output, *found.value_info):
        types[value.name] = value.type.tensor_type
    for node in graph.node:
        for inner in graphs_of(node):
            _infer(inner, model, types, outside)
