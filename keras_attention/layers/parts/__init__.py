"""Small additions to multi-head attention, one class a file, that can be combined."""

from keras_attention.layers.parts.head_part import HeadPart as HeadPart
from keras_attention.layers.parts.learned_sinks import LearnedSinks as LearnedSinks
from keras_attention.layers.parts.output_gate import OutputGate as OutputGate
from keras_attention.layers.parts.query_key_norm import QueryKeyNorm as QueryKeyNorm
from keras_attention.layers.parts.talking_heads import TalkingHeads as TalkingHeads
