"""Evidence by three methods, and its erasure, on texts whose one important word is known."""

import dataclasses
import json
import types

import keras
import numpy as np
import pytest

from keras_attention import UserError, models
from keras_attention.analysis import erase, erasure, evidence
from keras_attention.analysis.evidence import METHODS, kept_words
from keras_attention.analysis.gradients import gradient_times_input, log_odds
from keras_attention.evidence_words import WeightedWord, words_of
from keras_attention.predictors.rows import pad

LABELS = ("bad", "good", "none")
TELLS = {"awful": 0, "superb": 1}  # The word that a label hangs on.


def probabilities(texts):
    """A classifier that knows two words: 90 % for the label of the one that is there."""
    rows = np.full((len(texts), 3), 0.25)
    for row, text in zip(rows, texts, strict=True):
        row[2] = 0.5
        for word in TELLS.keys() & set(text.split()):
            row[:] = 0.05
            row[TELLS[word]] = 0.9
    return rows


@dataclasses.dataclass
class Answer:
    """The fields of a `Labelling` that evidence is made of."""

    input: str
    offsets: list
    evidence: np.ndarray
    probabilities: dict


class Classifier:
    """A predictor with that classifier; a token is a word, or half of a long one, and an end."""

    def __init__(self, attend):
        self.attend = attend
        self.asked = 0

    def explain(self, texts):
        self.asked += len(texts)
        return [
            Answer(text, offsets, self.attend(text, offsets), dict(zip(LABELS, row, strict=True)))
            for text, row in zip(texts, probabilities(texts), strict=True)
            for offsets in [self.offsets(text)]
        ]

    def offsets(self, text):
        pieces = []
        for begin, end in words_of(text):
            cuts = [begin, (begin + end) // 2, end] if end - begin > 4 else [begin, end]
            pieces += list(zip(cuts, cuts[1:], strict=False))
        return [*pieces, (len(text), len(text))]


def attend_truly(text, offsets):
    """Weights on the pieces of the important word alone."""
    hits = [text[begin:end] in "awful superb" and end > begin for begin, end in offsets]
    return np.array(hits, "float32") / max(sum(hits), 1)


def attend_at_random(text, offsets):
    weights = np.random.default_rng(len(text) + 7 * ord(text[0])).random(len(offsets))
    return (weights / weights.sum()).astype("float32")


@pytest.fixture(scope="module")
def texts():
    generator = np.random.default_rng(11)
    made = []
    for number in range(60):
        words = [f"w{word}" for word in generator.integers(0, 50, generator.integers(5, 13))]
        words[generator.integers(len(words))] = ("awful", "superb")[number % 2]
        made.append(" ".join(words))
    return made


@pytest.mark.parametrize("method", ["attention", "leave-one-out"])
def test_the_heaviest_tokens_are_those_of_the_planted_word(texts, method):
    classifier = Classifier(attend_truly)
    for text, weights in zip(texts, evidence(classifier, texts, method), strict=True):
        offsets = np.array(classifier.offsets(text))
        heaviest = np.sort(np.argsort(-weights, kind="stable")[:2])
        assert "".join(text[begin:end] for begin, end in offsets[heaviest]) in TELLS
        np.testing.assert_array_equal(np.delete(weights, heaviest), 0)


def test_leaving_a_word_out_weighs_its_tokens_together():
    (weights,) = evidence(Classifier(attend_truly), ["a superb b"], "leave-one-out")
    # 90 % with the word; without it the label has 25 %. Two pieces share the fall.
    np.testing.assert_allclose(weights, [0, np.log(0.9 / 0.25) / 2, np.log(0.9 / 0.25) / 2, 0, 0])


def test_words_that_are_kept_keep_their_gaps():
    text = "a\tb  東京 c"
    words = words_of(text)
    assert kept_words(text, words, [0, 1, 2, 3, 4]) == "a b 東京 c"
    assert kept_words(text, words, [0, 3]) == "a 京"
    assert kept_words(text, words, []) == ""


def test_true_evidence_beats_random_words(texts):
    classifier = Classifier(attend_truly)
    report = erasure(classifier, [*texts, "superb", ""], shares=(0.1, 0.5), draws=3)
    assert report.beats_random
    assert (report.texts, report.too_short) == (60, 2)
    # The label has 90 % with the planted word and 25 % without it, whatever else is erased.
    np.testing.assert_allclose(report.comprehensiveness.evidence_by_share, [0.65, 0.65])
    np.testing.assert_allclose(report.sufficiency.evidence_by_share, [0, 0], atol=1e-12)
    # Half of random words hold the planted one half of the time, more where their number is odd.
    assert 0.25 < report.comprehensiveness.random_by_share[1] < 0.45
    assert report.report.startswith("The evidence (attention) is better than random words: ")
    assert json.loads(json.dumps(report.as_dict()))["beats_random"] is True
    assert erasure(classifier, texts, shares=(0.1, 0.5), draws=3) == dataclasses.replace(
        report, too_short=0
    )


def test_random_attention_does_not_beat_random_words(texts):
    report = erasure(Classifier(attend_at_random), texts, draws=3)
    assert not report.comprehensiveness.beats_random
    assert not report.beats_random
    assert "is no better than random words in " in report.report
    assert abs(report.comprehensiveness.advantage) < 0.15


def test_equal_weights_are_random_words(texts):
    # Whoever takes equal weights in the order of the text finds a word that always stands first.
    first = [f"superb w{number} w8 w9 w10" for number in range(60)]
    words = [[WeightedWord(b, e, text[b:e], 0.2) for b, e in words_of(text)] for text in first]
    assert not erase(probabilities, first, words, "none", shares=[0.2]).beats_random


def test_measures_by_hand():
    """Two texts of two words, the second of which counts: every number follows by hand."""

    def of_last(some):
        hit = np.array([text.endswith("x") for text in some], "float64")
        return np.stack([0.25 + 0.5 * hit, 0.75 - 0.5 * hit], axis=1)

    texts = ["a x", "b x"]
    right = [[WeightedWord(0, 1, t[0], 0.0), WeightedWord(2, 3, "x", 1.0)] for t in texts]
    found = erase(of_last, texts, right, "right", shares=[0.5], draws=200)
    # Comprehensiveness 0.75 - 0.25 without "x", sufficiency 0 with it alone; a random word is "x"
    # half of the time.
    assert found.comprehensiveness.evidence == 0.5
    assert found.sufficiency.evidence == 0
    assert found.comprehensiveness.random == pytest.approx(0.25, abs=0.06)
    assert found.sufficiency.random == pytest.approx(0.5 - found.comprehensiveness.random)
    assert found.comprehensiveness.advantage == pytest.approx(0.5 - found.comprehensiveness.random)
    wrong = [[word._replace(weight=1 - word.weight) for word in of_text] for of_text in right]
    found = erase(of_last, texts, wrong, "wrong", shares=[0.5], draws=200)
    assert (found.comprehensiveness.evidence, found.sufficiency.evidence) == (0, 0.5)
    assert found.sufficiency.interval[1] < 0


def test_each_text_is_asked_once(texts):
    asked = []

    def counted(some):
        asked.extend(some)
        return probabilities(some)

    words = [[WeightedWord(b, e, text[b:e], 0.0) for b, e in words_of(text)] for text in texts]
    erase(counted, texts, words, "none", draws=9)
    assert len(asked) == len(set(asked))


def test_what_cannot_be_compared_is_refused(texts):
    classifier = Classifier(attend_truly)
    with pytest.raises(ValueError, match="Expected `method` to be one of .*Received: method='tea'"):
        evidence(classifier, texts, "tea")
    with pytest.raises(UserError, match="at least two texts of two words"):
        erasure(classifier, ["superb", "a b"])
    with pytest.raises(ValueError, match="Expected `shares`"):
        erasure(classifier, texts, shares=[1.0])
    with pytest.raises(ValueError, match="Expected `draws`"):
        erasure(classifier, texts, draws=0)
    with pytest.raises(UserError, match="exported file gives no gradients"):
        evidence(classifier, texts, "gradient")
    only_tags = types.SimpleNamespace(explain=lambda texts: [Answer("a", [(0, 1)], None, None)])
    for method in METHODS:
        with pytest.raises(UserError, match="tags alone"):
            evidence(only_tags, ["a"], method)
    assert evidence(classifier, []) == []


# A trained model --------------------------------------------------------------------------


@keras.saving.register_keras_serializable("tests")
class Nothing(keras.layers.Layer):
    """An encoder that leaves each embedded word as it is: attention over words, and no more."""

    supports_masking = True

    def call(self, values, mask=None, training=None):
        return values


class TrainedOnWords:
    """A predictor over a trained model, whose tokens are words."""

    tags_words = False
    batch_size = 64

    def __init__(self, texts):
        self.ids = {word: place for place, word in enumerate(sorted(set(" ".join(texts).split())))}
        self.model = models.EncoderModel(
            Nothing(),
            models.ClassificationHead(num_labels=2),
            source_vocabulary_size=len(self.ids) + 2,
            embedding_dim=8,
        )
        self.model.compile(keras.optimizers.Adam(0.05))
        labels = np.array(["superb" in text for text in texts], "int32")
        self.model.fit(pad(self.source_ids(texts)), labels, epochs=12, batch_size=20, verbose=0)

    def source_ids(self, texts):
        return [[2 + self.ids[word] for word in text.split()] + [1] for text in texts]

    def explain(self, texts):
        answer = self.model.answer(pad(self.source_ids(texts)))
        answer = {name: keras.ops.convert_to_numpy(value) for name, value in answer.items()}
        return [
            Answer(
                text,
                [*words_of(text), (len(text), len(text))],
                answer["evidence"][row, : len(text.split()) + 1],
                dict(zip(("bad", "good"), answer["probabilities"][row], strict=True)),
            )
            for row, text in enumerate(texts)
        ]


@pytest.fixture(scope="module")
def trained(texts):
    keras.utils.set_random_seed(5)
    return TrainedOnWords(texts)


@pytest.mark.parametrize("method", METHODS)
def test_a_trained_model_names_the_planted_word(trained, texts, method):
    hits = [
        text.split()[weights[:-1].argmax()] in TELLS
        for text, weights in zip(texts, evidence(trained, texts, method), strict=True)
    ]
    assert np.mean(hits) >= 0.95
    assert erasure(trained, texts, method, shares=(0.1, 0.5), draws=2).beats_random


# The gradient -----------------------------------------------------------------------------


def make_model(heads):
    keras.utils.set_random_seed(3)
    return models.EncoderModel(
        models.RecurrentEncoder(units=5), heads, source_vocabulary_size=13, embedding_dim=7
    )


@pytest.fixture(scope="module")
def model():
    return make_model(models.ClassificationHead(num_labels=3))


IDS = np.array([[4, 9, 5, 3, 0], [7, 10, 8, 6, 3]], "int32")


def slope(model, inputs, row, token):
    """How fast the log-odds of a row change when the embedding of a token is scaled.

    The row of the token times 1 + a changes them by a * x . ds/dx.
    """
    (table,) = model.source_embedding.weights
    rows, step = np.array(table), 1e-2

    def odds(factor):
        scaled = rows.copy()
        scaled[token] *= factor
        table.assign(scaled)
        answer = model.answer(inputs)
        probabilities = keras.ops.convert_to_numpy(answer.get("labels", answer)["probabilities"])
        best = probabilities[row].max()
        return np.log(best / (1 - best))

    try:
        return (odds(1 + step) - odds(1 - step)) / (2 * step)
    finally:
        table.assign(rows)


def test_gradient_times_input_is_the_slope_of_scaling_an_embedding(model):
    weights = gradient_times_input(model, IDS)
    assert weights.shape == IDS.shape
    for row, token in [(0, 4), (0, 9), (0, 3), (1, 10), (1, 3)]:
        expected = slope(model, IDS, row, token)
        found = weights[row, IDS[row].tolist().index(token)]
        np.testing.assert_allclose(found, expected, rtol=0.02, atol=2e-4)
    np.testing.assert_allclose(weights[0, 4], 0, atol=1e-7)  # padding
    alone = gradient_times_input(model, IDS[:1, :4])
    np.testing.assert_allclose(alone, weights[:1, :4], rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_the_label_where_there_are_tags_too():
    heads = {
        "labels": models.ClassificationHead(num_labels=3),
        "tags": models.TaggingHead(num_tags=3, words=True),
    }
    model = make_model(heads)
    inputs = {"source": IDS, "words": IDS % 2 == 0}
    found = gradient_times_input(model, inputs)[0, 1]
    np.testing.assert_allclose(found, slope(model, inputs, 0, 9), rtol=0.02, atol=2e-4)


def test_log_odds():
    logits = np.array([[0.1, 0.8, 0.1], [50.0, 0.0, -200.0]], "float32")
    expected = [0.8 - np.log(2 * np.exp(0.1)), 50.0]
    np.testing.assert_allclose(log_odds(logits, "single"), expected, rtol=1e-5)
    logs = np.log(np.array([[0.2, 0.7, 0.1]], "float32"))
    np.testing.assert_allclose(log_odds(logs, "ordinal"), [np.log(0.7 / 0.3)], rtol=1e-5)
    np.testing.assert_allclose(log_odds(logits[:1], "several"), [0.8], rtol=1e-5)
    np.testing.assert_allclose(log_odds(logits[:1], "numeric"), [0.1], rtol=1e-5)


def test_gradients_of_texts_come_by_token(model):
    rows = [row[row != 0] for row in IDS]
    answers = [Answer(text, [(0, 1)], np.ones(1), {"x": 1.0}) for text in "ab"]
    predictor = types.SimpleNamespace(
        model=model,
        tags_words=False,
        batch_size=1,
        source_ids=lambda texts: rows,
        explain=lambda texts: answers,
    )
    weights = evidence(predictor, ["a", "b"], "gradient")
    assert [len(row) for row in weights] == [4, 5]
    expected = gradient_times_input(model, IDS)
    np.testing.assert_allclose(weights[1], expected[1], rtol=1e-4, atol=1e-6)
