"""Pictures of attention weights that a callback writes for TensorBoard."""

import keras
import numpy as np
import pytest

from keras_attention import analysis, layers

LENGTH, WIDTH = 3, 4
TOKENS = [["a", "b"], ["c", "d", "e"]]


def vectors():
    return np.random.default_rng(0).normal(size=(2, LENGTH, WIDTH)).astype("float32")


def model():
    x = keras.Input((LENGTH, WIDTH))
    gated = layers.GatedFusion(WIDTH, name="gated")(x, x)
    attended = layers.MultiHeadAttention(2, 3, name="attention")(gated, gated)
    pooled = layers.CoAttention(3, name="both")(attended, x)
    return keras.Model(x, keras.layers.add(pooled))


def pictures_of(callback, **options):
    callback.set_model(model())
    return dict(callback.pictures())


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, in the place of pictures."""
    from keras_attention.analysis import attention_images

    calls = []

    def keep(*arguments, **options):
        calls.append((*arguments, options))
        return np.zeros((1, 1, 4), "uint8")

    monkeypatch.setattr(attention_images, "alignment_image", keep)
    monkeypatch.setattr(attention_images, "word_weights_image", keep)
    return calls


def test_what_is_drawn_of_each_layer_and_example(drawn, tmp_path):
    callback = analysis.AttentionImages(tmp_path, vectors(), tokens=TOKENS)
    names = list(pictures_of(callback))
    assert names == ["attention/0", "attention/1", "both/0/0", "both/0/1", "both/1/0", "both/1/1"]
    weights = analysis.attention_weights(callback.model, vectors(), ["attention", "both"])
    for example, tokens in enumerate(TOKENS):
        matrix, keys, queries, _ = drawn[example]
        assert (keys, queries) == (tokens, tokens)
        size = len(tokens)
        expected = weights["attention"][example].mean(axis=0)[:size, :size]
        np.testing.assert_allclose(matrix, expected, atol=1e-6)
        row, words, _ = drawn[4 + example]
        assert words == tokens
        np.testing.assert_allclose(row, weights["both"][1][example, :size], atol=1e-6)


def test_a_layer_that_stands_for_those_in_it_and_one_that_is_no_picture(drawn, tmp_path):
    x = keras.Input((LENGTH, WIDTH))
    inner = layers.ScaledDotProductAttention(name="inner")
    callback = analysis.AttentionImages(tmp_path, vectors())
    callback.set_model(keras.Model(x, layers.ResidualAttention(inner, name="residual")(x)))
    assert [name for name, _ in callback.pictures()] == ["residual/0", "residual/1"]

    images = keras.Input((2, LENGTH, WIDTH))
    attended = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), name="places")(images, images)
    callback.set_model(keras.Model(images, attended))
    callback.inputs = np.stack([vectors()] * 2, axis=1)
    with pytest.raises(ValueError, match="(?s)positions of a sequence.*Received: places/0"):
        callback.pictures()

    # One head, and an axis that is not attended along: its rows are no heads.
    rows = layers.ScaledDotProductAttention(attention_axes=2, name="rows")(images, images)
    callback.set_model(keras.Model(images, rows))
    with pytest.raises(
        ValueError, match=r"(?s)positions of a sequence.*Received: rows .*\(2, 3, 3\)"
    ):
        callback.pictures()


def test_each_head_and_numbers_for_names(drawn, tmp_path):
    callback = analysis.AttentionImages(tmp_path, vectors()[:1], "attention", heads="each")
    assert list(pictures_of(callback)) == ["attention/0/head_0", "attention/0/head_1"]
    assert drawn[0][1:3] == (["0", "1", "2"], ["0", "1", "2"])


def test_names_that_do_not_fit_and_layers_without_a_picture(tmp_path):
    callback = analysis.AttentionImages(tmp_path, vectors(), tokens=[["a"] * 4, ["b"]])
    with pytest.raises(ValueError, match="at most 3 names for example 0.* 2 examples.*4, 1"):
        pictures_of(callback)
    callback = analysis.AttentionImages(tmp_path, vectors(), tokens=[["a"]])
    with pytest.raises(ValueError, match="for example 1"):
        pictures_of(callback)
    callback = analysis.AttentionImages(tmp_path, vectors(), layers=["gated", "both"])
    with pytest.raises(ValueError, match="positions of a sequence.*gated"):
        pictures_of(callback)
    with pytest.raises(ValueError, match="heads='all'"):
        analysis.AttentionImages(tmp_path, vectors(), heads="all")


def test_tensorboard_can_read_what_fit_writes(tmp_path):
    pytest.importorskip("tensorflow")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained = model()
    trained.compile(loss="mse")
    images = analysis.AttentionImages(tmp_path, vectors(), layers="both", tokens=TOKENS)
    trained.fit(vectors(), np.ones((2, WIDTH)), epochs=2, verbose=0, callbacks=[images])
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    names = ["both/0/0", "both/0/1", "both/1/0", "both/1/1"]
    assert sorted(events.Tags()["tensors"]) == names
    for name in names:
        assert [event.step for event in events.Tensors(name)] == [0, 1]
        assert b"\x89PNG" in events.Tensors(name)[0].tensor_proto.string_val[2]
