"""Small translators with random weights, spread so wide that sentences get different answers."""

import numpy as np
import pytest

from keras_attention import Translator, decoding, models, text

# Longer and shorter ones side by side, so that every batch is ragged.
TEXTS = [
    "3 mai 2021",
    "dinsdag",
    "7",
    "2021年3月3日",
    "a b c d e f g h",
    "среда, 3 марта",
    "mei",
    "14 july 1989",
    "x",
    "vrijdag 5",
    "de 14e",
    "29",
    "yy",
]
MAX_SOURCE_LENGTH = 17
# Of the bundles in conftest.py one of each family, and one that needs `tensorflow_text`; an export
# takes longest of all that is tested.
DEFAULT = ("lstm", "sentencepiece", "transformer")

DECODERS = {
    "bahdanau": models.BahdanauDecoder,
    "input_feeding": models.InputFeedingDecoder,
    "parallel": models.ParallelDecoder,
}


STACK = {"num_layers": 2, "num_heads": 2, "feed_forward_units": 11}


def tiny_recurrent_model(
    source_size, target_size, decoder, cell, layers, policy=None, encoder="recurrent"
):
    """A recurrent model, or a mixed one, whose encoder is a Transformer."""
    recurrent = {"cell": cell, "num_layers": layers, "dtype": policy}
    encoders = {
        "recurrent": lambda: models.RecurrentEncoder(units=5, **recurrent),
        "transformer": lambda: models.TransformerEncoder(**STACK, dtype=policy),
    }
    return models.Seq2Seq(
        encoder=encoders[encoder](),
        decoder=DECODERS[decoder](units=7, **recurrent),
        source_vocabulary_size=source_size,
        target_vocabulary_size=target_size,
        embedding_dim=6,
        dtype=policy,
    )


def tiny_transformer(source_size, target_size, policy=None):
    return models.Seq2Seq(
        encoder=models.TransformerEncoder(**STACK, dtype=policy),
        decoder=models.TransformerDecoder(**STACK, dtype=policy),
        source_vocabulary_size=source_size,
        target_vocabulary_size=target_size,
        embedding_dim=6,
        dtype=policy,
    )


def spread_recurrent(model, seed):
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        if "transformer" in weight.path:  # where norms and biases would outdo the source
            if len(weight.shape) == 2:
                weight.assign(generator.normal(scale=0.5, size=weight.shape))
        else:
            weight.assign(generator.normal(scale=1.1, size=weight.shape))


def spread_transformer(model, seed):
    """Norms and biases stay, or they outdo what the source says."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) == 2:
            scale = 1.5 if "cross" in weight.path else 0.5
            weight.assign(generator.normal(scale=scale, size=weight.shape))


def tiny_translator(
    decoder="bahdanau",
    cell="lstm",
    layers=1,
    kind="character",
    search=None,
    seed=1,
    policy=None,
    encoder="recurrent",
):
    """A recurrent translator, or a Transformer where that is the name of the decoder."""
    options = {"vocabulary_size": 61} if kind == "sentencepiece" else {}
    source, target = (text.train(kind, TEXTS * 20, **options) for _ in range(2))
    sizes = source.vocabulary_size, target.vocabulary_size
    if decoder == "transformer":
        model = tiny_transformer(*sizes, policy)
        spread_transformer(model, seed)
    else:
        model = tiny_recurrent_model(*sizes, decoder, cell, layers, policy, encoder)
        spread_recurrent(model, seed)
    return Translator(
        model,
        source,
        target,
        search=search or decoding.Beam(width=3, length_penalty=0.6, max_length=9),
        max_source_length=MAX_SOURCE_LENGTH,
    )


def by_default(*names):
    """Parameters: of these bundles the ones that are made by default, and all on request."""
    return [
        name if name in DEFAULT else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in names
    ]
