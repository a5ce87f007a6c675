"""Attention in linear time by other algebra than softmax, or by fewer keys."""

from keras_attention.layers.efficient.linear_attention import LinearAttention as LinearAttention
from keras_attention.layers.efficient.linformer_attention import (
    LinformerAttention as LinformerAttention,
)
from keras_attention.layers.efficient.memory_compressed_attention import (
    MemoryCompressedAttention as MemoryCompressedAttention,
)
from keras_attention.layers.efficient.performer_attention import (
    PerformerAttention as PerformerAttention,
)
