"""Texts with labels as batches that any Keras model takes."""

import keras
import numpy as np
import pytest

from keras_attention import UserError, layers, text
from keras_attention.training import make_batches, tokenize_texts

TEXTS = [str(number) * (1 + number % 7) for number in range(9)] + ["", "8" * 30]


@pytest.fixture(scope="module")
def tokenizer():
    return text.CharacterTokenizer("0123456789")


@pytest.mark.parametrize("shape, dtype", [((), "int64"), ((), "float32"), ((3,), "float64")])
def test_each_text_comes_once_with_its_label(tokenizer, shape, dtype):
    labels = np.zeros((len(TEXTS), *shape), dtype)
    labels += np.arange(len(TEXTS)).reshape(-1, *[1] * len(shape)).astype(dtype)
    texts = tokenize_texts(TEXTS, labels, tokenizer, max_length=7)
    assert (len(texts), texts.too_long, texts.rows.tolist()) == (10, 1, list(range(10)))
    batches = make_batches(texts, batch_size=3, seed=1)
    seen = []
    for ids, values in batches.epoch(2):
        assert ids.dtype == "int32" and values.dtype == dtype and values.shape[1:] == shape
        assert ids.shape[1] in batches.source_lengths and ids.shape[1] <= 7
        decoded = [item.decode() for item in tokenizer.decode(ids).numpy()]
        numbers = np.asarray(values).reshape(len(decoded), -1)[:, 0].astype(int).tolist()
        assert decoded == [TEXTS[number] for number in numbers]
        seen += numbers
    assert sorted(seen) == list(range(10)) and seen != sorted(seen)
    assert batches.steps == 4 and 0 <= batches.padding_waste() < 0.5


def test_a_keras_model_trains_on_them(tokenizer):
    batches = make_batches(tokenize_texts(TEXTS, [i % 2 for i in range(11)], tokenizer), 4)
    model = keras.Sequential(
        [
            keras.layers.Embedding(tokenizer.vocabulary_size, 5, mask_zero=True),
            layers.AttentionPooling(3),
            keras.layers.Dense(2),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(
        batches.training(0, 2), epochs=2, steps_per_epoch=batches.steps, shuffle=False, verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()


def test_texts_of_no_token_have_one_place(tokenizer):
    ((ids, labels),) = make_batches(tokenize_texts(["", ""], [1, 2], tokenizer), 2).once()
    assert ids.shape == (2, 1) and sorted(labels.numpy()) == [1, 2]


@pytest.mark.parametrize(
    "texts, labels, message",
    [
        (["1", "2"], [1], r"a label for each of 2 texts. Received: labels of shape \(1,\)"),
        (["1"], ["yes"], "numbers; names of classes become numbers by keras.layers.StringLookup"),
        (["1", "2"], [[1], [1, 2]], "labels of one shape"),
        ([], [], "no text"),
        (["123", "45"], [1, 0], "All 2 texts have more than 1 tokens"),
    ],
)
def test_what_cannot_be_made_batches_of(tokenizer, texts, labels, message):
    with pytest.raises(UserError, match=message):
        tokenize_texts(texts, labels, tokenizer, max_length=1)
