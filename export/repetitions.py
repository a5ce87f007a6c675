"""What an ONNX graph holds or computes twice, held and computed once."""

from .graphs import RANDOM, graphs_of, let_read_all

# Of larger constants, which are weights, each is its own.
MOST_BYTES = 4096


def share_repetitions(graph):
    """Lets equal constants be one, and equal operations of equal values.

    Args:
        graph: `onnx.GraphProto`, changed in place. What is not read any more stays in it.
    """
    _share_constants(graph)
    _share_nodes(graph)


def _share_constants(graph):
    from onnx import numpy_helper

    first, equal = {}, {}
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.nbytes <= MOST_BYTES:
            key = tensor.data_type, tuple(tensor.dims), array.tobytes()
            if first.setdefault(key, tensor.name) != tensor.name:
                equal[tensor.name] = first[key]
    results = {value.name for value in graph.output}
    let_read_all(graph, {old: new for old, new in equal.items() if old not in results})


def _share_nodes(graph):
    first, equal = {}, {}
    results = {value.name for value in graph.output}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = equal.get(name, name)
        if graphs_of(node) or node.op_type in RANDOM:
            continue
        attributes = sorted(attribute.SerializeToString() for attribute in node.attribute)
        key = node.domain, node.op_type, *node.input, "of", *attributes, len(node.output)
        same = first.setdefault(key, node)
        if same is not node and results.isdisjoint(node.output):
            equal.update(zip(node.output, same.output, strict=True))
    let_read_all(graph, equal)
    for node in graph.node:
        for inner in graphs_of(node):
            share_repetitions(inner)
