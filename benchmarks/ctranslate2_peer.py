"""Our Transformer's weights as a CTranslate2 model."""

from pathlib import Path

import ctranslate2
import numpy as np
from ctranslate2.specs import TransformerSpec
from ctranslate2.specs.common_spec import Activation
from keras import ops

from keras_attention.ops.positions import sinusoids

SPECIAL = ["<blank>", "<unk>", "<s>", "</s>"]


def tokens(size):
    """A token for every id; the special ones first."""
    return SPECIAL + [f"t{number}" for number in range(len(SPECIAL), size)]


def write(model, folder, quantization=None):
    """Writes a post-norm ReLU `Seq2Seq` Transformer as a CTranslate2 model.

    Args:
        model: `Seq2Seq` of `models.transformer(..., norm="post")`.
        folder: str, where to write.
        quantization: None or "int8".
    """
    settings = model.encoder.settings
    spec = TransformerSpec.from_config(
        settings["num_layers"], settings["num_heads"], pre_norm=False, activation=Activation.RELU
    )
    _fill_stack(spec.encoder, model.encoder)
    _fill_stack(spec.decoder, model.decoder)
    spec.encoder.embeddings[0].weight = _array(model.source_embedding.embeddings)
    spec.decoder.embeddings.weight = _array(model.target_embedding.embeddings)
    spec.decoder.projection.weight = _array(model.target_embedding.embeddings)
    spec.register_source_vocabulary(tokens(model.source_vocabulary_size))
    spec.register_target_vocabulary(tokens(model.target_vocabulary_size))
    spec.config.decoder_start_token = "<s>"
    spec.config.layer_norm_epsilon = 1e-5
    spec.validate()
    spec.optimize(quantization=quantization)
    Path(folder).mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def translator(folder, compute_type="float32"):
    """One worker of one thread: CTranslate2's best setting for a small model on a CPU."""
    return ctranslate2.Translator(
        str(folder),
        device="cpu",
        compute_type=compute_type,
        inter_threads=1,
        intra_threads=1,
    )


def _array(variable):
    return np.array(ops.convert_to_numpy(variable), order="C")


def _fill_stack(spec, stack):
    width = stack.blocks[0].self_attention.output_kernel.shape[1]
    positions = ops.arange(512, dtype="int32")
    spec.position_encodings.encodings = _array(sinusoids(positions, width, 10000.0, "float32"))
    for layer, block in zip(spec.layer, stack.blocks, strict=True):
        _fill_attention(layer.self_attention, block.self_attention, ["query", "key", "value"])
        _fill_norm(layer.self_attention.layer_norm, block.around_self)
        if block.cross:
            _fill_attention(layer.attention, block.cross_attention, ["query"], ["key", "value"])
            _fill_norm(layer.attention.layer_norm, block.around_cross)
        _fill_linear(layer.ffn.linear_0, block.feed_forward.inner)
        _fill_linear(layer.ffn.linear_1, block.feed_forward.outer)
        _fill_norm(layer.ffn.layer_norm, block.around_feed_forward)


def _fill_attention(spec, attention, *groups):
    for linear, names in zip(spec.linear, [*groups, ["output"]], strict=True):
        kernels = [_array(getattr(attention, f"{name}_kernel")) for name in names]
        biases = [_array(getattr(attention, f"{name}_bias")) for name in names]
        linear.weight = np.ascontiguousarray(np.concatenate(kernels, axis=1).T)
        linear.bias = np.concatenate(biases)


def _fill_linear(spec, dense):
    spec.weight = np.ascontiguousarray(_array(dense.kernel).T)
    spec.bias = _array(dense.bias)


def _fill_norm(spec, sublayer):
    spec.gamma = _array(sublayer.normalization.gamma)
    spec.beta = _array(sublayer.normalization.beta)
