"""What a loop of an ONNX graph carries along unchanged, taken out of the loop.

TensorFlow hands a loop all that its body reads, weights included, as variables of the loop. As such
they are no constants to a runtime, which packs constants for its matrix products beforehand, and to
a quantizer, which changes nothing else. A body may as well read them where they stand.
"""

from collections import Counter


def lift_invariants(graph):
    """Lets the bodies of all loops read what does not change from outside of the loop.

    Args:
        graph: `onnx.GraphProto`, changed in place.
    """
    results = {value.name for value in graph.output}
    for node in graph.node:
        for inner in graphs_of(node):
            lift_invariants(inner)
        if node.op_type == "Loop":
            _lift(node, graph, results)


def _lift(loop, graph, results):
    """Lifts out of one loop of a graph."""
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    producers = {output: node for node in body.node for output in node.output}
    # Behind trip count and condition, as input and as output of the body behind the condition.
    carried = len(loop.input) - 2
    for i in reversed(range(carried)):
        outside, inside = loop.input[2 + i], body.input[2 + i].name
        unchanged = _source(body.output[1 + i].name, producers) == inside
        others = {output.name for k, output in enumerate(body.output) if k != 1 + i}
        if unchanged and inside not in others and loop.output[i] not in results:
            let_read(body, inside, outside)
            let_read(graph, loop.output[i], outside)
            for values in (loop.input, body.input):
                del values[2 + i]
            del body.output[1 + i]
            del loop.output[i]
    drop_unread(body, "Identity")


def _source(name, producers):
    """The value that a chain of `Identity` begins with."""
    while name in producers and producers[name].op_type == "Identity":
        name = producers[name].input[0]
    return name


def let_read(graph, old, new):
    """Lets every node of a graph, and of graphs inside it, read one value in place of another.

    Args:
        graph: `onnx.GraphProto`, changed in place.
        old, new: str. Names of the values.
    """
    for node in all_nodes(graph):
        for i, name in enumerate(node.input):
            if old and name == old:
                node.input[i] = new


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


def graphs_of(node):
    """The graphs that a node holds, such as the body of a loop.

    Args:
        node: `onnx.NodeProto`.

    Returns:
        List of `onnx.GraphProto`.
    """
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def drop_unread(graph, op_type):
    """Drops each node of a type that nothing reads any more, in graphs inside the graph too.

    Args:
        graph: `onnx.GraphProto`, changed in place; its nodes stand behind what they read.
        op_type: str. Type of nodes with one input and one output.
    """
    reads = Counter(name for node in all_nodes(graph) for name in node.input)
    for inner in [graph, *(g for node in all_nodes(graph) for g in graphs_of(node))]:
        reads.update(value.name for value in inner.output)
    _drop(graph, op_type, reads)


def _drop(graph, op_type, reads):
    for i in reversed(range(len(graph.node))):
        node = graph.node[i]
        for inner in graphs_of(node):
            _drop(inner, op_type, reads)
        if node.op_type == op_type and not reads[node.output[0]]:
            reads[node.input[0]] -= 1
            del graph.node[i]
