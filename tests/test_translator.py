import json
import shutil
import zipfile

import numpy as np
import pytest

from keras_attention import Translator, UserError, decoding, models, text
from keras_attention.decoding import SearchResult

TEXTS = [
    "3 mai 2021",
    "dinsdag",
    "",
    "7",
    "2021年3月3日",
    "a b c d e f g h",
    "среда 3",
    "x",
    "vrijdag 5",
    "14e",
    "yy",
]
MAX_SOURCE_LENGTH = 17
SEARCHES = {
    "greedy": decoding.Greedy(max_length=7),
    "beam": decoding.Beam(width=3, length_penalty=0.6, max_length=7),
}


def make_translator(search, batch_size=64):
    tokenizer = text.CharacterTokenizer.train(TEXTS)
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=5),
        models.ParallelDecoder(units=7),
        source_vocabulary_size=tokenizer.vocabulary_size,
        target_vocabulary_size=tokenizer.vocabulary_size,
        embedding_dim=6,
    )
    # Spread so wide that texts get different answers.
    generator = np.random.default_rng(31)
    for weight in model.weights:
        weight.assign(generator.normal(scale=1.3, size=weight.shape))
    return Translator(model, tokenizer, tokenizer, search, MAX_SOURCE_LENGTH, batch_size=batch_size)


@pytest.fixture(scope="module", params=SEARCHES)
def translator(request):
    return make_translator(SEARCHES[request.param])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "translator"
    make_translator(SEARCHES["greedy"]).save(folder)
    return folder


def test_texts_get_different_answers(translator):
    assert len(set(translator(TEXTS))) > len(TEXTS) // 2


def test_one_text_or_a_list(translator):
    assert translator("dinsdag") == translator(["dinsdag"])[0]
    assert isinstance(translator("dinsdag"), str)
    assert translator.explain("dinsdag").text == translator("dinsdag")
    assert translator(tuple(TEXTS)) == translator(TEXTS)


def test_ragged_batch_equals_one_by_one_in_the_order_given(translator):
    together = translator.explain(TEXTS)
    assert [row.text for row in together] == translator(TEXTS)
    for source, row in zip(TEXTS, together, strict=True):
        alone = translator.explain(source)
        assert alone.text == row.text
        assert alone.score == pytest.approx(row.score, abs=1e-4)
        assert alone.source_tokens == row.source_tokens
        assert alone.target_tokens == row.target_tokens
        np.testing.assert_allclose(alone.alignment, row.alignment, atol=1e-5)


def test_batches_smaller_than_the_list():
    small = make_translator(SEARCHES["greedy"], batch_size=3)
    assert small(TEXTS) == make_translator(SEARCHES["greedy"])(TEXTS)


def test_explain(translator):
    for source, row in zip(TEXTS, translator.explain(TEXTS), strict=True):
        assert row.source_tokens == [*source, "</s>"]
        # What is generated may hold special tokens, which no text shows.
        shown = [token for token in row.target_tokens if token not in ("", "<s>", "<unk>")]
        assert "".join(shown) == row.text.replace("\ufffd", "")
        assert row.alignment.shape == (len(row.target_tokens), len(row.source_tokens))
        np.testing.assert_allclose(row.alignment.sum(axis=1), 1, atol=1e-5)
        assert row.score <= 0
        assert translator.target_tokenizer.decode([row.ids]).numpy()[0].decode() == row.text


def test_score_is_the_log_probability_of_the_translation():
    """Teacher forcing of what greedy search found gives its score (the parallel pass)."""
    translator = make_translator(SEARCHES["greedy"])
    for source in TEXTS:
        if not source:
            continue
        ids = translator.source_ids([source])[0][None]
        result = SearchResult(*translator.model.generate(ids, translator.search))
        length = int(result.lengths[0, 0])
        target = [*np.asarray(result.ids)[0, 0, :length], 3][: translator.search.max_length]
        logits = np.asarray(
            translator.model({"source": ids, "target": np.array([[2, *target[:-1]]], "int32")})
        )[0].astype("float64")
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        expected = log_probs[np.arange(len(target)), target].sum()
        assert translator.explain(source).score == pytest.approx(expected, abs=1e-3)


def test_empty_text(translator):
    assert translator("") == ""
    row = translator.explain("")
    assert (row.text, row.score) == ("", 0.0)
    assert row.source_tokens == ["</s>"] and row.target_tokens == []
    assert row.alignment.shape == (0, 1)
    hypotheses = translator.nbest([""])[0]
    assert all(hypothesis == ("", 0.0) for hypothesis in hypotheses)


def test_no_text(translator):
    assert translator([]) == []
    assert translator.explain([]) == []
    assert translator.nbest([]) == []


def test_text_that_is_too_long(translator):
    just = "x" * (MAX_SOURCE_LENGTH - 1)
    assert isinstance(translator(just), str)
    message = "Text 2 has 18 tokens with the end token; this model takes at most 17"
    for call in (translator, translator.explain, translator.nbest):
        with pytest.raises(UserError, match=message):
            call(["7", just + "x"])


def test_no_batch_is_wider_than_the_model_takes(monkeypatch):
    translator, widths = make_translator(SEARCHES["greedy"]), []
    generate = models.CompiledSearch.generate

    def counting(self, source, prefix=None):
        widths.append((source.shape[1], None if prefix is None else prefix.shape[1]))
        return generate(self, source, prefix)

    monkeypatch.setattr(models.CompiledSearch, "generate", counting)
    translator("x" * (MAX_SOURCE_LENGTH - 1), prefixes="yyyyyy")  # else 24 and 8
    translator("xx")
    assert widths == [(MAX_SOURCE_LENGTH, 7), (8, None)]


@pytest.mark.parametrize("value", [7, None, b"7", ["7"]])
def test_text_that_is_no_string(translator, value):
    with pytest.raises(UserError, match="Text 2 must be a string. Received: "):
        translator(["7", value])


def test_odd_characters(translator):
    odd = ["\U0001f600", "\udcff7", "\x00", "e\u0301", "\u202e3"]
    answers = translator(odd)
    assert answers[1] == translator("\ufffd7")
    for answer in answers:
        answer.encode("utf-8")


def test_nbest(translator):
    rows = translator.nbest(TEXTS)
    best = translator.explain(TEXTS)
    for hypotheses, first in zip(rows, best, strict=True):
        assert len(hypotheses) == getattr(translator.search, "width", 1)
        scores = [score for _, score in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert hypotheses[0][0] == first.text
        assert scores[0] == pytest.approx(first.score, abs=1e-4)


def test_save_and_load(translator, tmp_path):
    folder = tmp_path / "deep" / "translator"
    translator.save(folder)
    assert {path.name for path in folder.iterdir()} == {
        "translator.json",
        "model.keras",
        "source_tokenizer",
        "target_tokenizer",
    }
    moved = shutil.move(folder, tmp_path / "elsewhere")
    loaded = Translator.load(moved)
    assert repr(loaded.search) == repr(translator.search)
    assert (loaded.max_source_length, loaded.batch_size) == (MAX_SOURCE_LENGTH, 64)
    for ours, theirs in zip(loaded.explain(TEXTS), translator.explain(TEXTS), strict=True):
        assert ours.text == theirs.text
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)
        np.testing.assert_allclose(ours.alignment, theirs.alignment, atol=1e-5)


def test_save_that_fails_keeps_what_was_there(tmp_path, monkeypatch):
    translator = make_translator(SEARCHES["greedy"])
    translator.save(tmp_path / "translator")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def no_space(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(translator.target_tokenizer, "save", no_space)
    with pytest.raises(OSError, match="No space left"):
        translator.save(tmp_path / "translator")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["translator"]


def rewrite(path, change):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def without_weights(path):
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in contents.items():
            if not name.endswith(".h5"):
                new.writestr(name, content)


def change_bytes(path):
    content = bytearray(path.read_bytes())
    content[3000:9000] = bytes(6000)
    path.write_bytes(content)


GUESS = {"class_name": "Guess", "registered_name": "keras_attention>Guess"}


def with_constraint(search, constraint):
    constraint = {"module": None, "config": {}, **constraint}
    return {**search, "config": {**search["config"], "constraints": [constraint]}}


DAMAGES = {
    "nothing there": (shutil.rmtree, r"is not a saved translator: it has no translator\.json"),
    "no configuration": (lambda f: (f / "translator.json").unlink(), "is not a saved translator"),
    "half a configuration": (
        lambda f: (f / "translator.json").write_text('{"format": 1,'),
        r"translator\.json is damaged",
    ),
    "a list": (
        lambda f: (f / "translator.json").write_text("[]"),
        "expected format 1. Received: format=None",
    ),
    "of the future": (
        lambda f: rewrite(f / "translator.json", lambda content: {**content, "format": 2}),
        "expected format 1. Received: format=2",
    ),
    "no search": (
        lambda f: rewrite(f / "translator.json", lambda content: {"format": 1}),
        r"translator\.json is damaged",
    ),
    "unknown search": (
        lambda f: rewrite(
            f / "translator.json",
            lambda content: {**content, "search": {**content["search"], **GUESS}},
        ),
        r"translator\.json cannot be used: The search uses keras_attention>Guess, which is not "
        "known here: import the module that registers it first",
    ),
    "unknown constraint": (
        lambda f: rewrite(
            f / "translator.json",
            lambda content: {**content, "search": with_constraint(content["search"], GUESS)},
        ),
        r"cannot be used: The search uses keras_attention>Guess, which is not known here",
    ),
    "arguments of no search": (
        lambda f: rewrite(
            f / "translator.json",
            lambda content: {**content, "search": {**content["search"], "config": {"width": 3}}},
        ),
        r"translator\.json is damaged",
    ),
    "no model": (lambda f: (f / "model.keras").unlink(), r"model\.keras cannot be read"),
    "empty model": (
        lambda f: (f / "model.keras").write_bytes(b""),
        r"model\.keras cannot be read",
    ),
    "truncated model": (lambda f: cut(f / "model.keras"), r"model\.keras cannot be read"),
    "changed model": (lambda f: change_bytes(f / "model.keras"), r"model\.keras cannot be read"),
    "model without weights": (
        lambda f: without_weights(f / "model.keras"),
        r"model\.keras cannot be read",
    ),
    "no tokenizer": (lambda f: shutil.rmtree(f / "target_tokenizer"), "No tokenizer in "),
    "broken tokenizer": (
        lambda f: (f / "source_tokenizer" / "tokenizer.json").write_text("{"),
        "tokenizer file .* is broken",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.filterwarnings("default")  # What Keras and h5py say on the way.
def test_damaged_folder(folder, tmp_path, name):
    damage, message = DAMAGES[name]
    broken = shutil.copytree(folder, tmp_path / "broken")
    damage(broken)
    with pytest.raises(UserError, match=message) as error:
        Translator.load(broken)
    assert len(str(error.value).splitlines()) == 1


def test_save_keeps_what_is_no_translator(translator, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds something else than a saved translator"):
        translator.save(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(UserError, match="holds something else"):
        translator.save(tmp_path / "thesis.txt")


@pytest.mark.parametrize("unknown", ["copy", "drop"])
def test_what_cannot_replace_unknown_words_changes_nothing(unknown):
    """The tokenizers are of characters."""
    translator = make_translator(SEARCHES["greedy"])
    expected = translator(TEXTS)
    with pytest.raises(UserError):
        translator.unknown = unknown
    assert translator.unknown == "keep"
    assert translator(TEXTS) == expected


def test_nbest_of_one_text_or_a_list(translator):
    assert translator.nbest(TEXTS[0]) == translator.nbest([TEXTS[0]])[0]


def test_hypotheses_that_do_not_exist_are_left_out():
    """Two tokens and the end are allowed, one step long: three sentences for four beams."""
    search = decoding.Beam(width=4, max_length=1, constraints=[decoding.AllowedIds([5, 6])])
    translator = make_translator(search)
    (hypotheses,) = translator.nbest(["dinsdag"])
    assert len(hypotheses) == 3
    assert all(score > -1e29 for _, score in hypotheses)


def test_a_text_without_a_possible_translation():
    """`A` may not end, and may not be repeated: nothing is left."""
    impossible = [decoding.AllowedIds([[5]]), decoding.NoRepeatNGram(1)]
    for search in (decoding.Greedy(7, impossible), decoding.Beam(2, 0.6, 0, 2, 7, impossible)):
        translator = make_translator(search)
        row = translator.explain("dinsdag")
        assert row.score < -1e29
        assert row.text == translator("dinsdag")
        assert len(row.target_tokens) == len(row.alignment)
        assert translator.nbest("dinsdag") == []


def test_translations_with_a_given_beginning(translator):
    prefixes = ["3 ", "", "yy", "m", "", "", "2021", "", "", "x", ""]
    free = translator.explain(TEXTS)
    rows = translator.explain(TEXTS, prefixes)
    assert [row.text for row in rows] == translator(TEXTS, prefixes)
    for source, prefix, row, before in zip(TEXTS, prefixes, rows, free, strict=True):
        if not source:
            assert row.text == ""
        elif prefix:
            assert "".join(row.target_tokens).startswith(prefix)
            assert row.token_scores[: len(prefix)].max() < 0
        else:
            assert row.text == before.text
            assert row.score == pytest.approx(before.score, abs=1e-4)
    assert translator(TEXTS[0], "3 ") == rows[0].text
    assert translator.nbest(TEXTS[0], "3 ")[0][0] == rows[0].text


@pytest.mark.parametrize(
    ("prefixes", "message"),
    [
        (["3"], r"Expected `prefixes` to be 2 strings, one a text. Received: prefixes=\['3'\]"),
        (["3", None], "Expected `prefixes` to be 2 strings"),
        (["3", "x" * 8], "Prefix 2 has 8 tokens; the search makes at most 7"),
    ],
)
def test_prefixes_that_do_not_fit(translator, prefixes, message):
    with pytest.raises(UserError, match=message):
        translator(["7", "x"], prefixes)


def test_parts_of_which_no_translator_can_be_made():
    tokenizer = text.CharacterTokenizer("ab")
    search = decoding.Greedy(max_length=3)

    def model(**source):
        encoder, decoder = models.RecurrentEncoder(units=2), models.ParallelDecoder(units=3)
        return models.Seq2Seq(encoder, decoder, target_vocabulary_size=6, embedding_dim=2, **source)

    of_ids = model(source_vocabulary_size=6)
    with pytest.raises(UserError, match="`source_tokenizer` to be a tokenizer.*=None"):
        Translator(of_ids, None, tokenizer, search)
    with pytest.raises(UserError, match="`target_tokenizer` to be a tokenizer.*='word'"):
        Translator(of_ids, tokenizer, "word", search)
    frames = model(source_vocabulary_size=None, source_features=5)
    with pytest.raises(UserError, match="reads frames of 5 features; call `model.generate"):
        Translator(frames, tokenizer, tokenizer, search)
    larger = text.CharacterTokenizer("abc")
    with pytest.raises(UserError, match="at most the 6 ids.*target_tokenizer.vocabulary_size=7"):
        Translator(of_ids, tokenizer, larger, search)


def test_names_of_version_0_1_still_work():
    translator = make_translator(SEARCHES["greedy"])
    with pytest.warns(DeprecationWarning, match="`Translator.search_texts` is called `find` now"):
        found = translator.search_texts(["7"])
    assert translator.texts_of(found) == translator(["7"])
    other = text.CharacterTokenizer.train(TEXTS)
    translator.source_tokenizer = translator.target_tokenizer = other
    assert translator.source is translator.target is other
