"""ONNX graphs written as text, and what they say."""

import onnx
import onnxruntime
from onnx import parser

from keras_attention.export.graphs import all_nodes


def graph_of(text):
    """The model of a graph in ONNX' own text format, checked."""
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]>\n{text}')
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model, feeds):
    """What onnxruntime says the graph returns."""
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def types(graph):
    """The types of all nodes, in order."""
    return [node.op_type for node in all_nodes(graph)]
