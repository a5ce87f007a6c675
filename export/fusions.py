"""Several operations of an ONNX graph as the one standard operation that they make up."""

from math import prod

import numpy as np

from .graphs import all_nodes

RESHAPING = ("Identity", "Reshape", "Squeeze", "Unsqueeze")


def fuse(graph):
    """Lets single operations normalise, clip and reshape.

    Args:
        graph: `onnx.GraphProto`, changed in place. What is not read any more stays in it.
    """
    values = Values(graph)
    for node in list(all_nodes(graph)):
        if node.op_type == "Add":
            _normalize(node, values)
        elif node.op_type == "Max":
            _clip(node, values)
        elif node.op_type == "Reshape":
            _reshape_once(node, values)
    graph.initializer.extend(values.made.values())


class Values:
    """Where the values of a graph come from.

    Args:
        graph: `onnx.GraphProto`; no two values have the same name.
    """

    def __init__(self, graph):
        self._nodes = {output: node for node in all_nodes(graph) for output in node.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self.made = {}

    def node(self, name, *op_types):
        """The node of one of these types that a value comes from, or None."""
        node = self._nodes.get(name)
        return node if node is not None and node.op_type in op_types else None

    def either(self, node, op_type):
        """Pairs of an input's node of a type, and the name of the other input, in both orders."""
        for one, other in (node.input, reversed(node.input)):
            found = self.node(one, op_type)
            if found is not None:
                yield found, other

    def constant(self, name):
        """The array of a constant, or None."""
        from onnx import numpy_helper

        tensor = self._constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def last_axis(self, name):
        """A constant along the last axis alone: its rank, and the name of it as a vector, or None.

        Keras gives gains and biases the shape `(1, ..., size)`.
        """
        from onnx import numpy_helper

        reshape, shape = self.node(name, "Reshape"), self.constant(name)
        if reshape is not None:
            target, vector = self.constant(reshape.input[1]), self._constants.get(reshape.input[0])
            shaped_so = target is not None and vector is not None and len(vector.dims) == 1
            if shaped_so and target[-1] == prod(target) == vector.dims[0]:
                return len(target), vector.name
        elif shape is not None and shape.ndim and shape.shape[-1] == shape.size:
            vector = f"{name}_vector"
            if vector not in self.made:
                self.made[vector] = numpy_helper.from_array(shape.reshape(-1), vector)
            return shape.ndim, vector
        return None


def _normalize(add, values):
    """`x g + (beta - mean g)`, `g = gamma / sqrt(variance + epsilon)`, as one operation."""
    from onnx import helper

    found = next(_normalizations(add, values), None)
    if found is not None:
        x, gamma, beta, epsilon = found
        attributes = {"axis": -1, "epsilon": epsilon}
        one = helper.make_node(
            "LayerNormalization", [x, gamma, beta], list(add.output), add.name, **attributes
        )
        add.CopyFrom(one)


def _normalizations(add, values):
    """`(x, gamma, beta, epsilon)` where the sum is Keras' layer normalisation of the last axis."""
    for shift, scaled in values.either(add, "Add"):
        scaled = values.node(scaled, "Mul")
        for moved, beta in values.either(shift, "Mul"):
            for negative, factor in values.either(moved, "Neg"):
                made = values.node(factor, "Mul")
                if scaled is None or made is None or factor not in scaled.input:
                    continue
                (x,) = [name for name in scaled.input if name != factor] or [factor]
                mean = values.node(negative.input[0], "ReduceMean")
                for inverse, gamma in values.either(made, "Reciprocal"):
                    epsilon = _epsilon(inverse, x, mean, values)
                    gain, bias = values.last_axis(gamma), values.last_axis(beta)
                    if epsilon is None or gain is None or bias is None:
                        continue
                    if _is_over_last_axis(mean, gain[0], values):
                        yield x, gain[1], bias[1], epsilon


def _epsilon(inverse, x, mean, values):
    """`epsilon` where `inverse` is `1 / sqrt(variance of x + epsilon)`, else None."""
    root = values.node(inverse.input[0], "Sqrt")
    if root is None or mean is None or mean.input[0] != x:
        return None
    total = values.node(root.input[0], "Add")
    for variance, epsilon in values.either(total, "ReduceMean") if total is not None else ():
        square = values.node(variance.input[0], "Mul")
        if square is None or square.input[0] != square.input[1]:
            continue
        difference = values.node(square.input[0], "Sub")
        if difference is None or list(difference.input) != [x, mean.output[0]]:
            continue
        number = values.constant(epsilon)
        same_axes = list(variance.input[1:]) == list(mean.input[1:])
        if number is not None and number.size == 1 and same_axes:
            return float(number.reshape(()))
    return None


def _is_over_last_axis(mean, rank, values):
    keeps = all(a.i == 1 for a in mean.attribute if a.name == "keepdims")
    axes = values.constant(mean.input[1]) if len(mean.input) > 1 else None
    return keeps and axes is not None and axes.tolist() in ([-1], [rank - 1])


def _clip(highest, values):
    """`max(min(x, high), low)` as one operation."""
    for lowest, low in values.either(highest, "Min"):
        x, high = lowest.input
        bounds = [values.constant(name) for name in (low, high)]
        if all(bound is not None and bound.shape == () for bound in bounds):
            if np.less_equal(*bounds):
                highest.op_type = "Clip"
                highest.input[:] = [x, low, high]
            return


def _reshape_once(reshape, values):
    """A shape of shapes of a tensor as that shape of the tensor."""
    target = values.constant(reshape.input[1])
    if target is None or 0 in target:  # zero takes the size of what is reshaped
        return
    before = values.node(reshape.input[0], *RESHAPING)
    while before is not None:
        reshape.input[0] = before.input[0]
        before = values.node(reshape.input[0], *RESHAPING)
