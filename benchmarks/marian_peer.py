"""Our Transformer's weights as a Marian model of Hugging Face."""

import numpy as np
import torch
from keras import ops
from transformers import MarianConfig, MarianMTModel

from keras_attention.ops.positions import sinusoids

PAD, START, END = 0, 2, 3


def make(model, max_length=512):
    """A `MarianMTModel` that answers like a post-norm ReLU `Seq2Seq` Transformer.

    Args:
        model: `Seq2Seq` of `models.transformer(..., norm="post")`, dropout 0.
        max_length: int. Longest source or target.

    Returns:
        The model in evaluation mode.
    """
    settings, width = model.encoder.settings, model.embedding_dim
    stack = {
        "layers": settings["num_layers"],
        "attention_heads": settings["num_heads"],
        "ffn_dim": settings["feed_forward_units"],
    }
    marian = MarianMTModel(
        MarianConfig(
            vocab_size=model.source_vocabulary_size,
            decoder_vocab_size=model.target_vocabulary_size,
            share_encoder_decoder_embeddings=False,
            d_model=width,
            **{f"encoder_{name}": value for name, value in stack.items()},
            **{f"decoder_{name}": value for name, value in stack.items()},
            activation_function="relu",
            scale_embedding=True,
            max_position_embeddings=max_length,
            dropout=settings["dropout"],
            attention_dropout=settings["attention_dropout"],
            activation_dropout=0.0,
            pad_token_id=PAD,
            eos_token_id=END,
            decoder_start_token_id=START,
            forced_eos_token_id=None,
        )
    )
    _fill_stack(marian.model.encoder, model.encoder, max_length)
    _fill_stack(marian.model.decoder, model.decoder, max_length)
    _copy(marian.model.encoder.embed_tokens.weight, model.source_embedding.embeddings)
    _copy(marian.model.decoder.embed_tokens.weight, model.target_embedding.embeddings)
    _copy(marian.lm_head.weight, model.target_embedding.embeddings)
    return marian.eval()


def generate(marian, source, beam_width, length):
    """Ids of exactly `length` new tokens, `(batch, length)`."""
    source = torch.from_numpy(np.asarray(source, "int64"))
    with torch.inference_mode():
        ids = marian.generate(
            input_ids=source,
            attention_mask=(source != PAD).long(),
            num_beams=beam_width,
            do_sample=False,
            max_new_tokens=length,
            min_new_tokens=length,
            length_penalty=0.0,
        )
    return ids[:, 1:].numpy()


def _copy(parameter, variable):
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.array(ops.convert_to_numpy(variable))))


def _fill_stack(theirs, ours, max_length):
    width = theirs.embed_positions.weight.shape[1]
    positions = ops.arange(max_length, dtype="int32")
    _copy(theirs.embed_positions.weight, sinusoids(positions, width, 10000.0, "float32"))
    for layer, block in zip(theirs.layers, ours.blocks, strict=True):
        _fill_attention(layer.self_attn, block.self_attention)
        _fill_norm(layer.self_attn_layer_norm, block.around_self)
        if block.cross:
            _fill_attention(layer.encoder_attn, block.cross_attention)
            _fill_norm(layer.encoder_attn_layer_norm, block.around_cross)
        _fill_linear(layer.fc1, block.feed_forward.inner.kernel, block.feed_forward.inner.bias)
        _fill_linear(layer.fc2, block.feed_forward.outer.kernel, block.feed_forward.outer.bias)
        _fill_norm(layer.final_layer_norm, block.around_feed_forward)


def _fill_attention(theirs, ours):
    for name, linear in (
        ("query", theirs.q_proj),
        ("key", theirs.k_proj),
        ("value", theirs.v_proj),
        ("output", theirs.out_proj),
    ):
        _fill_linear(linear, getattr(ours, f"{name}_kernel"), getattr(ours, f"{name}_bias"))


def _fill_linear(theirs, kernel, bias):
    _copy(theirs.weight, ops.transpose(ops.convert_to_tensor(kernel)))
    _copy(theirs.bias, bias)


def _fill_norm(theirs, ours):
    _copy(theirs.weight, ours.normalization.gamma)
    _copy(theirs.bias, ours.normalization.beta)
