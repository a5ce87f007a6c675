"""Exported files against the translator they were made from, after the run is gone."""

import json
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tiny_translators import MAX_SOURCE_LENGTH, TEXTS, by_default

from keras_attention import UserError
from keras_attention.export.signatures import TRANSLATION


def graphs_of(graph):
    """An ONNX graph and all graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs_of(attribute.g)


def sizes_of_matrices(arrays):
    """Sizes of what counts; biases of two rows are also kept cut in two."""
    arrays = [array for array in arrays if array.dtype == "float32" and array.ndim == 2]
    return sorted(array.size for array in arrays if min(array.shape) > 2)


def test_sentences_have_different_answers(exported):
    assert len(set(exported.translator(TEXTS))) >= 10


@pytest.mark.parametrize("format", ["saved_model", "onnx"])
@pytest.mark.parametrize("count", [1, 5, 13])
def test_same_answers_at_other_batch_sizes(exported, format, count):
    texts = [*TEXTS[-count:], "", "ünknøwn"]
    expected = exported.translator.explain(texts)
    actual = exported.predictor(format).predict(texts)
    assert len(actual) == len(expected)
    for wanted, got in zip(expected, actual, strict=True):
        assert got.text == wanted.text
        assert got.score == pytest.approx(wanted.score, abs=1e-4)
        assert got.source_tokens == wanted.source_tokens
        assert got.target_tokens == wanted.target_tokens
        assert got.finished == wanted.finished
        assert got.alignment.shape == wanted.alignment.shape
        np.testing.assert_allclose(got.alignment, wanted.alignment, atol=1e-4)
        np.testing.assert_allclose(got.token_scores, wanted.token_scores, atol=1e-4)


def test_nbest_gives_all_beams_best_first(lstm):
    outputs = lstm.signatures["nbest"](text=tf.constant(TEXTS))
    assert outputs["text"].shape == outputs["score"].shape == (len(TEXTS), 3)
    scores = outputs["score"].numpy()
    assert (np.diff(scores, axis=1) <= 0).all()
    expected = lstm.translator.nbest(TEXTS)
    np.testing.assert_allclose(scores, [[score for _, score in row] for row in expected], atol=1e-4)
    best = [texts[0].decode() for texts in outputs["text"].numpy()]
    assert best == lstm.translator(TEXTS)
    for found, wanted in zip(lstm.predictor("saved_model").nbest(TEXTS), expected, strict=True):
        assert [text for text, _ in found] == [text for text, _ in wanted]
        assert [row.finished for row in found] == [row.finished for row in wanted]
    with pytest.raises(UserError, match="all hypotheses are in the SavedModel"):
        lstm.predictor("onnx").nbest(TEXTS)


@pytest.mark.parametrize("name", by_default("gru", "transformer"))
def test_explain_is_trimmed_to_the_longest_target(name, request):
    exported = request.getfixturevalue(name)
    explanations = exported.translator.explain(TEXTS)
    lengths = {len(explanation.target_tokens) for explanation in explanations}
    assert len(lengths) > 1
    *_, target, longest = sorted(lengths)
    shorter = [row for row in explanations if len(row.target_tokens) <= target]
    texts = [TEXTS[explanations.index(row)] for row in shorter]
    outputs = exported.signatures["explain"](text=tf.constant(texts))
    source = max(len(row.source_tokens) for row in shorter)
    assert 0 < target < longest
    assert outputs["alignment"].shape == (len(texts), target, source)
    assert outputs["target_tokens"].shape == (len(texts), target)
    assert outputs["source_tokens"].shape == (len(texts), source)


def test_texts_without_a_token_and_no_texts(lstm):
    signatures = lstm.signatures
    outputs = signatures["explain"](text=tf.constant(["", ""]))
    assert outputs["text"].numpy().tolist() == [b"", b""]
    assert outputs["score"].numpy().tolist() == [0.0, 0.0]
    assert outputs["target_tokens"].shape == (2, 0)
    assert outputs["alignment"].shape == (2, 0, 1)
    for name in ("serving_default", "explain", "nbest"):
        outputs = signatures[name](text=tf.constant([], tf.string))
        assert all(len(value) == 0 for value in outputs.values())
    assert lstm.predictor("onnx").predict([]) == []
    assert lstm.predictor("saved_model").predict([]) == []


def test_text_that_is_too_long_is_an_error_never_cut(lstm):
    signatures = lstm.signatures
    fits, too_long = "x" * (MAX_SOURCE_LENGTH - 1), "x" * MAX_SOURCE_LENGTH
    assert len(signatures["serving_default"](text=tf.constant([fits]))["text"]) == 1
    sentence = "Text 2 has 18 tokens with the end token; this model takes at most 17."
    for name in ("serving_default", "explain", "nbest"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(sentence)):
            signatures[name](text=tf.constant([fits, too_long, "x"]))


def test_invalid_utf8_does_not_crash(lstm):
    broken = [b"\xff\xfe7", b"\x80"]
    expected = lstm.translator([text.decode(errors="replace") for text in broken])
    outputs = lstm.signatures["serving_default"](text=tf.constant(broken))
    assert [text.decode() for text in outputs["text"].numpy()] == expected


def test_weights_are_stored_once(exported):
    weights = sum(weight.numpy().nbytes for weight in exported.translator.model.weights)
    reader = tf.train.load_checkpoint(str(exported.bundle / "saved_model/1/variables/variables"))
    dtypes = reader.get_variable_to_dtype_map()
    sizes = {
        name: reader.get_tensor(name).nbytes
        for name, dtype in dtypes.items()
        if dtype == tf.float32
    }
    assert sum(sizes.values()) == weights

    graph = onnx.load(exported.bundle / "onnx/model.onnx").graph
    tensors = [tensor for part in graphs_of(graph) for tensor in part.initializer]
    assert sizes_of_matrices(map(onnx.numpy_helper.to_array, tensors)) == sizes_of_matrices(
        weight.numpy() for weight in exported.translator.model.weights
    )


def test_no_cudnn_and_only_known_operations(exported):
    content = (exported.bundle / "saved_model/1/saved_model.pb").read_bytes()
    proto = saved_model_pb2.SavedModel.FromString(content)
    graph = proto.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    assert len(nodes) > 100
    assert not [node.name for node in nodes if "cudnn" in (node.op + node.name).lower()]


def test_onnx_names_its_inputs_outputs_and_axes(lstm):
    session = onnxruntime.InferenceSession(lstm.bundle / "onnx/model.onnx")
    described = {port.name: port.shape for port in (*session.get_inputs(), *session.get_outputs())}
    assert described == {
        "source_ids": ["batch", "source"],
        "ids": ["batch", 1, 9],
        "scores": ["batch", 1],
        "lengths": ["batch", 1],
        "alignments": ["batch", 1, 9, "source"],
        "token_scores": ["batch", 1, 9],
    }
    model = onnx.load(lstm.bundle / "onnx/model.onnx")
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [18]


def test_saved_model_has_the_signatures_of_the_house(lstm):
    signatures = lstm.signatures
    assert set(signatures) == set(TRANSLATION.endpoints)
    for name, endpoint in TRANSLATION.endpoints.items():
        outputs = signatures[name].structured_outputs
        assert set(outputs) == set(endpoint.outputs)
        for output, spec in outputs.items():
            port = endpoint.outputs[output]
            assert (spec.dtype.name, spec.shape.rank) == (port.dtype, len(port.axes))


def test_warmup_requests_can_be_answered(lstm):
    path = lstm.bundle / "saved_model/1/assets.extra/tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert len(logs) == 6
    signatures = lstm.signatures
    for log in logs:
        request = log.predict_log.request
        texts = tf.make_ndarray(request.inputs["text"])
        outputs = signatures[request.model_spec.signature_name](text=tf.constant(texts))
        assert len(outputs["text"]) == len(texts)


def test_nothing_in_a_bundle_names_a_path(exported):
    for path in exported.bundle.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(exported.made_in).encode() not in content, path
            assert b"/home/somebody" not in content, path


@pytest.mark.parametrize("name", ["lstm", "sentencepiece"])  # Two instructions.
def test_programs_of_the_readme_run_where_nothing_of_ours_is(name, request):
    exported = request.getfixturevalue(name)
    readme = (exported.bundle / "README.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(programs) == 3
    blocked = ["keras_attention"]
    if not exported.manifest["needs_tensorflow_text"]:
        blocked += ["keras", "tensorflow_text"]
    output = run_python(programs[0], exported.bundle, blocked)
    (expected,) = exported.translator.explain(TEXTS[:1])
    text, score = output.rsplit(" ", 1)
    assert text == expected.text
    assert float(score) == pytest.approx(expected.score, abs=1e-4)
    run_python(programs[1], exported.bundle, ["keras", "keras_attention", "tensorflow"])


def run_python(program, folder, blocked):
    program = f"import sys\nsys.modules.update(dict.fromkeys({blocked}))\n{program}"
    command = [sys.executable, "-I", "-c", program]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.rstrip("\n")


def test_manifest(lstm):
    manifest = json.loads((lstm.bundle / "manifest.json").read_text())
    assert manifest == lstm.manifest
    assert manifest["name"] == "lstm"
    assert manifest["from"]["run"] == "run"
    assert manifest["from"]["recipe"]["recipe"]["data"]["train_source"] == "corpus.en"
    assert manifest["scores"] == {"test": {"exact_match": 0.25, "pairs": 17}}
    assert manifest["tokenizer"]["target"]["kind"] == "character"
    assert manifest["special_ids"] == {"pad": 0, "unknown": 1, "start": 2, "end": 3}
    assert manifest["search"]["config"]["length_penalty"] == 0.6
    for report in manifest["parity"].values():
        assert report["sentences"] == len(TEXTS) + 1
        assert len(report["batch_sizes"]) == 2
        assert report["max_score_difference"] <= 1e-4
    on_disk = {
        path.relative_to(lstm.bundle).as_posix()
        for path in lstm.bundle.rglob("*")
        if path.is_file()
    }
    assert set(manifest["files"]) == on_disk - {"manifest.json"}


def test_sentencepiece_is_marked(sentencepiece, lstm):
    assert sentencepiece.manifest["needs_tensorflow_text"] is True
    assert lstm.manifest["needs_tensorflow_text"] is False
