"""Whether a translation was cut off, and how probable an empty one is, as exported files say."""

import numpy as np
import tensorflow as tf
from tiny_translators import TEXTS

from keras_attention.decoding import SearchResult
from keras_attention.export.predictor import FilePredictor, RecordedSearch
from keras_attention.export.signatures import EXPLAIN
from keras_attention.predictors.rows import Found


def test_explain_tells_whether_a_translation_is_finished(lstm):
    texts = [*TEXTS, ""]
    outputs = lstm.signatures[EXPLAIN](text=tf.constant(texts))
    expected = [row.finished for row in lstm.translator.explain(texts)]
    assert outputs["finished"].numpy().tolist() == expected
    assert set(expected) == {True, False}


def test_an_onnx_file_tells_it_by_the_lengths(lstm):
    rows = lstm.predictor("onnx").predict(TEXTS)
    expected = [row.finished for row in lstm.translator.explain(TEXTS)]
    assert [row.finished for row in rows] == expected


def test_a_file_does_not_tell_the_probability_in_a_score_with_a_coverage_penalty(lstm):
    """A file scores no given translations, so that the penalty of an empty one is not known."""
    predictor = FilePredictor.__new__(FilePredictor)
    vars(predictor).update(vars(lstm.predictor("onnx")))
    source_ids, nothing = np.array([4, 3], "int32"), np.zeros((1, 9), "float32")
    cases = [(0, -2.0, False), (1, -2.0, True), (0, -1e30, True)]  # The last is no translation.
    for length, score, known in cases:
        ids = np.array([[5] * length + [0] * (9 - length)], "int32")
        alignment = np.zeros((1, 9, 2), "float32")
        result = SearchResult(ids, np.array([score]), np.array([length]), alignment, nothing)
        found = [Found("7", source_ids, result), Found("", source_ids[1:], result)]
        predictor.search = RecordedSearch({"max_length": 9, "coverage_penalty": 0.4})
        row, empty = predictor.explanations(found)
        assert (row.token_probability is not None) == known
        assert row.ids.tolist() == [5] * length and empty.token_probability == 1.0
        predictor.search = RecordedSearch({"max_length": 9, "length_penalty": 0.6})
        assert predictor.explanations(found)[0].token_probability is not None
