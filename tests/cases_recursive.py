"""The attentions whose weights depend on those of the query position before."""

import keras
from layer_checks import LayerCase

from keras_attention.layers import BahdanauAttention
from keras_attention.layers.alignment.location_sensitive_attention import LocationSensitiveAttention
from keras_attention.layers.alignment.monotonic_attention import MonotonicAttention
from keras_attention.layers.alignment.monotonic_chunkwise_attention import (
    MonotonicChunkwiseAttention,
)


@keras.saving.register_keras_serializable("tests")
class SoftMonotonicAttention(MonotonicAttention):
    """Soft in inference too, as the checks do not train."""

    def walks_softly(self, training):
        return True


@keras.saving.register_keras_serializable("tests")
class SoftMonotonicChunkwiseAttention(MonotonicChunkwiseAttention):
    def walks_softly(self, training):
        return True


def location_sensitive(**options):
    return LocationSensitiveAttention(17, filters=19, kernel_size=3, **options)


def cumulative(**options):
    return LocationSensitiveAttention(17, filters=19, kernel_size=3, cumulative=True, **options)


def over_bahdanau(layer, *arguments):
    """A function that makes the layer; without an offset the hard walk stops at every other key."""

    def make(**options):
        inner = BahdanauAttention(17, normalize=True, dtype=options.get("dtype"))
        return layer(inner, *arguments, initial_offset=0.0, **options)

    return make


OPTIONS = {"noise": 0.5, "dropout": 0.25, "seed": 31}
HARD = {"gradients": "a hard alignment has no gradient; the soft one has its own row"}


def monotonic(layer, *arguments, leaves_out=None):
    make = over_bahdanau(layer, *arguments)
    rest = {"options": OPTIONS, "leaves_out": leaves_out or {}}
    return LayerCase(make, query_dim=7, key_dim=11, **rest)


CASES = {
    "recursive_location_sensitive": LayerCase(location_sensitive, query_dim=7, key_dim=11),
    "recursive_location_sensitive_cumulative": LayerCase(cumulative, query_dim=7, key_dim=11),
    "recursive_monotonic": monotonic(MonotonicAttention, leaves_out=HARD),
    "recursive_monotonic_soft": monotonic(SoftMonotonicAttention),
    "recursive_monotonic_chunkwise": monotonic(MonotonicChunkwiseAttention, 2, leaves_out=HARD),
    "recursive_monotonic_chunkwise_soft": monotonic(SoftMonotonicChunkwiseAttention, 2),
}
