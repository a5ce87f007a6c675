"""A recipe so small that it trains in seconds."""

import dataclasses
import json
from pathlib import Path

from keras_attention.training import (
    DataOptions,
    FitOptions,
    ModelOptions,
    Recipe,
    ScoreOptions,
    TextOptions,
    train_and_evaluate,
)
from keras_attention.training.recipes.data_options import changed_data
from keras_attention.training.recipes.model_options import changed_model

CHANGED = {"data": changed_data, "model": changed_model}  # Whose kind may change too.

# Splits of different sizes, so that a mixed-up one is caught.
TINY = Recipe(
    name="tiny",
    data=DataOptions(embedded="dates", train_size=97, validation_size=31, test_size=43),
    text=TextOptions(
        source_tokenizer="character",
        target_tokenizer="character",
        max_source_length=29,
        max_target_length=12,
    ),
    model=ModelOptions(cell="gru", encoder_units=5, decoder_units=7, embedding_dim=6, dropout=0.0),
    fit=FitOptions(epochs=3, batch_size=13, learning_rate=1e-2, warmup_steps=3, seed=5),
    score=ScoreOptions(metric="chrf", validation_decodes=17, heatmaps=2),
)


def changed(recipe, **groups):
    """A recipe with some options of some groups replaced: `changed(TINY, fit={"epochs": 1})`."""
    changes = {
        name: CHANGED.get(name, dataclasses.replace)(getattr(recipe, name), **options)
        for name, options in groups.items()
    }
    return dataclasses.replace(recipe, **changes)


@dataclasses.dataclass
class Run:
    """A run directory, what it was made from, and what was said."""

    folder: Path
    recipe: Recipe
    lines: list
    result: dict

    def read(self, name):
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def train(recipe, folder):
    lines = []
    result = train_and_evaluate(recipe, folder, lines.append)
    return Run(Path(folder), recipe, lines, result)
