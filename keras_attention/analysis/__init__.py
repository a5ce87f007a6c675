"""What a trained model looks at: the attention weights of any Keras model, also as pictures."""

from keras_attention.analysis.attention_images import AttentionImages as AttentionImages
from keras_attention.analysis.attention_weights import attention_weights as attention_weights
