"""Labels and tags in exported files: what they give is what the trained model gives."""

import dataclasses
import functools
import html.parser
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from start_here import start_here
from tiny_translators import TEXTS

from keras_attention import Labeller, Predictor, codecs, models, text
from keras_attention.__main__ import main
from keras_attention.errors import UserError
from keras_attention.export import export, open_predictor, verify
from keras_attention.export.parity import processes

# A space between words, one tag each; ß and the ligature change their length when normalized.
LABELLED = [*TEXTS, "Straße ﬁn", "  two  spaces"]
NAMES = ["angry", "glad", "so so"]
TAGS = ["O", "B-day", "I-day"]
LIMIT = 20
TOO_LONG = "a " * LIMIT
INT8 = ("labels",)


def make_labeller(kind):
    tokenizer = {
        "labels": lambda: text.train("word", LABELLED, vocabulary_size=60, lowercase=True),
        "tags": lambda: text.train("wordpiece", LABELLED, vocabulary_size=320),
        "both": lambda: text.train("character", LABELLED, normalization="nfkc"),
    }[kind]()
    heads, parts = {}, {}
    if kind != "tags":
        heads["labels"] = models.ClassificationHead(num_labels=len(NAMES))
        parts["labels"] = codecs.Labels(NAMES)
    if kind != "labels":
        heads["tags"] = models.TaggingHead(num_tags=len(TAGS), crf=True, words=True)
        parts["tags"] = codecs.Tags(TAGS)
    encoder = {
        "labels": lambda: models.TransformerEncoder(1, 2, 11),
        "tags": lambda: models.RecurrentEncoder(5, cell="gru"),
        "both": lambda: models.RecurrentEncoder(5),
    }[kind]()
    model = models.EncoderModel(
        encoder,
        heads if len(heads) > 1 else next(iter(heads.values())),
        source_vocabulary_size=tokenizer.vocabulary_size,
        embedding_dim=8,
    )
    generator = np.random.default_rng(3)
    for weight in model.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(generator.normal(scale=0.8, size=weight.shape))
    return Labeller(model, tokenizer, codecs.LabelsAndTags(**parts), max_source_length=LIMIT)


@dataclasses.dataclass
class Exported:
    kind: str
    labeller: Labeller
    run: Path
    bundle: Path
    manifest: dict

    @functools.cached_property
    def signatures(self):
        self.saved_model = tf.saved_model.load(str(self.bundle / "saved_model" / "1"))
        return self.saved_model.signatures

    def serve(self, endpoint, texts):
        outputs = self.signatures[endpoint](text=tf.constant(texts, tf.string))
        return {name: output.numpy() for name, output in outputs.items()}


@pytest.fixture(scope="module", params=["labels", "tags", "both"])
def exported(request, tmp_path_factory):
    """A bundle that was moved away from where it was made."""
    kind = request.param
    labeller, work = make_labeller(kind), tmp_path_factory.mktemp("labels")
    run = work / "run"
    labeller.save(run / "predictor")
    fits = [row for row in LABELLED if row not in labeller.too_long(LABELLED)]
    (run / "samples.json").write_text(json.dumps({"texts": fits}))
    (run / "recipe.json").write_text(json.dumps({"recipe": {"task": "labelling", "name": kind}}))
    (run / "evaluation.json").write_text(json.dumps({"test": {"accuracy": 0.25, "texts": 4}}))
    with pytest.MonkeyPatch.context() as patch:
        if kind != "both":  # Of one kind in clean processes, which take seconds to start.
            patch.setattr(processes, "start", start_here)
        manifest = export(run, work / "made" / kind, int8=kind in INT8)
        shutil.move(work / "made" / kind, work / kind)
    return Exported(kind, labeller, run, work / kind, manifest)


def test_the_saved_model_takes_strings(exported):
    for begin, end in ((0, 1), (1, 6), (6, len(LABELLED))):
        texts = LABELLED[begin:end]
        served, explained = (
            exported.serve("serving_default", texts),
            exported.serve("explain", texts),
        )
        for row, expected in enumerate(exported.labeller.explain(texts)):
            np.testing.assert_allclose(served["score"][row], expected.score, atol=1e-5)
            length = len(expected.source_tokens)
            tokens = [token.decode() for token in explained["source_tokens"][row, :length]]
            assert tokens == expected.source_tokens
            places = np.stack([explained["begins"][row], explained["ends"][row]], axis=-1)
            np.testing.assert_array_equal(places[:length], expected.offsets)
            if exported.kind != "tags":
                assert (
                    served["label"][row].decode()
                    == expected.text
                    == explained["label"][row].decode()
                )
                evidence = explained["evidence"][row, :length]
                np.testing.assert_allclose(evidence, expected.evidence, atol=1e-5)
                np.testing.assert_allclose(evidence.sum(), 1, atol=1e-5)
                np.testing.assert_allclose(
                    explained["probabilities"][row],
                    [expected.probabilities[name] for name in NAMES],
                    atol=1e-5,
                )
            if exported.kind != "labels":
                tags = [tag.decode() for tag in served["tags"][row] if tag]
                assert tags == expected.tags and len(tags) == len(texts[row].split(" "))


def test_tokens_stand_where_the_offsets_say(exported):
    for why in exported.labeller.explain(LABELLED):
        for token, (begin, end) in zip(why.source_tokens[:-1], why.offsets[:-1], strict=True):
            assert begin < end and (why.input[begin:end].strip() or token == " "), why.input
        assert tuple(why.offsets[-1]) == (len(why.input), len(why.input))
        for span in why.spans:
            assert why.input[span.begin : span.end] == span.text != ""


@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_the_files_answer_as_labellers(exported, format):
    opened = open_predictor(exported.bundle, format)
    assert opened(LABELLED) == exported.labeller(LABELLED)
    for found, expected in zip(
        opened.explain(LABELLED), exported.labeller.explain(LABELLED), strict=True
    ):
        assert (found.text, found.tags, found.source_tokens) == (
            expected.text,
            expected.tags,
            expected.source_tokens,
        )
        np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
        np.testing.assert_allclose(found.alignment, expected.alignment, atol=1e-5)
    assert opened("7") == exported.labeller("7") and opened([]) == []


def test_a_saved_labeller_comes_back(exported):
    loaded = Predictor.load(exported.run)
    assert type(loaded) is Labeller and loaded(LABELLED) == exported.labeller(LABELLED)
    assert loaded.max_source_length == LIMIT


def test_what_is_too_long_is_refused(exported):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Text 2 has .* takes at most 20"):
        exported.serve("serving_default", ["7", TOO_LONG])
    with pytest.raises(UserError, match="Text 2 has .* takes at most 20"):
        exported.labeller(["7", TOO_LONG])
    served = exported.serve("serving_default", [])
    assert all(len(output) == 0 for output in served.values())


def test_the_manifest_and_the_check(exported, monkeypatch):
    manifest = exported.manifest
    names = {"labels": "labelling", "tags": "tagging", "both": "labelling-and-tagging"}
    assert manifest["task"] == names[exported.kind] and "search" not in manifest
    assert manifest["scores"] == {"test": {"accuracy": 0.25, "texts": 4}}
    assert manifest.get("labels") == (None if exported.kind == "tags" else NAMES)
    assert manifest.get("tags") == (None if exported.kind == "labels" else TAGS)
    assert (manifest["int8"] is not None) == (exported.kind in INT8)
    monkeypatch.setattr(processes, "start", start_here)
    report = verify(exported.bundle)
    for format in ("saved_model", "onnx"):
        assert report["parity"][format]["sentences"] == manifest["parity"][format]["sentences"] > 9
        assert report["parity"][format]["max_score_difference"] < 1e-4


def test_the_instructions_of_a_bundle_work(exported, monkeypatch, capsys):
    monkeypatch.chdir(exported.bundle)
    instructions = Path("README.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", instructions, re.DOTALL):
        exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    first = json.loads((exported.run / "samples.json").read_text())["texts"][0]
    expected = exported.labeller.explain(first)
    shown = expected.text if exported.kind != "tags" else expected.tags[0]
    assert shown in printed


def predict(capsys, *arguments):
    code = main(["predict", *map(str, arguments)])
    return code, capsys.readouterr()


def test_predict_prints_json_of_a_run_and_of_a_bundle(exported, capsys):
    why = exported.labeller.explain("Straße ﬁn")
    for model in (exported.run, exported.bundle):
        code, printed = predict(capsys, model, "--json", "Straße ﬁn")
        record = json.loads(printed.out)
        assert code == 0 and record["source"] == "Straße ﬁn"
        assert record.get("label", "") == why.text and record.get("tags") == why.tags
        for word in record.get("evidence", ()):
            assert record["source"][word["begin"] : word["end"]] == word["text"]


def test_predict_reads_lines_and_writes_a_page(exported, capsys, monkeypatch, tmp_path):
    page = tmp_path / "answers.html"
    lines = ["7", TOO_LONG, "dinsdag <b>"]
    stream = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr("sys.stdin", stream)
    code, printed = predict(capsys, exported.bundle, "--short", "--html", page)
    expected = [exported.labeller.explain(line) for line in ("7", "dinsdag <b>")]
    shown = [why.text if why.probabilities else " ".join(why.tags) for why in expected]
    answers = [f"{text}\t{why.score:.4f}" for text, why in zip(shown, expected, strict=True)]
    assert code == 2 and printed.out.splitlines() == [answers[0], "", answers[1]]
    assert "Line 2 has" in printed.err
    content = page.read_text(encoding="utf-8")
    html.parser.HTMLParser().feed(content)
    assert "<b>" not in content and all(why.text in content for why in expected)


def test_predict_ranks_labels_and_rejects(exported, capsys):
    code, printed = predict(capsys, exported.run, "--reject-below", "1", "--short", "7")
    assert code == 0 and printed.out == "\n" and "rejected" in printed.err
    code, printed = predict(capsys, exported.run, "--nbest", "2", "7")
    if exported.kind == "tags":
        assert code == 2 and "no labels to rank" in printed.err
        return
    ranked = sorted(exported.labeller.explain("7").probabilities.items(), key=lambda row: -row[1])
    assert printed.out.splitlines() == [f"{p:.4f}\t{name}" for name, p in ranked[:2]] + [""]
    assert exported.labeller.nbest("7")[0] == (ranked[0][0], pytest.approx(ranked[0][1]))


def test_what_is_for_translations_is_refused(exported, capsys):
    assert main(["translate", str(exported.run), "7"]) == 2
    assert "keras-attention predict" in capsys.readouterr().err
    assert main(["score", str(exported.run), "7", "glad"]) == 2
    assert "is no translator" in capsys.readouterr().err
    assert main(["export", str(exported.run), "--beam-width", "2", "--to", "x"]) == 2
    assert "searches for nothing" in capsys.readouterr().err
    with pytest.raises(UserError, match="for translations"):
        open_predictor(exported.bundle, unknown="copy")


def test_parts_that_do_not_fit_are_refused(exported):
    labeller = exported.labeller
    three, two = codecs.Labels(["a", "b", "c"]), codecs.Tags(["O"])
    wrong = {
        "labels": [
            codecs.LabelsAndTags(codecs.Labels(["a"])),
            codecs.LabelsAndTags(tags=two),
            None,
        ],
        "tags": [codecs.LabelsAndTags(tags=two), codecs.LabelsAndTags(three), labeller.source],
        "both": [codecs.LabelsAndTags(three), codecs.LabelsAndTags(three, two)],
    }
    several = codecs.LabelsAndTags(codecs.Labels(NAMES, several=True), labeller.target.tags)
    for target in (*wrong[exported.kind], *([several] if exported.kind != "tags" else [])):
        with pytest.raises(UserError, match="Expected .* Received"):
            Labeller(labeller.model, labeller.source, target)


def test_another_model_is_another_engine(exported):
    labeller = make_labeller(exported.kind)
    before = labeller.explain("dinsdag").score
    twin = labeller.model.from_config(labeller.model.get_config())
    for weight in twin.trainable_weights:
        weight.assign(np.zeros(weight.shape))
    labeller.model = twin
    assert labeller.explain("dinsdag").score != pytest.approx(before)
