"""Options of an encoder-only model, one class for each family of encoders."""

import dataclasses
from typing import Literal

from .kinds import ModelKinds
from .model_options import TransformerOptions

EncoderKind = Literal[
    "recurrent",
    "transformer-tiny",
    "transformer-small",
    "transformer-base",
    "transformer-big",
    "embeddings",
]
of_transformers = {field.name: field.type for field in dataclasses.fields(TransformerOptions)}


@dataclasses.dataclass(frozen=True)
class CommonEncoderOptions:
    """What every family of encoders has."""

    model: EncoderKind = "recurrent"
    """Encoder and size: recurrent layers, a Transformer (tiny 4 blocks of width 128, small 3 of
    256, base 6 of 512, big 6 of 1024), or embeddings, which have no encoder: the attention of the
    label reads the embedded tokens, whatever their order."""
    dropout: float = 0.3
    """Dropout rate of the features, around every layer."""
    crf: bool = True
    """Score whole rows of tags with a conditional random field (Lafferty et al. 2001); without it
    each tag is chosen by itself. For data with tags."""


@dataclasses.dataclass(frozen=True)
class RecurrentEncoderOptions(CommonEncoderOptions):
    """A recurrent encoder."""

    cell: Literal["lstm", "gru"] = "gru"
    """Kind of recurrent cell."""
    encoder_units: int = 128
    """State size of each direction of the encoder."""
    encoder_layers: int = 1
    """Layers of the encoder."""
    bidirectional: bool = True
    """Read the source in both directions."""
    embedding_dim: int = 128
    """Width of the token embeddings."""


@dataclasses.dataclass(frozen=True)
class EmbeddingsOptions(CommonEncoderOptions):
    """Embeddings without an encoder."""

    model: EncoderKind = "embeddings"
    """Encoder and size: recurrent layers, a Transformer (tiny 4 blocks of width 128, small 3 of
    256, base 6 of 512, big 6 of 1024), or embeddings, which have no encoder: the attention of the
    label reads the embedded tokens, whatever their order."""
    embedding_dim: int = 128
    """Width of the token embeddings."""


@dataclasses.dataclass(frozen=True)
class TransformerEncoderOptions(CommonEncoderOptions):
    """A Transformer encoder of a named size, which fixes its width, heads and number of blocks."""

    model: EncoderKind = "transformer-tiny"
    """Encoder and size: recurrent layers, a Transformer (tiny 4 blocks of width 128, small 3 of
    256, base 6 of 512, big 6 of 1024), or embeddings, which have no encoder: the attention of the
    label reads the embedded tokens, whatever their order."""
    attention: of_transformers["attention"] = "full"
    """Self-attention of every block: full; sparse (sliding-window of 32 tokens to each side,
    strided, fixed); linear in the length (linear, performer); an extension of full attention
    (talking-heads, output-gate, query-key-norm, learned-sinks), or full attention with another
    normalizer than softmax (sparsemax, entmax15, sigmoid)."""
    norm: of_transformers["norm"] = "pre"
    """Where a Transformer normalizes: before each sublayer, or after it (Vaswani et al. 2017)."""
    activation: of_transformers["activation"] = "relu"
    """Activation function of the feed-forward networks."""
    attention_dropout: float = 0.0
    """Dropout rate of the attention weights."""
    num_key_value_heads: int | None = None
    """Heads of keys and values, shared by groups of query heads; as many as query heads if not
    given."""
    position: of_transformers["position"] = "sinusoidal"
    """Position encoding: added to the embeddings (sinusoidal), or inside the attention of every
    block."""


ENCODERS = ModelKinds(
    CommonEncoderOptions,
    {
        "recurrent": RecurrentEncoderOptions,
        "transformer": TransformerEncoderOptions,
        "embeddings": EmbeddingsOptions,
    },
    {
        "recurrent": "the recurrent encoder",
        "transformer": "Transformers",
        "embeddings": "embeddings without an encoder",
    },
)


def EncoderOptions(model="recurrent", **options):
    """Options of an encoder, of the class that its family has.

    Args:
        model: str. `"recurrent"`, `"embeddings"`, or a Transformer such as `"transformer-tiny"`.
        **options: those of `RecurrentEncoderOptions`, `EmbeddingsOptions` or
            `TransformerEncoderOptions`.

    Returns:
        An instance of one of these classes.

    Raises:
        UserError: an option belongs to another family.

    Example:

    >>> from keras_attention.training import EncoderOptions
    >>> type(EncoderOptions("transformer-tiny", norm="post")).__name__
    'TransformerEncoderOptions'
    """
    return ENCODERS.make(model, **options)
