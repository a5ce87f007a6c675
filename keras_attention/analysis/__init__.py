"""What a trained model looks at: its attention weights, its evidence, and whether that is true."""

from keras_attention.analysis.attention_images import AttentionImages as AttentionImages
from keras_attention.analysis.attention_weights import attention_weights as attention_weights
from keras_attention.analysis.erasure import Erasure as Erasure
from keras_attention.analysis.erasure import erase as erase
from keras_attention.analysis.erasure import erasure as erasure
from keras_attention.analysis.evidence import evidence as evidence
