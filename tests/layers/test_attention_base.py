import keras
import numpy as np
import pytest
from checklist import cases_and_checks, run_check
from comparisons import assert_close, to_numpy
from keras import ops
from layer_checks import CHECKS, LayerCase

from keras_attention.layers import Attention, DotProductAttention


@keras.saving.register_keras_serializable("tests")
class DistanceAttention(Attention):
    """All that a new attention has to write: one scoring method."""

    def score(self, query, key):
        query, key = ops.expand_dims(query, 2), ops.expand_dims(key, 1)
        return -ops.sum(ops.square(query - key), axis=-1)  # (batch, query, key)


LEAVES_OUT = {"overflow": "a score of one's own owns its range"}
CASES = {"distance": LayerCase(DistanceAttention, 7, 7, leaves_out=LEAVES_OUT)}


@pytest.mark.parametrize(("case", "check"), cases_and_checks(CASES, lambda case: CHECKS))
def test_one_scoring_method_makes_a_layer(case, check, exports):
    run_check(check, case, exports)


def test_the_base_class_has_no_score():
    with pytest.raises(NotImplementedError, match="Attention does not implement `score`"):
        Attention()(np.ones((2, 3, 7)), np.ones((2, 5, 7)))


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_out_of_range(dropout):
    with pytest.raises(ValueError, match=f"0 <= dropout < 1. Received: dropout={dropout}"):
        DotProductAttention(dropout=dropout)


def test_unknown_normalizer():
    with pytest.raises(ValueError, match="Received: normalizer='softmin'"):
        DotProductAttention(normalizer="softmin")


def test_dropout_only_in_training_and_repeatable():
    query, memory = np.ones((2, 3, 7), "float32"), np.ones((2, 59, 7), "float32")

    def weights(**options):
        layer = DotProductAttention(dropout=0.5, seed=97)
        return to_numpy(layer(query, memory, return_attention_scores=True, **options)[1])

    assert_close(weights(), np.full((2, 3, 59), 1 / 59))
    dropped = weights(training=True)
    np.testing.assert_array_equal(dropped, weights(training=True))
    # Every weight is dropped or doubled.
    assert_close(np.unique(dropped), np.array([0.0, 2 / 59]))


def test_both_key_masks_count():
    query, memory = np.ones((1, 1, 7), "float32"), np.ones((1, 3, 7), "float32")
    _, weights = DotProductAttention()(
        query,
        memory,
        value_mask=np.array([[True, True, False]]),
        key_mask=np.array([[False, True, True]]),
        return_attention_scores=True,
    )
    assert_close(weights, np.array([[[0.0, 1.0, 0.0]]]))


def test_embedding_masks_reach_the_layer_in_a_functional_model():
    ids = np.array([[5, 3, 2, 0, 0], [4, 0, 0, 0, 0]])
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(7, 11, mask_zero=True)
    layer = DotProductAttention()
    outputs = layer(embedding(target), embedding(source), return_attention_scores=True)
    model = keras.Model([source, target], outputs)
    context, weights = to_numpy(model([ids, ids[:, :3]]))
    assert (weights[0, :, 3:] == 0).all()
    assert (weights[1, :, 1:] == 0).all()
    assert (context[1, 1:] == 0).all()
    np.testing.assert_allclose(weights[0].sum(axis=-1), 1.0, atol=1e-6)


def test_a_normalizer_of_ones_own_survives_saving(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    def squared(scores, mask=None):
        return ops.square(scores)

    inputs = keras.Input((3, 7))
    layer = DotProductAttention(normalizer=squared)
    model = keras.Model(inputs, layer(inputs, inputs))
    model.save(tmp_path / "model.keras")
    values = np.random.default_rng(101).normal(size=(2, 3, 7)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded(values), model(values))
    scores = np.einsum("bqd,bkd->bqk", values, values)
    assert_close(model(values), np.einsum("bqk,bkd->bqd", scores**2, values), atol=1e-4)


def test_the_mask_of_one_row_of_queries_for_many_of_values():
    query, value = np.ones((1, 3, 7), "float32"), np.ones((5, 2, 7), "float32")
    mask = [[True, False, True]]
    inputs = keras.layers.Masking()(np.where(np.array(mask)[..., None], query, 0.0))
    context, _ = DotProductAttention()(inputs, value, return_attention_scores=True)
    np.testing.assert_array_equal(to_numpy(context._keras_mask), mask * 5)
