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


def run(model, feeds, results=None):
    """What onnxruntime says the graph returns."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
    )
    return session.run(results, feeds)


def types(graph):
    """The types of all nodes, in order."""
    return [node.op_type for node in all_nodes(graph)]


def loops(graph):
    """All loops, outer ones first."""
    return [node for node in all_nodes(graph) if node.op_type == "Loop"]
