"""Where queries and keys stand: layers on embeddings, and parts of multi-head attention."""

from keras_attention.layers.positions.alibi_position import ALiBiPosition as ALiBiPosition
from keras_attention.layers.positions.learned_position import LearnedPosition as LearnedPosition
from keras_attention.layers.positions.position import Position as Position
from keras_attention.layers.positions.rotary_position import RotaryPosition as RotaryPosition
from keras_attention.layers.positions.rotary_scaling import LinearScaling as LinearScaling
from keras_attention.layers.positions.rotary_scaling import NTKScaling as NTKScaling
from keras_attention.layers.positions.rotary_scaling import RotaryScaling as RotaryScaling
from keras_attention.layers.positions.rotary_scaling import YaRNScaling as YaRNScaling
from keras_attention.layers.positions.shaw_position import ShawPosition as ShawPosition
from keras_attention.layers.positions.sinusoidal_position import (
    SinusoidalPosition as SinusoidalPosition,
)
from keras_attention.layers.positions.t5_position import T5Position as T5Position
from keras_attention.layers.positions.transformer_xl_position import (
    TransformerXLPosition as TransformerXLPosition,
)
