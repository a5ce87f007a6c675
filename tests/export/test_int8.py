"""The ONNX file whose weights are 8-bit integers, and what is told of its answers."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_translators import TEXTS

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.export import open_predictor, parity
from keras_attention.export.loop_invariants import all_nodes
from keras_attention.export.quantize import transpose_weights


def products_of_weights(path):
    """Types of the nodes of a file that multiply by a stored matrix, however it is reshaped."""
    graph = onnx.load(path).graph
    nodes, stored = list(all_nodes(graph)), {tensor.name for tensor in graph.initializer}
    producers = {name: node for node in nodes for name in node.output}

    def is_weight(name):
        while name in producers and producers[name].op_type in ("Transpose", "Reshape", "Identity"):
            name = producers[name].input[0]
        return name in stored

    products = [node for node in nodes if node.op_type.startswith("MatMul")]
    return [node.op_type for node in products if is_weight(node.input[1])]


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_all_weights_of_matrix_products_are_integers(name, request):
    folder = request.getfixturevalue(name).bundle / "onnx"
    full = products_of_weights(folder / "model.onnx")
    assert full and set(full) == {"MatMul"}
    assert products_of_weights(folder / "model.int8.onnx") == ["MatMulInteger"] * len(full)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_the_manifest_tells_how_often_it_answers_alike(name, request):
    exported = request.getfixturevalue(name)
    report = exported.manifest["int8"]
    assert report["sentences"] == len(TEXTS) + 1 and report["batch_sizes"] == [1, 16]
    found = open_predictor(exported.bundle, "onnx_int8")
    found = [found.predict([text])[0] for text in TEXTS]
    expected = exported.translator.explain(TEXTS)
    same = [(a, b) for a, b in zip(found, expected, strict=True) if a.text == b.text]
    # Those that are the same in a batch of 16 too, and the empty sentence.
    assert 1 <= report["same_text"] <= len(same) + 1
    # Rounded, but the same model: another one is further away, by several for each token.
    assert all(abs(a.score - b.score) < 1.0 for a, b in same)


def test_a_sentence_counts_that_is_the_same_at_every_batch_size(monkeypatch):
    answers = [{"source_ids": [4, 3], "text": text, "score": -1.0} for text in "abc"]
    rows = {
        1: [{"text": "a", "ids_score": -1.25}, {"text": "b", "ids_score": -1.0}],
        16: [{"text": "a", "ids_score": -1.0}, {"text": "x", "ids_score": -9.0}],
    }
    rows = {size: [*found, {"text": "y", "ids_score": -9.0}] for size, found in rows.items()}
    monkeypatch.setattr(parity, "run", lambda *arguments: rows)
    monkeypatch.setattr(parity, "decode_ids", lambda *arguments: None)
    assert parity.agreement("bundle", answers) == {
        "sentences": 3,
        "batch_sizes": [1, 16],
        "same_text": 1,
        "max_score_difference": 0.25,
    }


def test_verify_asks_it_again(transformer, capsys):
    assert main(["verify", str(transformer.bundle), "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)["int8"]
    assert report == transformer.manifest["int8"]
    assert f"{report['same_text']} of the {report['sentences']} sentences" in captured.err


def test_the_instructions_name_the_file_where_there_is_one(transformer, lstm):
    assert "model.int8.onnx" in (transformer.bundle / "README.md").read_text()
    assert "model.int8.onnx" not in (lstm.bundle / "README.md").read_text()


def test_a_bundle_without_it(lstm):
    assert lstm.manifest["int8"] is None
    with pytest.raises(UserError, match="export the run with --int8"):
        open_predictor(lstm.bundle, "onnx_int8")


def test_a_weight_is_stored_as_it_is_multiplied():
    weight = np.arange(6, dtype="float32").reshape(2, 3)
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", 3), ("y", 2))
    )
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["weight"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "turned"], ["y"]),
        ],
        "tied",
        [x],
        [y],
        [numpy_helper.from_array(weight, "weight")],
    )
    transpose_weights(graph)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (product,) = graph.node
    np.testing.assert_array_equal(stored[product.input[1]], weight.T)
