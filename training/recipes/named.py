"""Named recipes. Each says its cost and the score to expect."""

import dataclasses

from keras_attention.decoding.search_options import SearchOptions
from keras_attention.errors import UserError

from .data_options import EmbeddedData
from .label_model_options import RecurrentEncoderOptions
from .labelled_data_options import EmbeddedLabels
from .labelling import LabellingRecipe, LabelTextOptions
from .model_options import RecurrentOptions, TransformerOptions
from .recipe import FitOptions, Recipe, ScoreOptions, TextOptions


@dataclasses.dataclass(frozen=True)
class NamedRecipe:
    """A recipe with what a person wants to know before running it."""

    summary: str
    cost: str
    expected: str
    recipe: Recipe


def dates():
    """Dates as people write them, in many languages, into ISO 8601."""
    return Recipe(
        name="dates",
        data=EmbeddedData(train_size=60_000, validation_size=1_000, test_size=2_000),
        text=TextOptions(
            source_tokenizer="character",
            target_tokenizer="character",
            max_source_length=64,
            max_target_length=12,
        ),
        model=RecurrentOptions(
            cell="lstm",
            encoder_units=64,
            decoder_units=128,
            embedding_dim=64,
            dropout=0.0,
            wiring="parallel",
            attention="general",
        ),
        fit=FitOptions(
            epochs=6,
            batch_size=128,
            learning_rate=4e-3,
            warmup_steps=100,
            warmup_share=0.1,
            label_smoothing=0.0,
            steps_per_execution=10,
        ),
        score=ScoreOptions(metric="exact_match", validation_decodes=1_000, heatmaps=6),
    )


def dates_transformer():
    """The dates of `dates`, for a Transformer."""
    return dataclasses.replace(
        dates(),
        name="dates-transformer",
        model=TransformerOptions("transformer-tiny", dropout=0.0),
        fit=FitOptions(
            epochs=6,
            batch_size=128,
            learning_rate=1.5e-3,
            warmup_steps=300,
            warmup_share=0.11,
            label_smoothing=0.0,
            steps_per_execution=10,
        ),
    )


def translation():
    """Two languages, from parallel text that you give."""
    return Recipe(
        name="translation",
        text=TextOptions(
            source_tokenizer="sentencepiece",
            target_tokenizer="sentencepiece",
            vocabulary_size=3_000,
            joint_vocabulary=True,
        ),
        model=RecurrentOptions(
            encoder_units=192,
            decoder_units=320,
            wiring="bahdanau",
            attention="bahdanau",
            share_embeddings=True,
        ),
        fit=FitOptions(
            epochs=20,
            batch_size=96,
            learning_rate=2e-3,
            warmup_steps=300,
            warmup_share=0.1,
            average_decay=0.999,
        ),
        search=SearchOptions(beam_width=5, length_penalty=0.6),
        score=ScoreOptions(metric="bleu"),
    )


def languages():
    """Which language a date is written in."""
    return LabellingRecipe(
        name="languages",
        data=EmbeddedLabels(
            embedded="languages", train_size=20_000, validation_size=1_000, test_size=2_000
        ),
        text=LabelTextOptions(source_tokenizer="character", max_source_length=64),
        model=RecurrentEncoderOptions(encoder_units=64, embedding_dim=64, dropout=0.1),
        fit=FitOptions(
            epochs=4,
            batch_size=128,
            learning_rate=4e-3,
            warmup_steps=50,
            warmup_share=0.1,
            label_smoothing=0.0,
            steps_per_execution=10,
        ),
    )


def date_parts():
    """Which words of a date are its day, month, year and weekday, and in which language it is."""
    recipe = languages()
    data = dataclasses.replace(recipe.data, embedded="languages-and-parts")
    return dataclasses.replace(recipe, name="date-parts", data=data)


def _texts(name):
    """A recipe for labelled texts that you give."""
    return LabellingRecipe(
        name=name,
        text=LabelTextOptions(source_tokenizer="wordpiece", vocabulary_size=3_000, lowercase=True),
        model=RecurrentEncoderOptions(encoder_units=128, embedding_dim=128, dropout=0.4),
        fit=FitOptions(
            epochs=9,
            batch_size=64,
            learning_rate=4e-3,
            warmup_steps=50,
            warmup_share=0.1,
            average_decay=0.999,
            steps_per_execution=5,
        ),
    )


def slots():
    """What a sentence asks for, and the values in it, from tagged sentences that you give."""
    return LabellingRecipe(
        name="slots",
        text=LabelTextOptions(source_tokenizer="wordpiece", vocabulary_size=4_000, lowercase=True),
        model=RecurrentEncoderOptions(encoder_units=128, embedding_dim=128, dropout=0.4),
        fit=FitOptions(
            epochs=7,
            batch_size=64,
            learning_rate=4e-3,
            warmup_steps=50,
            warmup_share=0.1,
            label_smoothing=0.0,
            average_decay=0.999,
            steps_per_execution=5,
        ),
    )


def entities():
    """Names of things in texts, from tagged sentences that you give."""
    return LabellingRecipe(
        name="entities",
        text=LabelTextOptions(source_tokenizer="wordpiece", vocabulary_size=8_000),
        model=RecurrentEncoderOptions(encoder_units=192, embedding_dim=192, dropout=0.5),
        fit=FitOptions(
            epochs=20,
            batch_size=32,
            learning_rate=2e-3,
            warmup_steps=100,
            warmup_share=0.1,
            label_smoothing=0.0,
            average_decay=0.999,
        ),
    )


RECIPES = {
    "dates": NamedRecipe(
        summary="Dates as people write them in 40 locales, to ISO 8601 (no download)",
        cost="about 4 minutes on 2 CPU cores",
        expected="exact match >= 0.995 on 2,000 dates never trained on",
        recipe=dates(),
    ),
    "dates-transformer": NamedRecipe(
        summary="The same dates with a Transformer of 4 + 4 blocks",
        cost="about 10 minutes on 2 CPU cores",
        expected="exact match >= 0.995 on 2,000 dates never trained on",
        recipe=dates_transformer(),
    ),
    "translation": NamedRecipe(
        summary="Your own language pair: parallel files, a table or a TFDS data set",
        cost="about an hour on 2 CPU cores for 29,000 short sentences (Multi30k)",
        expected="36.4 BLEU on Multi30k en-de, test_2016_flickr (make multi30k)",
        recipe=translation(),
    ),
    "languages": NamedRecipe(
        summary="Which of 40 locales a date is written in (no download)",
        cost="about 4 minutes on 2 busy CPU cores",
        expected="accuracy >= 0.97 on 2,000 dates never trained on",
        recipe=languages(),
    ),
    "date-parts": NamedRecipe(
        summary="The same with tags for day, month, year and weekday (no download)",
        cost="about 6 minutes on 2 busy CPU cores",
        expected="F1 of spans >= 0.99, accuracy >= 0.87 (some languages write the same dates)",
        recipe=date_parts(),
    ),
    "intents": NamedRecipe(
        summary="What customers want: your own table of texts with a label each",
        cost="about 6 minutes on 2 busy CPU cores for 10,000 short texts (BANKING77)",
        expected="BANKING77 test: accuracy 90.9 % (77 intents)",
        recipe=_texts("intents"),
    ),
    "sentiment": NamedRecipe(
        summary="How texts feel about something: your own table of texts with a label each",
        cost="not measured; grows with your data",
        expected="depends on your data; not measured on a public set",
        recipe=_texts("sentiment"),
    ),
    "slots": NamedRecipe(
        summary="What a sentence asks for, and the values in it: your own tagged sentences",
        cost="about 10 minutes on 2 busy CPU cores for 13,000 short sentences (SNIPS)",
        expected="SNIPS test: F1 of spans 93.0, label 97.7 %, label and all tags 82.0 %",
        recipe=slots(),
    ),
    "entities": NamedRecipe(
        summary="Names of things in texts: your own CoNLL files",
        cost="not measured; grows with your data",
        expected="depends on your data; not measured on a public set",
        recipe=entities(),
    ),
}


def get(name):
    """The recipe of a name.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in RECIPES:
        raise UserError(f"No recipe is named {name!r}; there are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[name].recipe
