"""The three wirings against NumPy, written from the papers' equations."""

import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models

BATCH, SOURCE, TARGET, EMBED, VALUE, UNITS = 2, 5, 3, 4, 6, 7


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(weights, x, states):
    """Hochreiter & Schmidhuber 1997 with a forget gate; Keras orders the gates i, f, c, o."""
    kernel, recurrent, bias = weights
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def gru_step(weights, x, states):
    """Cho et al. 2014 in the form whose reset gate acts after the product; gates z, r, h."""
    kernel, recurrent, bias = weights
    (h,) = states
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, axis=-1)
    hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    h = z * h + (1 - z) * np.tanh(xh + r * hh)
    return h, [h]


def dot_attention(query, values, mask):
    scores = np.einsum("bd,bsd->bs", query, values)
    scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("bs,bsd->bd", weights, values)


def run_bahdanau(decoder, cell, inputs, values, mask, states, readout, step, project):
    outputs, context = [], np.zeros((BATCH, VALUE))
    for x in inputs.transpose(1, 0, 2):
        context = dot_attention(project(states[0]), values, mask)
        h, states = step(cell, np.concatenate([x, context], -1), states)
        outputs.append(np.tanh(np.concatenate([h, context, x], -1) @ readout))
    return outputs


def run_input_feeding(decoder, cell, inputs, values, mask, states, readout, step, project):
    outputs, attentional = [], np.zeros((BATCH, UNITS))
    for x in inputs.transpose(1, 0, 2):
        h, states = step(cell, np.concatenate([x, attentional], -1), states)
        context = dot_attention(project(h), values, mask)
        attentional = np.tanh(np.concatenate([context, h], -1) @ readout)
        outputs.append(attentional)
    return outputs


def run_parallel(decoder, cell, inputs, values, mask, states, readout, step, project):
    outputs = []
    for x in inputs.transpose(1, 0, 2):
        h, states = step(cell, x, states)
        context = dot_attention(project(h), values, mask)
        outputs.append(np.tanh(np.concatenate([context, h], -1) @ readout))
    return outputs


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(
    "decoder_class, run",
    [
        (models.BahdanauDecoder, run_bahdanau),
        (models.InputFeedingDecoder, run_input_feeding),
        (models.ParallelDecoder, run_parallel),
    ],
)
def test_wiring_as_in_the_paper(decoder_class, run, cell):
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(BATCH, TARGET, EMBED)).astype("float32")
    values = rng.normal(size=(BATCH, SOURCE, VALUE)).astype("float32")
    mask = np.array([[True] * 5, [True, True, True, False, False]])
    attention = layers.LuongAttention("general")
    decoder = decoder_class(units=UNITS, attention=attention, cell=cell)
    got = ops.convert_to_numpy(decoder(inputs, values, mask))

    weights = [ops.convert_to_numpy(w) for w in decoder.recurrent_layers[0].cell.weights]
    (general,) = [ops.convert_to_numpy(weight) for weight in attention.weights]
    general = general if general.shape == (UNITS, VALUE) else general.T  # query' W key, eq. 8
    bridge, bias = [ops.convert_to_numpy(weight) for weight in decoder.bridge.weights]
    readout = ops.convert_to_numpy(decoder.readout.kernel)
    mean = (values * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    states = np.split(np.tanh(mean @ bridge + bias), 2 if cell == "lstm" else 1, axis=-1)

    def project(query):
        return query @ general

    step = lstm_step if cell == "lstm" else gru_step
    expected = run(decoder, weights, inputs, values, mask, states, readout, step, project)
    np.testing.assert_allclose(got, np.stack(expected, axis=1), atol=1e-5)
