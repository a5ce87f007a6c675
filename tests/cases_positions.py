"""Multi-head attention with each kind of position."""

import numpy as np
from cases_heads import head_case, joined, projected
from layer_checks import to_numpy

from keras_attention.layers import positions
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention

DISTANCE, VALUE_DIM = 2, 3

KINDS = {
    "none": positions.Position,
    "rotary": positions.RotaryPosition,
    "yarn": lambda: positions.RotaryPosition(
        scaling=positions.YaRNScaling(4.0, original_length=512)
    ),
    "alibi": positions.ALiBiPosition,
    "t5": lambda: positions.T5Position(num_buckets=8, max_distance=5),
    "shaw": lambda: positions.ShawPosition(DISTANCE),
    "shaw_keys_only": lambda: positions.ShawPosition(DISTANCE, relative_values=False),
    "transformer_xl": lambda: positions.TransformerXLPosition(dim=17),
}


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(position, dim=11, heads=3, key_dim=10):
    """Multi-head attention all of whose weights are random, its position's too."""
    layer = MultiHeadAttention(heads, key_dim, VALUE_DIM, position=position)
    layer.build((None, None, dim), (None, None, dim))
    for number, weight in enumerate(layer.weights):
        weight.assign(random(*weight.shape, seed=100 + number) / 3)
    return layer


def sinusoid(position, dim, base=10000.0):
    """Vaswani et al., 2017, section 3.5."""
    vector = np.zeros(dim)
    for column in range(dim):
        angle = position / base ** (2 * (column // 2) / dim)
        vector[column] = np.sin(angle) if column % 2 == 0 else np.cos(angle)
    return vector


def multiply_with_distances(layer, weights, value):
    """`sum_j w_ij (v_j + a_ij)` (Shaw et al., 2018, equation 3), in NumPy."""
    value = projected(layer, "value", value, layer.num_heads)[:, :, None]
    queries, keys = weights.shape[2:]
    distance = np.arange(keys) - np.arange(queries)[:, None]
    rows = np.clip(distance, -DISTANCE, DISTANCE) + DISTANCE
    value = value + to_numpy(layer.position.value_vectors)[rows]  # (..., query, key, value_dim)
    return joined(layer, np.einsum("bhqk,bhqkd->bhqd", weights, value))


CASES = {
    "position_rotary": head_case(position=KINDS["rotary"], key_dim=10),
    "position_rotary_grouped": head_case(
        position=KINDS["rotary"], key_dim=10, num_key_value_heads=2
    ),
    "position_rotary_yarn": head_case(position=KINDS["yarn"], key_dim=10),
    "position_alibi": head_case(position=KINDS["alibi"]),
    "position_t5": head_case(position=KINDS["t5"], num_key_value_heads=2),
    "position_shaw": head_case(
        position=KINDS["shaw"], value_dim=VALUE_DIM, multiply=multiply_with_distances
    ),
    "position_shaw_keys_only": head_case(
        position=KINDS["shaw_keys_only"], value_dim=VALUE_DIM, num_key_value_heads=2
    ),
    "position_transformer_xl": head_case(position=KINDS["transformer_xl"], num_key_value_heads=2),
}
