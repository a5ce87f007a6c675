"""ONNX files whose weights are 8-bit integers."""

import numpy as np

from keras_attention.errors import UserError
from keras_attention.quiet import quiet

from .graphs import all_nodes, drop_unread, let_read
from .to_onnx import try_out


def write_int8(onnx_file, path, end_id):
    """Writes an ONNX file again, weights of matrix products as 8-bit integers, and tries it out.

    These become products of integers: a weight has a scale for each column, what it is multiplied
    with has one for the whole tensor, found as it comes. Weights keep within 7 bits: beyond,
    processors without VNNI instructions cut sums off, and would answer something else. Tables that
    are looked up, such as embeddings, stay as they are.

    Args:
        onnx_file: path of a file that `write_onnx` wrote.
        path: path of the file to write.
        end_id: int. The id that ends a source.

    Raises:
        UserError: onnxruntime cannot quantise the file.
    """
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    model = onnx.load(onnx_file)
    transpose_weights(model.graph)
    with quiet(""):  # It warns that the file could be optimised before.
        try:
            quantize_dynamic(
                model,
                path,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=True,
                extra_options={"EnableSubgraph": True},
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(f"The model cannot be written with 8-bit weights: {error}") from error
    try_out(path, end_id)


def transpose_weights(graph):
    """Stores, transposed, the weights that a graph transposes to multiply with them.

    A tied embedding is one: quantizers change what is stored, and nothing that is computed.

    Args:
        graph: `onnx.GraphProto`, changed in place.
    """
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    factors = {node.input[1] for node in all_nodes(graph) if node.op_type == "MatMul"}
    made = {}
    for node in list(all_nodes(graph)):
        is_weight = node.input and node.input[0] in stored and node.output[0] in factors
        if node.op_type == "Transpose" and is_weight:
            order = [list(item.ints) for item in node.attribute if item.name == "perm"]
            key = node.input[0], str(order)
            if key not in made:
                weight = np.transpose(numpy_helper.to_array(stored[node.input[0]]), *order)
                name = f"{node.input[0]}_transposed_{len(made)}"
                made[key] = numpy_helper.from_array(np.ascontiguousarray(weight), name)
            let_read(graph, node.output[0], made[key].name)
    graph.initializer.extend(made.values())
    drop_unread(graph)
