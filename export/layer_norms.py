"""Layer normalisation as one operation, which TensorFlow writes as a dozen."""

from .graphs import all_nodes
from .shapes import tensor_types


def fuse_layer_norms(model):
    """Lets one operation do what Keras' layer normalisation of the last axis does in many.

    Args:
        model: `onnx.ModelProto`, changed in place; no two of its values have the same name. What is
            not read any more stays in it.
    """
    from onnx import helper

    values = Values(model)
    for node in [node for node in all_nodes(model.graph) if node.op_type == "Add"]:
        found = next(_normalizations(node, values), None)
        if found is not None:
            x, gamma, beta, epsilon = found
            vectors = [values.vector(name) for name in (gamma, beta)]
            inputs, outputs = [x, *vectors], list(node.output)
            made = helper.make_node("LayerNormalization", inputs, outputs, epsilon=epsilon, axis=-1)
            node.CopyFrom(made)
    model.graph.initializer.extend(values.made)


class Values:
    """Where the values of a model come from, and what is known of them.

    Args:
        model: `onnx.ModelProto`; no two of its values have the same name.
    """

    def __init__(self, model):
        graph = model.graph
        self._nodes = {name: node for node in all_nodes(graph) for name in node.output}
        given = {value.name for value in graph.input}  # a constant may be given another value
        self._constants = {x.name: x for x in graph.initializer if x.name not in given}
        self._types = tensor_types(model)
        self.made = []

    def node(self, name, op_type):
        """The node of a type that a value comes from, or None."""
        node = self._nodes.get(name)
        return node if node is not None and node.op_type == op_type else None

    def either(self, node, op_type):
        """Pairs of an input's node of a type, and the name of the other input, in both orders."""
        for one, other in (node.input, reversed(node.input)) if len(node.input) == 2 else ():
            found = self.node(one, op_type)
            if found is not None:
                yield found, other

    def constant(self, name):
        """The array of a constant, of one that is reshaped too, or None."""
        from onnx import numpy_helper

        reshape = self.node(name, "Reshape")
        sources = [name] if reshape is None else reshape.input
        if not all(source in self._constants for source in sources):
            return None
        arrays = [numpy_helper.to_array(self._constants[source]) for source in sources]
        if reshape is None:
            return arrays[0]
        return None if 0 in arrays[1] else arrays[0].reshape(arrays[1])

    def last_axis(self, name):
        """Rank and last size of a float32 tensor, None where they are not known before the run."""
        from onnx import TensorProto

        kind = self._types.get(name)
        if kind is None or kind.elem_type != TensorProto.FLOAT or not kind.HasField("shape"):
            return None, None
        sizes = [axis.dim_value for axis in kind.shape.dim]
        return len(sizes), sizes[-1] if sizes else None

    def vector(self, name):
        """The name of a constant as a vector."""
        from onnx import numpy_helper

        vector = f"{name}_vector_{len(self.made)}"
        self.made.append(numpy_helper.from_array(self.constant(name).reshape(-1), vector))
        return vector


def _normalizations(node, values):
    """`(x, gamma, beta, epsilon)` where a sum is a layer normalisation of the last axis.

    Keras computes `x g + (beta - mean g)` with `g = gamma / sqrt(variance + epsilon)`.
    """
    for shift, name in values.either(node, "Add"):
        scaled = values.node(name, "Mul")
        for moved, beta in values.either(shift, "Mul"):
            for negative, factor in values.either(moved, "Neg"):
                mean = values.node(negative.input[0], "ReduceMean")
                scale = values.node(factor, "Mul")
                if None in (scaled, scale, mean) or factor not in scaled.input:
                    continue
                x = scaled.input[1 if scaled.input[0] == factor else 0]
                for inverse, gamma in values.either(scale, "Reciprocal"):
                    epsilon = _epsilon(inverse, x, mean, values)
                    if epsilon is not None and _are_along_last_axis(x, (gamma, beta), values):
                        yield x, gamma, beta, epsilon


def _epsilon(inverse, x, mean, values):
    """`epsilon` where `inverse` is `1 / sqrt(variance of x + epsilon)`, else None."""
    root = values.node(inverse.input[0], "Sqrt")
    total = None if root is None else values.node(root.input[0], "Add")
    for variance, name in values.either(total, "ReduceMean") if total is not None else ():
        square, epsilon = values.node(variance.input[0], "Mul"), values.constant(name)
        if square is None or square.input[0] != square.input[1]:
            continue
        difference = values.node(square.input[0], "Sub")
        is_variance = difference is not None and list(difference.input) == [x, mean.output[0]]
        over_last = mean.input[0] == x and all(
            _is_over_last_axis(each, values.last_axis(x)[0], values) for each in (mean, variance)
        )
        if not is_variance or not over_last or epsilon is None or epsilon.size != 1:
            continue
        if epsilon.ndim <= values.last_axis(x)[0]:  # else the sum has more axes than `x`
            return float(epsilon.reshape(()))
    return None


def _is_over_last_axis(mean, rank, values):
    keeps = all(attribute.i == 1 for attribute in mean.attribute if attribute.name == "keepdims")
    axes = values.constant(mean.input[1]) if len(mean.input) > 1 else None
    return rank is not None and keeps and axes is not None and axes.tolist() in ([-1], [rank - 1])


def _are_along_last_axis(x, names, values):
    """Whether constants vary along the last axis of `x` alone, and have all of its size."""
    rank, size = values.last_axis(x)
    constants = [values.constant(name) for name in names]
    return bool(size) and all(
        array is not None and 0 < array.ndim <= rank and array.shape[-1] == array.size == size
        for array in constants
    )
