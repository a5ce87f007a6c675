"""A layer with weights belongs to one layer: Keras saves what two share for one of them only."""

import keras
import numpy as np
import pytest

from keras_attention import layers, models

X = np.ones((2, 3, 8), "float32")


def used(layer, *inputs):
    layer(*inputs)
    return layer


def attend(layer):
    return used(layer, X, X)


def encode(position):
    return used(models.TransformerEncoder(1, 2, 7, position=position), X)


def decode(attention):
    return used(models.BahdanauDecoder(8, attention=attention), X, X)


# What makes a layer that can be given away, and what takes it and builds it.
HOLDERS = {
    "position": (
        layers.T5Position,
        lambda nested: attend(layers.MultiHeadAttention(2, 3, position=nested)),
    ),
    "part": (
        layers.TalkingHeads,
        lambda nested: attend(layers.MultiHeadAttention(2, 3, parts=[nested])),
    ),
    "choice": (
        lambda: layers.BahdanauAttention(5),
        lambda nested: attend(layers.LocalAttention(nested, 2)),
    ),
    "residual": (
        lambda: layers.MultiHeadAttention(2, 3),
        lambda nested: used(layers.ResidualAttention(nested), X),
    ),
    "embedded": (lambda: layers.LearnedPosition(19), encode),
    "decoder": (lambda: layers.BahdanauAttention(5), decode),
}


@pytest.mark.parametrize("make, hold", HOLDERS.values(), ids=HOLDERS)
def test_weights_of_two_layers_are_refused(make, hold):
    nested = make()
    owner = hold(nested)
    with pytest.raises(ValueError, match="for each layer.*Received: .* in .* and in "):
        hold(nested)
    assert owner.built


def test_a_position_without_weights_may_be_shared():
    position = layers.RotaryPosition()
    owners = [attend(layers.MultiHeadAttention(2, 4, position=position)) for _ in range(2)]
    assert all(owner.position is position for owner in owners)


def test_a_layer_may_be_built_before_it_is_given_away(tmp_path):
    attention = layers.BahdanauAttention(5)
    attend(attention)
    query, memory = keras.Input((3, 8)), keras.Input((3, 8))
    model = keras.Model([query, memory], layers.LocalAttention(attention, 2)(query, memory))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    expected, found = (keras.ops.convert_to_numpy(one([X, X])) for one in (model, again))
    np.testing.assert_allclose(found, expected, atol=1e-6)
