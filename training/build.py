"""Tokenizers and model as a recipe describes them."""

import keras

from keras_attention import layers, models, text
from keras_attention.layers import positions

from .recipes.checks import SUB_WORD
from .schedules import make_schedule

ATTENTIONS = {
    "bahdanau": layers.BahdanauAttention,
    "dot": lambda units: layers.LuongAttention("dot"),
    "scaled-dot": lambda units: layers.ScaledDotProductAttention(),
    "general": lambda units: layers.LuongAttention("general"),
    "concat": lambda units: layers.LuongAttention("concat", units=units),
}
DECODERS = {
    "bahdanau": models.BahdanauDecoder,
    "input-feeding": models.InputFeedingDecoder,
    "parallel": models.ParallelDecoder,
}
POSITIONS = {
    "sinusoidal": positions.SinusoidalPosition,
    "rotary": positions.RotaryPosition,
    "alibi": positions.ALiBiPosition,
    "shaw": lambda: positions.ShawPosition(16),  # Shaw et al., 2018, section 4.1.
    "t5": positions.T5Position,
    "transformer-xl": positions.TransformerXLPosition,
}
LEARNT = ("word", "wordpiece", "sentencepiece")  # Tokenizers whose vocabulary has a size to choose.


def make_tokenizers(options, pairs):
    """Source and target tokenizer, learnt from training pairs.

    Args:
        options: `TextOptions`.
        pairs: `Pairs`.

    Returns:
        Two tokenizers; one and the same for a joint vocabulary.
    """
    if options.joint_vocabulary:
        tokenizer = train_tokenizer(
            options.source_tokenizer, pairs.sources + pairs.targets, options
        )
        return tokenizer, tokenizer
    return (
        train_tokenizer(options.source_tokenizer, pairs.sources, options),
        train_tokenizer(options.target_tokenizer, pairs.targets, options),
    )


def train_tokenizer(kind, texts, options):
    """A tokenizer learned from texts.

    Args:
        kind: str. Kind of tokenizer, such as `"word"`.
        texts: list of str.
        options: `TextOptions` or `LabelTextOptions`.
    """
    of_kind = {"vocabulary_size": options.vocabulary_size} if kind in LEARNT else {}
    if kind in SUB_WORD:
        symbols = options.user_defined_symbols.split()
        of_kind |= {"byte_fallback": options.byte_fallback, "user_defined_symbols": symbols}
    return text.train(
        kind, texts, lowercase=options.lowercase, normalization=options.normalization, **of_kind
    )


def make_model(options, source_vocabulary_size, target_vocabulary_size):
    """`Seq2Seq` of `RecurrentOptions` or `TransformerOptions`."""
    if options.model == "recurrent":
        return make_recurrent_model(options, source_vocabulary_size, target_vocabulary_size)
    return models.transformer(
        options.model.removeprefix("transformer-"),
        source_vocabulary_size,
        target_vocabulary_size,
        tie_embeddings=options.tie_embeddings,
        share_embeddings=options.share_embeddings,
        **stack_settings(options),
    )


def stack_settings(options):
    """Arguments of a stack of blocks, from `TransformerOptions` or `TransformerEncoderOptions`."""
    return {
        "dropout": options.dropout,
        "norm": options.norm,
        "activation": options.activation,
        "attention_dropout": options.attention_dropout,
        "num_key_value_heads": options.num_key_value_heads,
        "position": POSITIONS[options.position](),
        "attention": None if options.attention == "full" else options.attention.replace("-", "_"),
    }


def make_recurrent_encoder(options):
    """The encoder of `RecurrentOptions` or `RecurrentEncoderOptions`."""
    return models.RecurrentEncoder(
        units=options.encoder_units,
        cell=options.cell,
        num_layers=options.encoder_layers,
        bidirectional=options.bidirectional,
        dropout=options.dropout,
    )


def make_recurrent_model(options, source_vocabulary_size, target_vocabulary_size):
    """The recurrent `Seq2Seq` of `RecurrentOptions`."""
    return models.Seq2Seq(
        encoder=make_recurrent_encoder(options),
        decoder=DECODERS[options.wiring](
            units=options.decoder_units,
            attention=ATTENTIONS[options.attention](options.decoder_units),
            cell=options.cell,
            num_layers=options.decoder_layers,
            dropout=options.dropout,
        ),
        source_vocabulary_size=source_vocabulary_size,
        target_vocabulary_size=target_vocabulary_size,
        embedding_dim=options.embedding_dim,
        tie_embeddings=options.tie_embeddings,
        share_embeddings=options.share_embeddings,
    )


def make_optimizer(options, total_steps):
    """Adam of `FitOptions` over a run of `total_steps`."""
    averaging = {}
    if options.average_decay:
        averaging = {"use_ema": True, "ema_momentum": _decay(options, total_steps)}
    return keras.optimizers.Adam(
        make_schedule(options, total_steps),
        beta_2=0.98,
        epsilon=1e-9,
        global_clipnorm=options.clip_norm,
        **averaging,
    )


def lengthen(optimizer, options, total_steps):
    """Gives the optimizer of a checkpoint the learning rates and the average of a longer run.

    Args:
        optimizer: as `make_optimizer` makes it, or `LossScaleOptimizer` around it.
        options: `FitOptions`.
        total_steps: int. Steps of the whole run, those done included.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    optimizer.learning_rate = make_schedule(options, total_steps)
    if options.average_decay:
        optimizer.ema_momentum = _decay(options, total_steps)


def _decay(options, total_steps):
    # The average starts at the first weights: it must forget them well within the run.
    return min(options.average_decay, max(0.0, 1 - 10 / total_steps))
