"""Attention that selects: hard, local, monotonic, and that of earlier steps."""

from keras_attention.layers.alignment.choice_attention import ChoiceAttention as ChoiceAttention
from keras_attention.layers.alignment.hard_attention import HardAttention as HardAttention
from keras_attention.layers.alignment.local_attention import LocalAttention as LocalAttention
from keras_attention.layers.alignment.location_sensitive_attention import (
    LocationSensitiveAttention as LocationSensitiveAttention,
)
from keras_attention.layers.alignment.monotonic_attention import (
    MonotonicAttention as MonotonicAttention,
)
from keras_attention.layers.alignment.monotonic_chunkwise_attention import (
    MonotonicChunkwiseAttention as MonotonicChunkwiseAttention,
)
from keras_attention.layers.alignment.predictive_local_attention import (
    PredictiveLocalAttention as PredictiveLocalAttention,
)
from keras_attention.layers.alignment.recursive_attention import (
    RecursiveAttention as RecursiveAttention,
)
