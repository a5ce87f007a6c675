"""What an ONNX graph holds or computes twice, held and computed once."""

from .graphs import RANDOM, copy_of, graphs_of, let_read_all

# Of larger constants, which are weights, each is its own.
MOST_BYTES = 4096


def share_repetitions(graph):
    """Lets equal constants be one, and equal operations of equal values.

    Args:
        graph: `onnx.GraphProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    _share_constants(graph)
    _share_nodes(graph)


def _share_constants(graph):
    inputs, results = ({value.name for value in values} for values in (graph.input, graph.output))
    first, equal = {}, {}
    for tensor in graph.initializer:
        # One that is an input too may be given another value.
        if tensor.name in inputs | results or tensor.ByteSize() > MOST_BYTES:
            continue
        content = copy_of(tensor)
        content.ClearField("name")
        same = first.setdefault(content.SerializeToString(deterministic=True), tensor.name)
        if same != tensor.name:
            equal[tensor.name] = same
    let_read_all(graph, equal)


def _share_nodes(graph):
    results = {value.name for value in graph.output}
    first, equal = {}, {}
    for node in graph.node:
        node.input[:] = [equal.get(name, name) for name in node.input]
        if graphs_of(node) or node.op_type in RANDOM:
            continue
        attributes = sorted(x.SerializeToString(deterministic=True) for x in node.attribute)
        given = tuple(bool(name) for name in node.output)
        key = node.domain, node.op_type, tuple(node.input), tuple(attributes), given
        same = first.setdefault(key, node)
        if same is not node and results.isdisjoint(node.output):
            names = zip(node.output, same.output, strict=True)
            equal.update((old, new) for old, new in names if old)
    let_read_all(graph, equal)
    for node in graph.node:
        for inner in graphs_of(node):
            share_repetitions(inner)
