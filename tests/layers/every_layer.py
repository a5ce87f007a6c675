"""One case of every public layer, from the tables of the checklists."""

import importlib
from pathlib import Path

import input_cases
import keras
import order_cases
import pair_cases
from layer_checks import LayerCase
from order_checks import DIM

from keras_attention import layers, models

TABLES = [importlib.import_module(path.stem) for path in Path(__file__).parents[1].glob("cases_*")]
CASES = {
    **{name: case for table in TABLES for name, case in table.CASES.items()},
    **input_cases.CASES,
    **pair_cases.CASES,
}
__all__ = ["CASES", "MODELS", "HeadCase", "LayerCase", "ModelCase", "arrays", "one_of_each"]
# Layers inside another one, which are never called by themselves.
INNER = (layers.HeadPart, layers.Pattern, layers.Position)
BASES = (layers.Attention, layers.RecursiveAttention, models.RecurrentDecoder, models.Head)


def one_of_each(cases):
    """Of the cases whose layers have the same classes inside, one.

    Returns:
        dict of cases by name.
    """
    seen = {}
    for name, case in sorted(cases.items()):
        kinds = tuple(type(layer) for layer in case.make()._flatten_layers())
        seen.setdefault(kinds, name)
    return {name: cases[name] for name in seen.values()}


def covering(cases):
    """Few cases, in which each class of layers is once, by itself or inside another one.

    Returns:
        dict of cases by name.
    """
    inside = {
        name: {type(layer) for layer in case.make()._flatten_layers()}
        for name, case in cases.items()
    }
    chosen, seen = {}, set()
    for name in sorted(cases, key=lambda name: (-len(inside[name]), name)):
        if inside[name] - seen:
            chosen[name] = cases[name]
            seen |= inside[name]
    return chosen


def arrays(case):
    """The float inputs of a case, in a list."""
    return list(case.arrays() if hasattr(case, "arrays") else [case.array()])


class ModelCase:
    """An encoder, a decoder, or what else of `keras_attention.models` is called with tensors."""

    def __init__(self, make, inputs=1):
        self.make, self.inputs = make, inputs

    def arrays(self):
        generator = keras.random.SeedGenerator(5)
        return [keras.random.normal((2, 3, DIM), seed=generator) for _ in range(self.inputs)]


class HeadCase(ModelCase):
    """A head of an `EncoderModel`, whose outputs are float32 for the loss.

    Args:
        make: function of keyword arguments that makes the head.
        carries_mask: bool. Whether its outputs have the mask of its inputs, or none.
    """

    def __init__(self, make, carries_mask=False):
        super().__init__(make)
        self.carries_mask = carries_mask


MODELS = {
    "feed_forward": ModelCase(lambda **options: models.FeedForward(5, **options)),
    "recurrent_encoder": ModelCase(lambda **options: models.RecurrentEncoder(5, **options)),
    "recurrent_encoder_gru": ModelCase(
        lambda **options: models.RecurrentEncoder(5, cell="gru", bidirectional=False, **options)
    ),
    "transformer_encoder": ModelCase(
        lambda **options: models.TransformerEncoder(1, 1, 5, **options)
    ),
    "bahdanau_decoder": ModelCase(lambda **options: models.BahdanauDecoder(5, **options), 2),
    "input_feeding_decoder": ModelCase(
        lambda **options: models.InputFeedingDecoder(5, **options), 2
    ),
    "parallel_decoder": ModelCase(
        lambda **options: models.ParallelDecoder(5, cell="gru", **options), 2
    ),
    "transformer_decoder": ModelCase(
        lambda **options: models.TransformerDecoder(1, 1, 5, **options), 2
    ),
    "hierarchical_encoder": ModelCase(
        lambda **options: models.HierarchicalEncoder(5, sentence_length=2, **options)
    ),
    "classification_head": HeadCase(lambda **options: models.ClassificationHead(5, **options)),
    "ordinal_head": HeadCase(lambda **options: models.ClassificationHead(5, "ordinal", **options)),
    "tagging_head": HeadCase(lambda **options: models.TaggingHead(5, **options), carries_mask=True),
    "crf_tagging_head": HeadCase(lambda **options: models.TaggingHead(5, crf=True, **options)),
    "span_head": HeadCase(lambda **options: models.SpanHead(**options)),
    "embedding_head": HeadCase(lambda **options: models.EmbeddingHead(5, **options)),
}


def public_layers():
    """Every public layer that is called with tensors, whole models left out."""
    found = {**vars(layers), **vars(models)}.values()
    return {
        one
        for one in found
        if isinstance(one, type)
        and issubclass(one, keras.layers.Layer)
        and not issubclass(one, (keras.Model, *INNER))
        and one not in BASES
    }


def covered():
    """The classes of which there is a case, nested ones included."""
    cases = {**CASES, **order_cases.CASES, **MODELS}.values()
    return {type(case.make()) for case in cases}
