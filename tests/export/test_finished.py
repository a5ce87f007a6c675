"""Whether a translation was cut off, as exported files tell it."""

import tensorflow as tf
from tiny_translators import TEXTS

from keras_attention.export.predictor import _explanation
from keras_attention.export.signatures import EXPLAIN


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
