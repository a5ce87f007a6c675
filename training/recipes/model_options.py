"""Options of the model of a training run, one class for each family of models."""

import dataclasses
from typing import Literal

from .kinds import ModelKinds

ModelKind = Literal[
    "recurrent", "transformer-tiny", "transformer-small", "transformer-base", "transformer-big"
]


@dataclasses.dataclass(frozen=True)
class CommonModelOptions:
    """What every family of models has."""

    model: ModelKind = "recurrent"
    """Family and size: a recurrent model, or a Transformer (tiny 4+4 blocks of width 128, small
    3+3 of 256, base 6+6 of 512, big 6+6 of 1024)."""
    dropout: float = 0.3
    """Dropout rate of the features, around every layer."""
    tie_embeddings: bool = True
    """Use the target embedding as the output projection too."""
    share_embeddings: bool = False
    """Use one embedding for source and target; needs --joint-vocabulary."""


@dataclasses.dataclass(frozen=True)
class RecurrentOptions(CommonModelOptions):
    """A recurrent encoder and decoder with attention."""

    cell: Literal["lstm", "gru"] = "gru"
    """Kind of recurrent cell."""
    encoder_units: int = 256
    """State size of each direction of the encoder."""
    encoder_layers: int = 1
    """Layers of the encoder."""
    bidirectional: bool = True
    """Read the source in both directions."""
    decoder_units: int = 256
    """State size of the decoder."""
    decoder_layers: int = 1
    """Layers of the decoder."""
    wiring: Literal["bahdanau", "input-feeding", "parallel"] = "parallel"
    """Where the context vector goes: into the recurrent cell (bahdanau); to the output and into the
    cell of the next step (input-feeding, Luong et al. 2015); only to the output, which trains in
    one pass (parallel)."""
    attention: Literal["bahdanau", "dot", "scaled-dot", "general", "concat"] = "general"
    """Attention score: additive (bahdanau), scaled dot product, or one of Luong et al. 2015 (dot,
    general, concat)."""
    embedding_dim: int = 256
    """Width of the token embeddings."""


@dataclasses.dataclass(frozen=True)
class TransformerOptions(CommonModelOptions):
    """A Transformer of a named size, which fixes its width, heads and number of blocks."""

    model: ModelKind = "transformer-tiny"
    """Family and size: a recurrent model, or a Transformer (tiny 4+4 blocks of width 128, small
    3+3 of 256, base 6+6 of 512, big 6+6 of 1024)."""
    attention: Literal[
        "full",
        "sliding-window",
        "strided",
        "fixed",
        "linear",
        "performer",
        "talking-heads",
        "output-gate",
        "query-key-norm",
        "learned-sinks",
        "sparsemax",
        "entmax15",
        "sigmoid",
    ] = "full"
    """Self-attention of every block: full; sparse (sliding-window of 32 tokens to each side,
    strided, fixed); linear in the length (linear, performer); an extension of full attention
    (talking-heads, output-gate, query-key-norm, learned-sinks), or full attention with another
    normalizer than softmax (sparsemax, entmax15, sigmoid)."""
    norm: Literal["pre", "post"] = "pre"
    """Where a Transformer normalizes: before each sublayer, or after it (Vaswani et al. 2017)."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Activation function of the feed-forward networks."""
    attention_dropout: float = 0.0
    """Dropout rate of the attention weights."""
    num_key_value_heads: int | None = None
    """Heads of keys and values, shared by groups of query heads; as many as query heads if not
    given."""
    position: Literal["sinusoidal", "rotary", "alibi", "shaw", "t5", "transformer-xl"] = (
        "sinusoidal"
    )
    """Position encoding: added to the embeddings (sinusoidal), or inside the attention of every
    block."""


SEQ2SEQ = ModelKinds(
    CommonModelOptions,
    {"recurrent": RecurrentOptions, "transformer": TransformerOptions},
    {"recurrent": "the recurrent model", "transformer": "Transformers"},
)
MODEL_FAMILIES = SEQ2SEQ.families
model_family = SEQ2SEQ.family
changed_model = SEQ2SEQ.changed


def ModelOptions(model="recurrent", **options):
    """Options of a model, of the class that its family has.

    Args:
        model: str. `"recurrent"`, or a Transformer such as `"transformer-tiny"`.
        **options: those of `RecurrentOptions` or of `TransformerOptions`.

    Returns:
        An instance of one of these classes.

    Raises:
        UserError: an option belongs to another family.

    Example:

    >>> from keras_attention.training import ModelOptions
    >>> type(ModelOptions("transformer-small", norm="post")).__name__
    'TransformerOptions'
    """
    return SEQ2SEQ.make(model, **options)
