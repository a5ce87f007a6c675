"""Attention pooling and hierarchical attention against the paper, in NumPy, word by word."""

import keras
import numpy as np
import pytest
from layer_checks import assert_close, to_numpy

from keras_attention.layers.pooling.attention_pooling import AttentionPooling
from keras_attention.layers.pooling.hierarchical_attention import HierarchicalAttention

BATCH, SENTENCES, WORDS, DIM, UNITS = 2, 3, 5, 7, 17


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def randomized(layer, shape, seed=211):
    """The layer with random weights, biases too."""
    layer.build(shape)
    for number, weight in enumerate(layer.weights):
        weight.assign(0.5 * random(*weight.shape, seed=seed + number))
    return layer


def pool(layer, vectors, mask):
    """Equations 5 to 7 for one sequence, in float64: the weights and the sum."""
    w, b, u_w = (weight.astype("float64") for weight in layer.get_weights())
    weights, pooled = np.zeros(len(vectors)), np.zeros(vectors.shape[-1])
    for t in np.flatnonzero(mask):
        u_t = np.tanh(w.T @ vectors[t] + b)
        weights[t] = np.exp(u_t @ u_w)
    if mask.any():
        weights = weights / weights.sum()
    for t in range(len(vectors)):
        pooled += weights[t] * vectors[t]
    return pooled, weights


def word_mask():
    """Holes, an empty sentence between others, and no real word at all in the last document."""
    mask = np.ones((BATCH, SENTENCES, WORDS), bool)
    mask[0, 0, 3:] = False
    mask[0, 1] = False
    mask[-1] = False
    return mask


def test_attention_pooling():
    layer = randomized(AttentionPooling(UNITS), (BATCH, WORDS, DIM))
    vectors = random(BATCH, WORDS, DIM, seed=223)
    mask = np.array([[True, False, True, True, False], [False] * WORDS])
    pooled, weights = layer(vectors, mask=mask, return_attention_scores=True)
    for row in range(BATCH):
        expected = pool(layer, vectors[row], mask[row])
        assert_close([pooled[row], weights[row]], expected)
    unmasked = [pool(layer, sequence, np.ones(WORDS, bool))[0] for sequence in vectors]
    assert_close(layer(vectors), np.stack(unmasked))


def test_axes_between_batch_and_length_stay():
    layer = randomized(AttentionPooling(UNITS), (BATCH, SENTENCES, WORDS, DIM))
    vectors, mask = random(BATCH, SENTENCES, WORDS, DIM, seed=227), word_mask()
    pooled, weights = to_numpy(layer(vectors, mask=mask, return_attention_scores=True))
    for place in np.ndindex(BATCH, SENTENCES):
        expected = pool(layer, vectors[place], mask[place])
        assert_close([pooled[place], weights[place]], expected)


def test_the_mask_of_an_embedding_is_used_and_goes_no_further():
    ids = np.array([[5, 3, 2, 0, 0], [4, 0, 0, 0, 0]])
    inputs = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(7, 11, mask_zero=True)
    pooled = AttentionPooling(UNITS)(embedding(inputs))
    assert getattr(pooled, "_keras_mask", None) is None
    model = keras.Model(inputs, pooled)
    assert_close(model(ids), model(ids[:, :3]))
    assert_close(model(ids)[1], embedding(ids)[1, 0])


def test_the_scores_start_neither_flat_nor_saturated():
    vectors = random(3, 37, 128, seed=229).astype("float32")
    layer = AttentionPooling(256)
    layer.build(vectors.shape)
    assert 0.2 < to_numpy(layer.score(vectors)).std() < 1.2


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "sigmoid"])
def test_the_weights_are_what_was_multiplied(normalizer):
    vectors = random(BATCH, 59, DIM, seed=233)
    layer = AttentionPooling(UNITS, normalizer=normalizer, dropout=0.5, seed=37)
    pooled, weights = layer(vectors, return_attention_scores=True, training=True)
    assert (to_numpy(weights) == 0).any()
    assert_close(pooled, np.einsum("bt,btd->bd", to_numpy(weights), vectors))


def test_dropout_only_in_training_and_repeatable():
    vectors = np.ones((BATCH, 59, DIM))

    def weights(**options):
        layer = AttentionPooling(UNITS, dropout=0.5, seed=97)
        return to_numpy(layer(vectors, return_attention_scores=True, **options)[1])

    assert_close(weights(), np.full((BATCH, 59), 1 / 59))
    dropped = weights(training=True)
    assert_close(dropped, weights(training=True))
    assert_close(np.unique(dropped.round(6)), np.array([0.0, 2 / 59]))


def check_documents(layer, documents, mask, encode_words, encode_sentences):
    """Every document word by word; the encoders see the real words and sentences alone."""
    outputs = to_numpy(layer(documents, mask=mask, return_attention_scores=True))
    for row, (document, words_are_real) in enumerate(zip(documents, mask, strict=True)):
        sentences, word_weights = [], np.zeros((SENTENCES, WORDS))
        real = np.flatnonzero(words_are_real.any(axis=-1))
        for i in real:
            t = np.flatnonzero(words_are_real[i])
            encoded = encode_words(document[i][t])
            vector, word_weights[i, t] = pool(layer.word_attention, encoded, np.ones(len(t), bool))
            sentences.append(vector)
        expected, sentence_weights = np.zeros(outputs[0].shape[-1]), np.zeros(SENTENCES)
        if sentences:
            encoded = encode_sentences(np.stack(sentences))
            expected, sentence_weights[real] = pool(
                layer.sentence_attention, encoded, np.ones(len(real), bool)
            )
        found = [output[row] for output in outputs]
        assert_close(found, [expected, word_weights, sentence_weights])


def test_hierarchical_attention():
    documents = random(BATCH, SENTENCES, WORDS, DIM, seed=239)
    layer = randomized(HierarchicalAttention(UNITS), documents.shape)
    everything = np.ones((BATCH, SENTENCES, WORDS), bool)
    for mask in (everything, word_mask()):
        check_documents(layer, documents, mask, lambda x: x, lambda x: x)
    assert_close(layer(documents), layer(documents, mask=everything))


def encoder(units):
    return keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True))


def test_hierarchical_attention_with_encoders():
    documents = random(BATCH, SENTENCES, WORDS, DIM, seed=241)
    layer = randomized(HierarchicalAttention(UNITS, encoder(11), encoder(13)), documents.shape)
    assert tuple(layer(documents).shape) == (BATCH, 26)

    def alone(encoder):
        return lambda x: to_numpy(encoder(x[None]))[0].astype("float64")

    check_documents(
        layer, documents, word_mask(), alone(layer.word_encoder), alone(layer.sentence_encoder)
    )


def test_the_mask_of_an_embedding_of_documents_is_used():
    ids = np.array([[[5, 3, 0], [2, 0, 0]], [[4, 0, 0], [0, 0, 0]]])
    inputs = keras.Input((None, None), dtype="int32")
    embedding = keras.layers.Embedding(7, 11, mask_zero=True)
    model = keras.Model(inputs, HierarchicalAttention(UNITS, encoder(13))(embedding(inputs)))
    assert_close(model(ids), model(ids[:, :, :2]))
    assert_close(model(ids)[1:], model(ids[1:, :1, :1]))


@keras.saving.register_keras_serializable("tests")
class NeverEmpty(keras.layers.Layer):
    """An encoder that fails where a sequence has no position, as cuDNN does."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        assert to_numpy(mask).any(axis=-1).all()
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def test_an_encoder_is_given_no_empty_sequence():
    documents = random(BATCH, SENTENCES, WORDS, DIM, seed=251)
    layer = HierarchicalAttention(UNITS, NeverEmpty(), NeverEmpty())
    assert (to_numpy(layer(documents, mask=word_mask()))[-1] == 0).all()


def test_an_encoder_without_a_mask_is_given_none():
    documents, mask = random(BATCH, SENTENCES, WORDS, DIM, seed=257), word_mask()
    layer = randomized(HierarchicalAttention(UNITS, keras.layers.Dense(11)), documents.shape)
    kernel, bias = layer.word_encoder.get_weights()
    check_documents(layer, documents, mask, lambda x: x @ kernel + bias, lambda x: x)


def test_words_and_sentences_are_not_dropped_alike():
    options = {"return_attention_scores": True, "training": True}
    layer = HierarchicalAttention(UNITS, dropout=0.5, seed=97)
    _, words, sentences = to_numpy(layer(np.ones((BATCH, 59, 59, DIM)), **options))
    dropped = (words[:, 0] == 0) != (sentences == 0)
    assert dropped.any()
    again = HierarchicalAttention(UNITS, dropout=0.5, seed=97)
    assert_close(again(np.ones((BATCH, 59, 59, DIM)), **options)[1], words)


@pytest.mark.parametrize("layer", [AttentionPooling, HierarchicalAttention])
def test_arguments_out_of_range(layer):
    with pytest.raises(ValueError, match="`units` to be positive. Received: units=0"):
        layer(0)
    with pytest.raises(ValueError, match="0 <= dropout < 1. Received: dropout=1.0"):
        layer(UNITS, dropout=1.0)
    with pytest.raises(ValueError, match="Received: normalizer='softmin'"):
        layer(UNITS, normalizer="softmin")


def test_masks_of_another_rank():
    message = r"Expected `mask` of shape .*Received: mask.shape=\(2, "
    with pytest.raises(ValueError, match=message + r"1, 5\)"):
        AttentionPooling(UNITS)(np.ones((2, 5, 7)), mask=np.ones((2, 1, 5), bool))
    with pytest.raises(ValueError, match=message + r"3\)"):
        HierarchicalAttention(UNITS)(np.ones((2, 3, 5, 7)), mask=np.ones((2, 3), bool))


def test_documents_have_four_axes():
    with pytest.raises(ValueError, match=r"words, dim\). Received: inputs.shape=\(2, 5, 7\)"):
        HierarchicalAttention(UNITS)(np.ones((2, 5, 7)))


def test_encoders_return_sequences():
    layer = HierarchicalAttention(UNITS, word_encoder=keras.layers.GRU(11))
    message = r"return_sequences=True. Received: word_encoder that makes \(None, 11\) of \(None, 5,"
    with pytest.raises(ValueError, match=message):
        layer(np.ones((2, 3, 5, 7)))
