"""What the passes over ONNX graphs share."""

from collections import Counter

# What they may neither do once in place of twice, nor outside of a loop in place of inside.
RANDOM = {
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}


def copy_of(message):
    """A part of a graph that stays when it is taken out of the graph.

    Args:
        message: `onnx.NodeProto` or `onnx.TensorProto`.

    Returns:
        One of the same type.
    """
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def graphs_of(node):
    """The graphs that a node holds, such as the body of a loop.

    Args:
        node: `onnx.NodeProto`.

    Returns:
        List of `onnx.GraphProto`.
    """
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def all_nodes(graph):
    """The nodes of a graph and of all graphs inside it.

    Args:
        graph: `onnx.GraphProto`.

    Yields:
        `onnx.NodeProto`.
    """
    for node in graph.node:
        yield node
        for inner in graphs_of(node):
            yield from all_nodes(inner)


def all_graphs(graph):
    """A graph and all graphs inside it.

    Args:
        graph: `onnx.GraphProto`.

    Returns:
        List of `onnx.GraphProto`.
    """
    return [graph, *(inner for node in all_nodes(graph) for inner in graphs_of(node))]


def defined_names(graph):
    """The names that a graph itself defines, those of graphs inside it left out.

    Args:
        graph: `onnx.GraphProto`.

    Returns:
        Set of str.
    """
    names = {value.name for value in (*graph.input, *graph.initializer)}
    return names | {output for node in graph.node for output in node.output}


def let_read(graph, old, new):
    """Lets every node of a graph, and of graphs inside it, read one value in place of another.

    Args:
        graph: `onnx.GraphProto`, changed in place.
        old, new: str. Names of the values.
    """
    let_read_all(graph, {old: new})


def let_read_all(graph, replaced):
    """Lets every node of a graph, and of graphs inside it, read other values.

    Args:
        graph: `onnx.GraphProto`, changed in place.
        replaced: dict from old to new names. A new one is nowhere an old one.
    """
    for node in all_nodes(graph):
        for i, name in enumerate(node.input):
            if name and name in replaced:
                node.input[i] = replaced[name]


def drop_unread(graph):
    """Drops each node that nothing reads, in graphs inside the graph too, and what only it reads.

    Args:
        graph: `onnx.GraphProto`, changed in place; its nodes stand behind what they read.
    """
    reads = Counter(name for node in all_nodes(graph) for name in node.input)
    for inner in all_graphs(graph):
        reads.update(value.name for value in inner.output)
    _drop(graph, reads)


def _drop(graph, reads):
    for i in reversed(range(len(graph.node))):
        node = graph.node[i]
        for inner in graphs_of(node):
            _drop(inner, reads)
        if not graphs_of(node) and not any(reads[output] for output in node.output):
            reads.subtract(node.input)
            del graph.node[i]
