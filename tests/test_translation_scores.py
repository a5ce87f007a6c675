"""Scores of given translations, whether an answer is finished, and what no vocabulary has."""

import keras
import numpy as np
import pytest

from keras_attention import Translator, UserError, decoding, models, text
from keras_attention.decoding import SearchResult
from keras_attention.translator import Found

TEXTS = ["3 mai 2021", "dinsdag", "", "7", "a b c", "vrijdag 5", "14e", "yy"]
STEPS = 6


@pytest.fixture(scope="module")
def translator():
    tokenizer = text.CharacterTokenizer.train(TEXTS)
    size = tokenizer.vocabulary_size
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=5), models.ParallelDecoder(units=7), size, size, 6
    )
    generator = np.random.default_rng(11)
    for weight in model.weights:
        weight.assign(generator.normal(scale=1.3, size=weight.shape))
    return Translator(model, tokenizer, tokenizer, decoding.Greedy(STEPS), max_source_length=17)


def with_search(translator, kind, **options):
    """The translator with another search, whose sentences have no special tokens but the end."""
    letters = decoding.AllowedIds(range(4, translator.target_tokenizer.vocabulary_size))
    search = kind(max_length=STEPS, constraints=[letters], **options)
    tokenizers = translator.source_tokenizer, translator.target_tokenizer
    return Translator(translator.model, *tokenizers, search, max_source_length=17)


def teacher_forced(translator, source, translation):
    """Log-probability of each token and of the end token, by the one pass of training."""
    (ids,) = translator.source_ids([source])
    target = [*translator.target_tokenizer.encode([translation]).to_list()[0], 3]
    inputs = {"source": ids[None], "target": np.array([[2, *target[:-1]]], "int32")}
    logits = keras.ops.convert_to_numpy(translator.model(inputs))[0].astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return log_probs[np.arange(len(target)), target]


def test_scores_of_any_translation_are_log_probabilities_of_teacher_forcing(translator):
    pairs = [("3 mai 2021", "14e"), ("7", "a b c"[:5]), ("yy", ""), ("dinsdag", "7")]
    rows = translator.score(*map(list, zip(*pairs, strict=True)))
    for (source, translation), row in zip(pairs, rows, strict=True):
        expected = teacher_forced(translator, source, translation)
        np.testing.assert_allclose(row.token_scores, expected, atol=1e-4)
        assert row.log_probability == pytest.approx(expected.sum(), abs=1e-4)
        assert row.score == row.log_probability
        assert row.target_tokens == [*translation, "</s>"]
        assert row.finished and row.text == translation
    assert translator.score(*pairs[0]).score == pytest.approx(rows[0].score, abs=1e-5)
    assert translator.score([], []) == []


def test_penalised_score_by_hand(translator):
    """Equation 14 of Wu et al. (2016) without coverage: |Y| counts the end token."""
    for normalization, divisor in (("wu", ((5 + 4) / 6) ** 0.7), ("simple", 4**0.7)):
        options = {"length_penalty": 0.7, "length_normalization": normalization}
        ranked = with_search(translator, decoding.Beam, width=3, **options)
        row = ranked.score("dinsdag", "14e")
        expected = teacher_forced(translator, "dinsdag", "14e").sum()
        assert row.log_probability == pytest.approx(expected, abs=1e-4)
        assert row.score == pytest.approx(expected / divisor, abs=1e-4)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (decoding.Greedy, {}),
        (decoding.Sample, {"samples": 3, "seed": 5}),
        (
            decoding.Beam,
            {"width": 4, "n_best": 4, "length_penalty": 0.6, "coverage_penalty": 0.4},
        ),
        (decoding.DiverseBeam, {"width": 4, "groups": 2, "n_best": 3, "length_penalty": -0.4}),
    ],
)
def test_what_a_search_found_gets_its_score(translator, kind, options):
    translator = with_search(translator, kind, **options)
    pairs = [
        (source, text, score)
        for source, hypotheses in zip(TEXTS, translator.nbest(TEXTS), strict=True)
        for text, score in hypotheses
    ]
    sources, texts, scores = zip(*pairs, strict=True)
    rows = translator.score(sources, texts)
    np.testing.assert_allclose([row.score for row in rows], scores, atol=1e-4)
    lengths = {len(text) for text in texts}
    assert STEPS in lengths and len(lengths) > 2  # Cut off ones and finished ones.
    for row in rows:
        assert row.log_probability == pytest.approx(row.token_scores.sum(), abs=1e-4)
        assert row.finished == (len(row.text) < STEPS)


def test_explanations_tell_whether_a_translation_is_finished(translator):
    translator = with_search(translator, decoding.Greedy)
    rows = translator.explain(TEXTS)
    assert {row.finished for row in rows} == {True, False}
    for source, row in zip(TEXTS, rows, strict=True):
        assert row.finished == (len(row.target_tokens) < STEPS)
        if row.finished and source:  # Then the end is what comes next.
            expected = teacher_forced(translator, source, row.text).sum()
            assert row.score == pytest.approx(expected, abs=1e-4)
    impossible = [decoding.AllowedIds([[5]]), decoding.NoRepeatNGram(1)]
    translator.search = decoding.Greedy(STEPS, impossible)
    assert translator.explain("7").finished is False


def test_token_probability(translator):
    row = translator.explain("dinsdag")
    probabilities = np.exp(row.token_scores.astype("float64"))
    expected = probabilities.prod() ** (1 / len(probabilities))
    assert row.token_probability == pytest.approx(expected, rel=1e-5)
    assert translator.explain("").token_probability == 1.0


def test_the_probability_of_an_empty_translation_knows_no_penalty(translator):
    expected = teacher_forced(translator, "dinsdag", "").sum()
    ids = np.array([[0] * STEPS])
    nothing = np.zeros((1, STEPS, 8), "float32")
    result = SearchResult(ids, np.array([-7.5]), np.array([0]), nothing, nothing[..., 0])
    found = [Found("dinsdag", translator.source_ids(["dinsdag"])[0], result)]
    penalised = with_search(translator, decoding.Beam, width=2, coverage_penalty=0.4)
    (row,) = penalised.explanations(found)
    assert (row.text, row.score, row.target_tokens) == ("", -7.5, [])
    assert row.token_probability == pytest.approx(np.exp(expected), rel=1e-4)
    plain = with_search(translator, decoding.Beam, width=2, length_penalty=1.0)
    (row,) = plain.explanations(found)  # Of one token no length is a penalty.
    assert row.token_probability == pytest.approx(np.exp(-7.5))


def test_hypotheses_are_pairs_that_know_whether_they_are_finished(translator):
    translator = with_search(translator, decoding.Beam, width=4)
    rows = [row for hypotheses in translator.nbest(TEXTS) for row in hypotheses]
    assert {row.finished for row in rows} == {True, False}
    for phrase, score in rows:
        assert isinstance(phrase, str) and isinstance(score, float)
    assert all(row.finished == (len(row.text) < STEPS) for row in rows)


@pytest.mark.parametrize(
    ("texts", "translations", "message"),
    [
        (["7"], ["7", "7"], "Expected `translations` to be 1 strings"),
        (["7"], [None], "Expected `translations` to be 1 strings"),
        (["7", "x" * 40], ["7", "7"], "Text 2 has 41 tokens"),
        (["7", "7"], ["7", "y" * 7], "Translation 2 has 7 tokens; the search makes at most 6"),
        (["7", "7"], ["7", "é y—é"], "Translation 2 .* vocabulary lacks: 'é', '—'.$"),
        (["7", ""], ["7", "7"], "Text 2 has no token: its one translation is the empty one"),
    ],
)
def test_translations_that_cannot_be_scored(translator, texts, translations, message):
    with pytest.raises(UserError, match=message):
        translator.score(texts, translations)


def test_the_empty_translation_of_an_empty_text(translator):
    row = translator.score("", "")
    assert (row.score, row.log_probability, row.target_tokens, row.finished) == (0, 0, [], True)


@pytest.mark.parametrize("method", ["__call__", "explain", "nbest"])
def test_a_prefix_that_the_vocabulary_lacks(translator, method):
    message = "Prefix 2 has what the target vocabulary lacks: 'Z', 'X'"
    with pytest.raises(UserError, match=message):
        getattr(translator, method)(["7", "7"], ["7", "ZX"])
