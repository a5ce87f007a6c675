"""What a recipe may not say."""

import dataclasses
import math
from typing import get_args

from keras_attention.errors import UserError

POSITIVE = {
    "data": ("word_column",),
    "fit": ("epochs", "batch_size", "learning_rate", "clip_norm", "steps_per_execution"),
    "text": ("vocabulary_size",),
    "model": (
        "encoder_units",
        "encoder_layers",
        "decoder_units",
        "decoder_layers",
        "embedding_dim",
    ),
}
NOT_NEGATIVE = {
    "data": ("train_size", "validation_size", "test_size", "train_per_label", "tag_column"),
    "fit": ("warmup_steps", "seed"),
    "score": ("validation_decodes", "heatmaps", "evidence_texts"),
}
SHARES = {"model": ("dropout", "attention_dropout"), "fit": ("label_smoothing", "average_decay")}

SUB_WORD = {"wordpiece", "sentencepiece"}


def check_numbers(recipe):
    """Raises `UserError` for a number out of its range.

    Args:
        recipe: `Recipe`.
    """
    for flag, value in _numbers(recipe):
        if not math.isfinite(value):
            raise UserError(f"{flag} must be a finite number. Received: {value}")
    for flag, value in _values(recipe, POSITIVE):
        if value <= 0:
            raise UserError(f"{flag} must be positive. Received: {value}")
    for flag, value in _values(recipe, NOT_NEGATIVE):
        if value < 0:
            raise UserError(f"{flag} must not be negative. Received: {value}")
    for flag, value in _values(recipe, SHARES):
        if not 0 <= value < 1:
            raise UserError(f"{flag} must be at least 0 and below 1. Received: {value}")
    share = recipe.fit.warmup_share
    if share is not None and not 0 < share <= 1:
        raise UserError(f"--warmup-share must be above 0 and at most 1. Received: {share}")
    if recipe.fit.seed >= 2**31:
        raise UserError(f"--seed must be below 2147483648. Received: {recipe.fit.seed}")
    limits = [name for name in vars(recipe.text) if name.startswith("max_")]
    if min(getattr(recipe.text, name) for name in limits) < 2:
        raise UserError(f"{' and '.join(map(_flag, limits))} must be at least 2.")


def check_pairs_of_options(recipe):
    """Raises `UserError` for two options that do not fit each other.

    Args:
        recipe: `Recipe`.
    """
    text = recipe.text
    if text.user_defined_symbols and not SUB_WORD & {text.source_tokenizer, text.target_tokenizer}:
        raise UserError(
            "--user-defined-symbols is for the tokenizers wordpiece and sentencepiece. Received: "
            f"--source-tokenizer {text.source_tokenizer} --target-tokenizer {text.target_tokenizer}"
        )
    if recipe.model.share_embeddings and not text.joint_vocabulary:
        raise UserError("--share-embeddings needs --joint-vocabulary.")
    if text.joint_vocabulary and text.source_tokenizer != text.target_tokenizer:
        raise UserError(
            "--joint-vocabulary needs one kind of tokenizer. Received: "
            f"--source-tokenizer {text.source_tokenizer} --target-tokenizer {text.target_tokenizer}"
        )


def check_choices(recipe):
    """Raises `UserError` for a value that is none of those that an option can have.

    Args:
        recipe: `Recipe`.
    """
    for group in filter(dataclasses.is_dataclass, vars(recipe).values()):
        for field in dataclasses.fields(group):
            check_choice(field, getattr(group, field.name))


def check_choice(field, value):
    """Raises `UserError` for a value that is none of those that an option can have.

    Args:
        field: `dataclasses.Field` of the option.
        value: what the option is to be.
    """
    choices = get_args(field.type)
    if choices and type(None) not in choices and value not in choices:
        names = ", ".join(str(choice) for choice in choices if choice != "")
        raise UserError(f"{_flag(field.name)} must be one of {names}. Received: {value}")


def fits(kind, value):
    """Whether an option of a type may have a value."""
    choices = get_args(kind)
    if type(None) in choices:  # An option that need not be given.
        (kind,) = set(choices) - {type(None)}
        return value is None or fits(kind, value)
    if choices:
        return value in choices
    return type(value) is kind or (kind is float and type(value) is int)


def foreign_options(family, families):
    """The options that other families have and this one has not.

    Args:
        family: class of options.
        families: all classes of its kind.

    Returns:
        Dict of `dataclasses.Field` by the name of the option.
    """
    own = {field.name for field in dataclasses.fields(family)}
    fields = [field for other in families for field in dataclasses.fields(other)]
    return {field.name: field for field in fields if field.name not in own}


def refuse_model_option(name, value, model, owners):
    """Raises `UserError` for an option of another family of models.

    Args:
        name: str. Name of the option.
        value: what the option was to be.
        model: str. The model that was asked for.
        owners: str. What the models are called that have the option.
    """
    raise UserError(f"{_flag(name)} is for {owners}. Received: {value} with --model {model}")


def refuse_data_option(family, name, value):
    """Raises `UserError` for an option of another kind of data.

    Args:
        family: class of options of the data that was asked for.
        name: str. Name of the option.
        value: what the option was to be.
    """
    what = family.__doc__.partition(".")[0].partition(":")[0].lower()
    raise UserError(f"{_flag(name)} does not fit this data ({what}). Received: {value}")


def refuse_task_option(name, value):
    """Raises `UserError` for an option of the data of another task.

    Args:
        name: str. Name of the option.
        value: what the option was to be.
    """
    raise UserError(f"{_flag(name)} is for data of another task. Received: {value}")


def check_selectors(selectors, named, at_least=1):
    """Raises `UserError` where not exactly one kind of data is named.

    Args:
        selectors: names of the options that each name a kind of data.
        named: list of those that are given.
        at_least: int. 0 where none need be named yet.
    """
    if not at_least <= len(named) <= 1:
        flags = ", ".join(map(_flag, selectors))
        given = ", ".join(map(_flag, named)) or "none"
        raise UserError(f"Exactly one of {flags} must say where pairs come from. Received: {given}")


def check_model(model, family):
    """Raises `UserError` for options of a model that do not fit each other.

    Args:
        model: options of a model.
        family: class of options that the model should have.
    """
    if not isinstance(model, family):
        raise UserError(
            f"--model {model.model} has {family.__name__}, made by ModelOptions({model.model!r}, "
            f"...). Received: {type(model).__name__}"
        )
    attention, position = (getattr(model, name, None) for name in ("attention", "position"))
    if position not in (None, "sinusoidal", "rotary") and attention != "full":
        # Needs Keras, which is slow to import.
        from keras_attention.models.self_attentions import has_scores

        if not has_scores(attention.replace("-", "_")):
            raise UserError(
                f"--attention {attention} has no scores that --position {position} could change: "
                "it takes sinusoidal or rotary."
            )
    if getattr(model, "num_key_value_heads", None) is not None:
        # Needs Keras, which is slow to import.
        from keras_attention.models import TRANSFORMER_SIZES

        heads = TRANSFORMER_SIZES[model.model.removeprefix("transformer-")]["num_heads"]
        if model.num_key_value_heads < 1 or heads % model.num_key_value_heads:
            raise UserError(
                f"--num-key-value-heads must divide the {heads} heads of --model {model.model}. "
                f"Received: {model.num_key_value_heads}"
            )


def check_search(recipe):
    """Raises `UserError` for options that make no search.

    Args:
        recipe: `Recipe`.
    """
    from keras_attention.decoding import make_search  # Needs Keras, which is slow to import.

    make_search(recipe.search, recipe.text.max_target_length)


def _numbers(recipe):
    for group in filter(dataclasses.is_dataclass, vars(recipe).values()):
        for name, value in vars(group).items():
            if isinstance(value, int | float):
                yield _flag(name), value


def _values(recipe, table):
    for group, names in table.items():
        for name in names:
            value = getattr(getattr(recipe, group), name, None)
            if value is not None:  # An option of another family, or one that need not be given.
                yield _flag(name), value


def _flag(name):
    return "--" + name.replace("_", "-")
