"""A model and a search, put together."""

from keras import ops


def generate(model, source, search, prefix=None, return_alignments=True):
    """Decodes a batch of sources.

    Args:
        model: model with `encode`, `start`, `step` and the special ids, such as `Seq2Seq`.
        source: int tensor `(batch, source)`, or float frames `(batch, source, source_features)`.
        search: a search of `keras_attention.decoding`.
        prefix: int tensor `(batch, prefix)`. Tokens each row begins with, padded with `pad_id`.
        return_alignments: bool. Whether the result holds alignments.

    Returns:
        `keras_attention.decoding.SearchResult` of tensors.
    """
    # A search of one's own needs the argument only where alignments are not wanted.
    options = {} if return_alignments else {"return_alignments": False}
    source = ops.convert_to_tensor(source)
    memory = model.encode(source)
    return search(
        model.step,
        model.start(memory, search.max_length),
        memory["mask"],
        start_id=model.start_id,
        end_id=model.end_id,
        pad_id=model.pad_id,
        prefix=prefix,
        row_keys=search.row_keys(source, memory["mask"]),
        **options,
    )
