"""Whether a translation was cut off, as exported files tell it."""

import tensorflow as tf
from tiny_translators import TEXTS

from keras_attention import Explanation
from keras_attention.export.predictor import (
    RecordedSearch,
    _explanation,
    _hypotheses,
    without_unknown_probability,
)
from keras_attention.export.signatures import EXPLAIN, NBEST


def test_explain_tells_whether_a_translation_is_finished(lstm):
    texts = [*TEXTS, ""]
    outputs = lstm.signatures[EXPLAIN](text=tf.constant(texts))
    expected = [row.finished for row in lstm.translator.explain(texts)]
    assert outputs["finished"].numpy().tolist() == expected
    assert set(expected) == {True, False}
    # A file of an older version does not tell: a finished translation has a token less.
    limit = lstm.translator.search.max_length
    columns = {name: value.numpy() for name, value in outputs.items() if name != "finished"}
    for place, finished in enumerate(expected):
        row = {name: value[place] for name, value in columns.items()}
        assert _explanation(row, limit).finished is finished


def test_an_onnx_file_tells_it_by_the_lengths(lstm):
    rows = lstm.predictor("onnx").predict(TEXTS)
    expected = [row.finished for row in lstm.translator.explain(TEXTS)]
    assert [row.finished for row in rows] == expected


def test_nbest_of_an_older_file_does_not_tell_it(lstm):
    outputs = lstm.signatures[NBEST](text=tf.constant(TEXTS[:1]))
    row = {name: value.numpy()[0] for name, value in outputs.items() if name != "finished"}
    assert [hypothesis.finished for hypothesis in _hypotheses(row)] == [None] * 3


def test_a_file_does_not_tell_the_probability_in_a_score_with_a_coverage_penalty():
    """A file scores no given translations, so that the penalty of an empty one is not known."""
    search = RecordedSearch({"max_length": 9, "coverage_penalty": 0.4})
    for tokens, score, known in (([], -2.0, False), ([], 0.0, True), (["a"], -2.0, True)):
        row = Explanation("", score, ["</s>"], tokens, None, [-1.0] * len(tokens))
        assert (without_unknown_probability(row, search).token_probability is not None) == known
        plain = RecordedSearch({"max_length": 9, "length_penalty": 0.6})
        assert without_unknown_probability(row, plain) == row
