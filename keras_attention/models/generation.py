"""A model and a search, put together."""

from keras import ops


def generate(model, source, search, prefix=None, return_alignments=True, source_mask=None):
    """Decodes a batch of sources.

    Args:
        model: model with `encode`, `start`, `step` and the special ids, such as `Seq2Seq`.
        source: int tensor `(batch, source)`, or float frames `(batch, source, source_features)`.
        search: a search of `keras_attention.decoding`.
        prefix: int tensor `(batch, prefix)`. Tokens each row begins with, padded with `pad_id`.
        return_alignments: bool. Whether the result holds alignments.
        source_mask: bool tensor `(batch, source)`, True at real positions; the model's own idea of
            padding if None.

    Returns:
        `keras_attention.decoding.SearchResult` of tensors.
    """
    source = ops.convert_to_tensor(source)
    if source_mask is not None:
        source_mask = ops.convert_to_tensor(source_mask)
    rows, length = source.shape[:2]
    if 0 not in (rows, length):
        return _search(model, source, search, prefix, return_alignments, source_mask)
    # Loops and cells take no empty tensors: one row or position of padding, cut off afterwards.
    fill = model.pad_id if len(source.shape) == 2 else 0
    source = _one_if_none(source, 2, fill)
    prefix = None if prefix is None else _one_if_none(ops.convert_to_tensor(prefix), 1, fill)
    found = _search(model, source, search, prefix, return_alignments, None)
    if found.alignments is not None:
        found = found._replace(alignments=found.alignments[..., :length])
    return type(found)(*(None if field is None else field[:rows] for field in found))


def check_source(model, source, source_mask=None):
    """Raises ValueError for sources that a model, or one of an `Ensemble`, refuses.

    Args:
        model: see `generate`. One that refuses sources has `check_source(source, source_mask)`.
        source, source_mask: see `generate`.
    """
    for one in getattr(model, "models", [model]):
        if hasattr(one, "check_source"):
            one.check_source(source, source_mask)


def _search(model, source, search, prefix, return_alignments, source_mask):
    # A custom model or search needs an argument only where it is given.
    options = {} if return_alignments else {"return_alignments": False}
    masked = {} if source_mask is None else {"source_mask": source_mask}
    memory = model.encode(source, **masked)
    return search(
        model.step,
        model.start(memory, search.max_length),
        memory["mask"],
        start_id=memory.get("start_id", model.start_id),  # the last token of a prompt
        end_id=model.end_id,
        pad_id=model.pad_id,
        prefix=prefix,
        row_keys=search.row_keys(source, memory["mask"]),
        **options,
    )


def _one_if_none(x, axes, fill):
    """A tensor that is not empty along the first axes: `fill` stands where nothing stood."""
    sizes = [(0, int(axis < axes and size == 0)) for axis, size in enumerate(x.shape)]
    return ops.pad(x, sizes, constant_values=fill)
