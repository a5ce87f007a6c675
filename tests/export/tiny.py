"""Small translators with random weights, large enough that every sentence gets its own answer."""

import keras
import numpy as np

from keras_attention import Translator, decoding, models, text

TEXTS = [
    "3 mai 2021",
    "dinsdag",
    "7",
    "de 14e",
    "2021年3月3日",
    "a b c d e f g",
    "среда, 3 марта",
    "mei",
    "14 july 1989",
    "x",
    "vrijdag 5",
]

DECODERS = {
    "bahdanau": models.BahdanauDecoder,
    "input_feeding": models.InputFeedingDecoder,
    "parallel": models.ParallelDecoder,
}


def tiny_model(source_size, target_size, decoder="bahdanau", cell="lstm", layers=1, seed=7):
    model = models.Seq2Seq(
        encoder=models.RecurrentEncoder(units=5, cell=cell, num_layers=layers),
        decoder=DECODERS[decoder](units=7, cell=cell, num_layers=layers),
        source_vocabulary_size=source_size,
        target_vocabulary_size=target_size,
        embedding_dim=6,
    )
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(scale=0.8, size=weight.shape))
    return model


def tiny_translator(
    kind="character", decoder="bahdanau", cell="lstm", layers=1, search=None, seed=7, **options
):
    keras.utils.clear_session(free_memory=False)
    tokenizers = [
        text.train(kind, TEXTS * 20, **({"vocabulary_size": 60} if kind == "sentencepiece" else {}))
        for _ in range(2)
    ]
    sizes = [tokenizer.vocabulary_size for tokenizer in tokenizers]
    return Translator(
        tiny_model(*sizes, decoder=decoder, cell=cell, layers=layers, seed=seed),
        *tokenizers,
        search=search or decoding.Beam(width=3, length_penalty=0.6, max_length=9),
        max_source_length=17,
        **options,
    )
