"""What is the same each time around a loop of an ONNX graph, taken out of the loop.

TensorFlow hands a loop all that its body reads, weights included, as variables of the loop. As such
they are no constants to a runtime, which packs constants for its matrix products beforehand, and to
a quantizer, which changes nothing else. A body may as well read them where they stand; and what it
computes of such values alone need not be computed again each time.
"""

from .graphs import copy_of, defined_names, drop_unread, graphs_of, let_read, replace_all

# Operations that give something for all whose sizes fit: none looks a place up.
HARMLESS = {
    *("Abs", "Add", "And", "Cast", "Ceil", "Concat", "Constant", "Cos", "Equal", "Erf", "Exp"),
    *("Floor", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "MatMul", "Max"),
    *("Min", "Mul", "Neg", "Not", "Or", "ReduceSum", "Relu", "Reshape", "Shape", "Sigmoid", "Sin"),
    *("Slice", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where"),
}


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

    It is only what cannot fail where sizes fit: a loop of no rounds would never have computed it.

    Args:
        graph: `onnx.GraphProto`, changed in place; no two of its values have the same name.
    """
    nodes = []
    for node in graph.node:
        for inner in graphs_of(node):
            hoist_invariants(inner)
        if node.op_type == "Loop":
            nodes += _take_invariants(*graphs_of(node), graph)
        nodes.append(node)
    replace_all(graph.node, nodes)


def _take_invariants(body, graph):
    """Takes constants and invariant nodes from a body; the constants go to the graph around it."""
    results = {value.name for value in body.output}  # which a body has to have of its own
    constants = [tensor for tensor in body.initializer if tensor.name not in results]
    inside = defined_names(body).difference(tensor.name for tensor in constants)
    moved, kept = [], []
    for node in body.node:
        can_move = node.op_type in HARMLESS and results.isdisjoint(node.output)
        if can_move and inside.isdisjoint(node.input):
            inside.difference_update(node.output)
            moved.append(copy_of(node))
        else:
            kept.append(node)
    graph.initializer.extend(constants)
    replace_all(body.node, kept)
    replace_all(body.initializer, [x for x in body.initializer if x.name in results])
    return moved
