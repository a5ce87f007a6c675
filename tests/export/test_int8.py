"""The ONNX file whose weights are 8-bit integers, and what is told of its answers."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_translators import TEXTS, by_default

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.export import open_predictor, write_int8
from keras_attention.export.graphs import all_nodes
from keras_attention.export.parity import check
from keras_attention.export.parity.answers import Answers
from keras_attention.export.quantize import transpose_weights


def products_of_weights(path):
    """Of each product by a stored matrix, however it is reshaped: its type, the matrix' name."""
    graph = onnx.load(path).graph
    nodes, stored = list(all_nodes(graph)), {tensor.name for tensor in graph.initializer}
    producers = {name: node for node in nodes for name in node.output}

    def source(name):
        while name in producers and producers[name].op_type in ("Transpose", "Reshape", "Identity"):
            name = producers[name].input[0]
        return name

    products = [node for node in nodes if node.op_type.startswith("MatMul")]
    pairs = [(node.op_type, source(node.input[1])) for node in products]
    return [(kind, name) for kind, name in pairs if name in stored]


def arrays(path):
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


@pytest.fixture(params=by_default("gru", "transformer"))
def quantized(request):
    return request.getfixturevalue(request.param)


def test_all_weights_of_matrix_products_are_integers(quantized):
    """Of 7 bits, with a scale for each column, half a step away from what they were at most."""
    folder = quantized.bundle / "onnx"
    full, small = folder / "model.onnx", folder / "model.int8.onnx"
    before, after = products_of_weights(full), products_of_weights(small)
    assert before and {kind for kind, _ in before} == {"MatMul"}
    assert len(after) == len(before) and {kind for kind, _ in after} == {"MatMulInteger"}
    floats, integers = arrays(full), arrays(small)
    for name in {name for _, name in after}:
        scale = integers[name.replace("_quantized", "_scale")]
        assert scale.shape == integers[name].shape[1:] and np.abs(integers[name]).max() <= 64
        old, _, turned = name.removesuffix("_quantized").partition("_transposed_")
        weight = floats[old].T if turned else floats[old]
        assert (np.abs(integers[name] * scale - weight) <= 0.5 * scale + 1e-6).all()


def test_what_is_looked_up_stays_as_it_is(quantized):
    folder = quantized.bundle / "onnx"
    full, small = (arrays(folder / name) for name in ("model.onnx", "model.int8.onnx"))
    graph = onnx.load(folder / "model.onnx").graph
    tables = {node.input[0] for node in all_nodes(graph) if node.op_type == "Gather"} & set(full)
    tables = {name for name in tables if full[name].dtype == np.float32}
    assert tables
    for name in tables:
        np.testing.assert_array_equal(small[name], full[name])


def test_the_manifest_tells_how_often_it_answers_alike(quantized):
    report = quantized.manifest["int8"]
    assert report["sentences"] == len(TEXTS) + 1 and report["batch_sizes"] == [1, 16]
    predictor = open_predictor(quantized.bundle, "onnx_int8")
    found = [predictor.predict([text])[0].text for text in TEXTS]
    expected = [answer.text for answer in quantized.translator.explain(TEXTS)]
    alike = sum(a == b for a, b in zip(found, expected, strict=True))
    assert report["same_text"] <= alike + 1  # that are so in a batch too, and the empty one


def test_what_cannot_be_quantised_is_told(quantized, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise ValueError("no such tensor")

    monkeypatch.setattr("onnxruntime.quantization.quantize_dynamic", refuse)
    with pytest.raises(UserError, match="8-bit weights: no such tensor"):
        write_int8(quantized.bundle / "onnx" / "model.onnx", tmp_path / "small.onnx", 3)


def test_a_sentence_counts_that_is_the_same_at_every_batch_size(monkeypatch):

    def outputs(texts, *scores):
        text, scores = np.array(list(texts)), np.array(scores, "float32")[:, None]
        return {"serving_default": {"text": text}, "search": {"scores": scores}}

    found = {1: outputs("aby", -1.25, -1, -9), 16: outputs("axy", -1, -9, -9)}
    monkeypatch.setattr(check, "run_onnx", lambda *arguments: found)
    inputs = {"search": {"source_ids": np.full((3, 2), 4, "int32")}}
    answers = Answers(inputs, outputs("abc", -1, -1, -1))
    assert check.agreement("bundle", {"task": "translation"}, answers) == {
        "sentences": 3,
        "batch_sizes": [1, 16],
        "same_text": 1,
        "max_score_difference": 0.25,
    }


def test_an_answer_of_label_and_tags_is_the_same_if_both_are(monkeypatch):

    def outputs(labels, *tags):
        found = {"tag_ids": np.array(tags, "int32"), "scores": np.full(3, -1, "float32")}
        return {"serving_default": {"label": np.array(list(labels))}, "read": found}

    expected = outputs("abc", [0, 1, 0], [0, 0, 0], [2, 0, 0])
    found = {16: outputs("abx", [0, 1, 0], [1, 0, 0], [2, 0, 0])}
    monkeypatch.setattr(check, "run_onnx", lambda *arguments: found)
    answers = Answers({"read": {"source_ids": np.full((3, 3), 4, "int32")}}, expected)
    manifest = {"task": "labelling-and-tagging"}
    assert check.agreement("bundle", manifest, answers, [16])["same_text"] == 1
    answers.outputs["serving_default"]["label"][2] = "x"
    assert check.agreement("bundle", manifest, answers, [16])["same_text"] == 2


@pytest.mark.usefixtures("parity_here")
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
    shapes = {"x": [1, 3], "y": [1, 2], "rows": [1, 3], "z": [3, 2]}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["weight"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "turned"], ["y"]),
            helper.make_node("Gather", ["weight", "first"], ["rows"]),
            helper.make_node("Transpose", ["weight"], ["shown"]),
            helper.make_node("Neg", ["shown"], ["z"]),
        ],
        "tied",
        [values["x"]],
        [values["y"], values["rows"], values["z"]],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([0]), "first"),
        ],
    )
    transpose_weights(graph)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert [node.op_type for node in graph.node] == ["MatMul", "Gather", "Transpose", "Neg"]
    np.testing.assert_array_equal(stored[graph.node[0].input[1]], weight.T)
    assert graph.node[1].input[0] == graph.node[2].input[0] == "weight"
