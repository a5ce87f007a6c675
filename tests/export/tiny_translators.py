"""Small translators with random weights, spread so wide that sentences get different answers."""

import keras
import numpy as np

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

DECODERS = {
    "bahdanau": models.BahdanauDecoder,
    "input_feeding": models.InputFeedingDecoder,
    "parallel": models.ParallelDecoder,
}


def tiny_model(source_size, target_size, decoder, cell, layers, seed):
    model = models.Seq2Seq(
        encoder=models.RecurrentEncoder(units=5, cell=cell, num_layers=layers),
        decoder=DECODERS[decoder](units=7, cell=cell, num_layers=layers),
        source_vocabulary_size=source_size,
        target_vocabulary_size=target_size,
        embedding_dim=6,
    )
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(scale=1.1, size=weight.shape))
    return model


def tiny_translator(
    decoder="bahdanau", cell="lstm", layers=1, kind="character", search=None, seed=1
):
    options = {"vocabulary_size": 61} if kind == "sentencepiece" else {}
    source, target = (text.train(kind, TEXTS * 20, **options) for _ in range(2))
    return Translator(
        tiny_model(source.vocabulary_size, target.vocabulary_size, decoder, cell, layers, seed),
        source,
        target,
        search=search or decoding.Beam(width=3, length_penalty=0.6, max_length=9),
        max_source_length=MAX_SOURCE_LENGTH,
    )


def clone(translator, seed):
    """A translator of the same shape with other weights."""
    model = keras.models.clone_model(translator.model)
    model.set_weights(translator.model.get_weights())
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign_add(generator.normal(scale=0.5, size=weight.shape))
    return Translator(
        model,
        translator.source_tokenizer,
        translator.target_tokenizer,
        translator.search,
        translator.max_source_length,
    )
