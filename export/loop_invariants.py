"""What is the same each time around a loop of an ONNX graph, taken out of the loop.

TensorFlow hands a loop all that its body reads, weights included, as variables of the loop. As such
they are no constants to a runtime, which packs constants for its matrix products beforehand, and to
a quantizer, which changes nothing else. A body may as well read them where they stand; and what it
computes of such values alone need not be computed again each time.
"""

from collections import Counter

from .graphs import (
    RANDOM,
    all_graphs,
    copy_of,
    defined_names,
    drop_unread,
    graphs_of,
    let_read,
)


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
    (body,) = graphs_of(loop)
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
    drop_unread(body)


def _source(name, producers):
    """The value that a chain of `Identity` begins with."""
    while name in producers and producers[name].op_type == "Identity":
        name = producers[name].input[0]
    return name


def hoist_invariants(graph):
    """Moves what loops compute of values from outside in front of them, and their constants.

    Args:
        graph: `onnx.GraphProto`, changed in place.
    """
    # Two loops may use one name each for its own; in front of them it would be for both.
    counts = Counter(name for each in all_graphs(graph) for name in defined_names(each))
    _hoist(graph, {name for name, count in counts.items() if count > 1})


def _hoist(graph, shared):
    nodes = []
    for node in graph.node:
        for inner in graphs_of(node):
            _hoist(inner, shared)
        if node.op_type == "Loop":
            nodes += _take_invariants(*graphs_of(node), graph, shared)
        nodes.append(node)
    _replace(graph.node, nodes)


def _take_invariants(body, graph, shared):
    """Takes constants and invariant nodes from a body; the constants go to the graph around it."""
    constants = [tensor for tensor in body.initializer if tensor.name not in shared]
    results = {value.name for value in body.output}
    inside = defined_names(body).difference(tensor.name for tensor in constants)
    moved, kept = [], []
    for node in body.node:
        stays = graphs_of(node) or node.op_type in RANDOM or results.intersection(node.output)
        if stays or inside.intersection(node.input) or shared.intersection(node.output):
            kept.append(node)
        else:
            inside.difference_update(node.output)
            moved.append(copy_of(node))
    graph.initializer.extend(constants)
    _replace(body.node, kept)
    _replace(body.initializer, [tensor for tensor in body.initializer if tensor.name in shared])
    return moved


def _replace(field, messages):
    """Lets a field hold these messages, some of which it held."""
    messages = [copy_of(message) for message in messages]
    del field[:]
    field.extend(messages)
