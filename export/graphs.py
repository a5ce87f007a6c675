"""What the passes over ONNX graphs share."""

from collections import Counter

# What may not be done once in place of twice.
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
    names.update(output for node in graph.node for output in node.output)
    return names - {""}  # an output that is left out


def make_names_unique(graph):
    """Lets no graph inside a graph use a name that another one has for something else.

    Args:
        graph: `onnx.GraphProto`, changed in place; its own names stay.
    """
    everywhere = {name for each in all_graphs(graph) for name in defined_names(each)}
    _rename(graph, {}, set(), everywhere)


def _rename(graph, scope, taken, everywhere):
    """Renames what has a name that is `taken`; `scope` has the new names of what is outside."""
    scope = dict(scope)
    for name in sorted(defined_names(graph)):
        new, number = name, 0
        while new in taken or (new != name and new in everywhere):
            new, number = f"{name}_{number}", number + 1
        scope[name] = new
        taken.add(new)
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = scope.get(value.name, value.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [scope.get(name, name) for name in names]
        for inner in graphs_of(node):
            _rename(inner, scope, taken, everywhere)


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
    """Drops each node and each constant that nothing reads, in graphs inside the graph too.

    Args:
        graph: `onnx.GraphProto`, changed in place; its nodes stand behind what they read.
    """
    reads = Counter(name for node in all_nodes(graph) for name in node.input)
    reads.update(value.name for each in all_graphs(graph) for value in each.output)
    _drop(graph, reads)
    for each in all_graphs(graph):
        kept = {value.name for value in each.input}
        replace_all(
            each.initializer, [x for x in each.initializer if reads[x.name] or x.name in kept]
        )


def _drop(graph, reads):
    for i in reversed(range(len(graph.node))):
        node = graph.node[i]
        if any(reads[output] for output in node.output if output):
            for inner in graphs_of(node):
                _drop(inner, reads)
            continue
        reads.subtract(node.input)
        for inner in graphs_of(node):
            reads.subtract(name for each in all_nodes(inner) for name in each.input)
            reads.subtract(value.name for each in all_graphs(inner) for value in each.output)
        del graph.node[i]


def replace_all(field, messages):
    """Lets a field of a graph hold these nodes or tensors, some of which it held.

    Args:
        field: repeated field of `onnx.GraphProto`.
        messages: list of `onnx.NodeProto` or `onnx.TensorProto`.
    """
    messages = [copy_of(message) for message in messages]
    del field[:]
    field.extend(messages)
