"""Transformers of named sizes."""

from keras_attention.models.seq2seq import Seq2Seq
from keras_attention.models.transformer_decoder import TransformerDecoder
from keras_attention.models.transformer_encoder import TransformerEncoder

TRANSFORMER_SIZES = {
    "tiny": {"num_layers": 4, "width": 128, "num_heads": 4, "feed_forward_units": 256},
    "small": {"num_layers": 3, "width": 256, "num_heads": 4, "feed_forward_units": 1024},
    "base": {"num_layers": 6, "width": 512, "num_heads": 8, "feed_forward_units": 2048},
    "big": {"num_layers": 6, "width": 1024, "num_heads": 16, "feed_forward_units": 4096},
}


def transformer(
    size,
    source_vocabulary_size,
    target_vocabulary_size,
    share_embeddings=False,
    tie_embeddings=True,
    alignment_layer=-1,
    alignment_head=None,
    dtype=None,
    **settings,
):
    """Transformer of a named size.

    | size | blocks | width | heads | feed-forward |
    |---|---|---|---|---|
    | tiny | 4 + 4 | 128 | 4 | 256 |
    | small | 3 + 3 | 256 | 4 | 1024 |
    | base | 6 + 6 | 512 | 8 | 2048 |
    | big | 6 + 6 | 1024 | 16 | 4096 |

    "base" and "big" are those of Vaswani et al., 2017, table 3, with the norm before each
    sublayer unless `norm="post"` is given.

    Args:
        size: `"tiny"`, `"small"`, `"base"` or `"big"`.
        source_vocabulary_size: int.
        target_vocabulary_size: int.
        share_embeddings: bool. Whether source and target use one embedding; with `tie_embeddings`
            the output projection too (three-way).
        tie_embeddings: bool. Whether the target embedding is also the output projection.
        alignment_layer: int. Decoder block whose cross-attention is the alignment.
        alignment_head: int. Head of that block, or None for the mean over all.
        dtype: dtype policy of the model.
        **settings: Further arguments of both `TransformerEncoder` and `TransformerDecoder`, such as
            `dropout`, `norm`, `activation`, `position`, `num_key_value_heads`, `attention`.

    Returns:
        A `Seq2Seq`.

    Example:

    >>> model = keras_attention.models.transformer("tiny", 11, 13)
    >>> ids = np.array([[2, 5, 4, 3]], "int32")
    >>> tuple(model({"source": ids, "target": ids}).shape)
    (1, 4, 13)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need".
    """
    if size not in TRANSFORMER_SIZES:
        raise ValueError(
            f"`size` must be one of {sorted(TRANSFORMER_SIZES)}. Received: size={size!r}"
        )
    stack = {**TRANSFORMER_SIZES[size], **settings, "dtype": dtype}
    width = stack.pop("width")
    encoder = TransformerEncoder(**stack)
    alignment = {"alignment_layer": alignment_layer, "alignment_head": alignment_head}
    return Seq2Seq(
        encoder,
        # From its configuration, so that no position belongs to both stacks.
        TransformerDecoder.from_config({**encoder.get_config(), **alignment, "name": None}),
        source_vocabulary_size,
        target_vocabulary_size,
        embedding_dim=width,
        tie_embeddings=tie_embeddings,
        share_embeddings=share_embeddings,
        dtype=dtype,
    )
