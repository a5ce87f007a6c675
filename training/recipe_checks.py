"""What a recipe may not say."""

from keras_attention.errors import UserError

POSITIVE = {
    "fit": ("epochs", "batch_size", "learning_rate", "clip_norm", "steps_per_execution"),
    "search": ("beam_width",),
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
    "data": ("train_size", "validation_size", "test_size"),
    "fit": ("warmup_steps", "seed"),
    "search": ("coverage_penalty",),
    "score": ("validation_decodes", "heatmaps"),
}
SHARES = {"model": ("dropout",), "fit": ("label_smoothing", "average_decay")}


def check_numbers(recipe):
    """Raises `UserError` for a number out of its range.

    Args:
        recipe: `Recipe`.
    """
    for flag, value in _values(recipe, POSITIVE):
        if value <= 0:
            raise UserError(f"{flag} must be positive. Received: {value}")
    for flag, value in _values(recipe, NOT_NEGATIVE):
        if value < 0:
            raise UserError(f"{flag} must not be negative. Received: {value}")
    for flag, value in _values(recipe, SHARES):
        if not 0 <= value < 1:
            raise UserError(f"{flag} must be at least 0 and below 1. Received: {value}")
    if recipe.fit.seed >= 2**31:
        raise UserError(f"--seed must be below 2147483648. Received: {recipe.fit.seed}")
    if min(recipe.text.max_source_length, recipe.text.max_target_length) < 2:
        raise UserError("--max-source-length and --max-target-length must be at least 2.")


def check_pairs_of_options(recipe):
    """Raises `UserError` for two options that do not fit each other.

    Args:
        recipe: `Recipe`.
    """
    text = recipe.text
    if recipe.model.share_embeddings and not text.joint_vocabulary:
        raise UserError("--share-embeddings needs --joint-vocabulary.")
    if text.joint_vocabulary and text.source_tokenizer != text.target_tokenizer:
        raise UserError(
            "--joint-vocabulary needs one kind of tokenizer. Received: "
            f"--source-tokenizer {text.source_tokenizer} --target-tokenizer {text.target_tokenizer}"
        )


def _values(recipe, table):
    for group, names in table.items():
        for name in names:
            yield "--" + name.replace("_", "-"), getattr(getattr(recipe, group), name)
