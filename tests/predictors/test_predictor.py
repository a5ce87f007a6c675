"""A predictor whose engine is a plain function, which gives back the ids that it reads."""

import numpy as np
import pytest

from keras_attention import Predictor, UserError, text
from keras_attention.decoding import SearchResult

TEXTS = ["dinsdag", "7", "", "a b c", "vrijdag 5", "yy"]
BATCHES = []


def copy(source_ids):
    """Two hypotheses of each row: the row, and nothing."""
    BATCHES.append(source_ids)
    lengths = (source_ids > 3).sum(axis=1)  # Without the end token and padding.
    batch, width = source_ids.shape
    ids = np.where(source_ids > 3, source_ids, 0)
    alignment = np.eye(width, dtype="float32")[None] * (ids > 0)[..., None]
    return SearchResult(
        ids=np.stack([ids, np.zeros_like(ids)], axis=1),
        scores=np.tile(np.array([-1.0, -2.0], "float32"), (batch, 1)),
        lengths=np.stack([lengths, np.zeros_like(lengths)], axis=1),
        alignments=np.stack([alignment, np.zeros_like(alignment)], axis=1),
        token_scores=np.zeros((batch, 2, width), "float32"),
    )


@pytest.fixture(scope="module")
def predictor():
    tokenizer = text.CharacterTokenizer.train(TEXTS)
    return Predictor(copy, tokenizer, tokenizer, max_source_length=10, batch_size=2)


def test_answers_come_in_the_order_of_the_inputs(predictor):
    BATCHES.clear()
    assert predictor(TEXTS) == TEXTS
    # Sorted by length, filled up to 8, or to the most that the model takes.
    assert [batch.shape for batch in BATCHES] == [(2, 8), (2, 8), (2, 10)]
    assert predictor("7") == "7" and predictor([]) == []


def test_explanations_and_hypotheses(predictor):
    for source, row in zip(TEXTS, predictor.predict(TEXTS), strict=True):
        assert (row.text, row.source_tokens) == (source, [*source, "</s>"])
        assert row.target_tokens == list(source) and row.score == (-1 if source else 0)
        assert row.ids.dtype == "int32"
        assert row.ids.tolist() == predictor.source.encode([source]).to_list()[0]
        np.testing.assert_array_equal(row.alignment, np.eye(len(source), len(source) + 1))
    assert predictor.nbest("yy") == [("yy", -1), ("", -2)]
    assert predictor.explain("yy").text == "yy"


def test_what_is_too_long_is_refused_and_told(predictor):
    sentence = "has 11 tokens with the end token; this model takes at most 10."
    assert predictor.too_long(["7", "x" * 10, "x" * 9]) == {1: sentence}
    for call in (predictor, predictor.explain, predictor.nbest):
        with pytest.raises(UserError, match=f"Text 2 {sentence}"):
            call(["7", "x" * 10])


def test_a_function_cannot_be_saved(predictor, tmp_path):
    with pytest.raises(UserError, match="Only what has a Keras model can be saved"):
        predictor.save(tmp_path / "predictor")
    assert not (tmp_path / "predictor").exists()
