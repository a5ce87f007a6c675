"""What a translator can be made of."""

from keras_attention.errors import UserError


def check_translator_parts(model, tokenizers):
    """Refuses parts of which no translator can be made, before it is used.

    Args:
        model: what should read and make token ids.
        tokenizers: dict of what should be tokenizers, `source` and `target`.

    Raises:
        UserError: one is no tokenizer, or has more ids than the model knows; or the model reads
            frames of features, which no tokenizer makes.
    """
    for side, tokenizer in tokenizers.items():
        if not all(hasattr(tokenizer, name) for name in ("encode", "encode_source", "decode")):
            raise UserError(
                f"Expected `{side}_tokenizer` to be a tokenizer of keras_attention.text. "
                f"Received: {side}_tokenizer={tokenizer!r}"
            )
    features = getattr(model, "source_features", None)
    if features is not None:
        raise UserError(
            f"Expected a model that reads token ids, as `Translator` takes texts. Received: a "
            f"model that reads frames of {features} features; call `model.generate(frames, "
            "search)`, and `decode` of the target tokenizer on the ids of its result."
        )
    for side, tokenizer in tokenizers.items():
        known = getattr(model, f"{side}_vocabulary_size", None)
        size = getattr(tokenizer, "vocabulary_size", None)
        if None not in (known, size) and size > known:
            raise UserError(
                f"Expected a `{side}_tokenizer` of at most the {known} ids that the model was made "
                f"for. Received: {side}_tokenizer.vocabulary_size={size}"
            )
