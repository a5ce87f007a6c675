"""What a labeller can be made of."""

from keras_attention.errors import UserError
from keras_attention.models import ClassificationHead, TaggingHead
from keras_attention.translator_parts import check_translator_parts

HEADS = {"labels": ClassificationHead, "tags": TaggingHead}


def check_labeller_parts(model, source, target):
    """Refuses parts of which no labeller can be made, before it is used.

    Args:
        model: what should be an `EncoderModel`.
        source: what should be a tokenizer.
        target: what should be `LabelsAndTags`.

    Raises:
        UserError: one is something else, or they do not fit each other.
    """
    check_translator_parts(model, {"source": source})
    parts = getattr(target, "parts", None)
    if not isinstance(parts, dict) or not set(parts) <= set(HEADS):
        raise UserError(
            f"Expected `target` to be codecs.LabelsAndTags. Received: target={target!r}"
        )
    heads = dict(getattr(model, "heads", {}))
    if len(heads) == len(parts) == 1:  # One head need have no name.
        heads = dict(zip(parts, heads.values(), strict=True))
    if set(heads) != set(parts) or not all(isinstance(heads[part], HEADS[part]) for part in parts):
        expected = ", ".join(f"{part!r}: {HEADS[part].__name__}" for part in parts)
        raise UserError(
            f"Expected a model with the heads {{{expected}}}: `target` has {' and '.join(parts)}. "
            f"Received: heads={heads}"
        )
    for part, codec in parts.items():
        count = heads[part].num_labels if part == "labels" else heads[part].num_tags
        if count != len(codec.names):
            raise UserError(
                f"Expected a head of {len(codec.names)} {part}, as many as the codec has names. "
                f"Received: {count}"
            )
    if "labels" in parts:
        _check_kind(heads["labels"].kind, parts["labels"].several)
    if "tags" in parts and not heads["tags"].words:
        raise UserError("Expected TaggingHead(words=True): each word has one tag.")


def _check_kind(kind, several):
    if kind == "numeric":
        raise UserError(
            "Expected a head that gives labels. Received: ClassificationHead(kind='numeric'); "
            "`EncoderModel.answer` gives its numbers."
        )
    if (kind == "several") != several:
        raise UserError(
            "Expected a head of the kind 'several' with Labels(several=True), and another kind "
            f"without. Received: kind={kind!r}, several={several}"
        )
