"""The ONNX file whose weights are 8-bit integers, and what is told of its answers."""

import json

import onnx
import pytest
from tiny_translators import TEXTS

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.export import open_predictor, parity


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes_of(attribute.g)


def test_all_weights_of_matrix_products_are_integers(transformer):
    full, small = (transformer.bundle / "onnx" / name for name in ("model.onnx", "model-int8.onnx"))
    graph = onnx.load(small).graph
    weights = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    nodes = list(nodes_of(graph))
    assert not [n for n in nodes if n.op_type == "MatMul" and n.input[1] in weights]
    products = [node for node in nodes_of(onnx.load(full).graph) if node.op_type == "MatMul"]
    stored = {tensor.name for tensor in onnx.load(full).graph.initializer}
    of_weights = [node for node in products if node.input[1] in stored]
    assert len(of_weights) == [node.op_type for node in nodes].count("MatMulInteger") > 0


def test_the_manifest_tells_how_often_it_answers_alike(transformer):
    report = transformer.manifest["int8"]
    assert report["sentences"] == len(TEXTS) + 1 and report["batch_sizes"] == [1, 16]
    predictor = open_predictor(transformer.bundle, "onnx-int8")
    found = [predictor.predict([text])[0] for text in TEXTS]
    expected = transformer.translator.explain(TEXTS)
    same = [(a, b) for a, b in zip(found, expected, strict=True) if a.text == b.text]
    # Those that are the same in a batch of 16 too, and the empty sentence.
    assert len(same) + 1 >= report["same_text"] > len(TEXTS) / 2
    assert 0 < report["max_score_difference"] < 0.5
    assert all(abs(a.score - b.score) < 0.5 for a, b in same)


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
    assert "model-int8.onnx" in (transformer.bundle / "README.md").read_text()
    assert "model-int8.onnx" not in (lstm.bundle / "README.md").read_text()


def test_a_bundle_without_it(lstm):
    assert lstm.manifest["int8"] is None
    with pytest.raises(UserError, match="model-int8.onnx is missing"):
        open_predictor(lstm.bundle, "onnx-int8")
