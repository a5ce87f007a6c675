"""Multi-head layers under names of their own, and rotary positions scaled to longer texts."""

from cases_heads import head_case

from keras_attention import layers


def scaled(scaling):
    return lambda: layers.RotaryPosition(scaling=scaling)


CASES = {
    "preset_multi_query": head_case(layers.MultiQueryAttention),
    "preset_grouped_query": head_case(layers.GroupedQueryAttention, num_key_value_heads=3),
    "rotary_linear_scaling": head_case(position=scaled(layers.LinearScaling(3.0)), key_dim=10),
    "rotary_ntk_scaling": head_case(position=scaled(layers.NTKScaling(3.0)), key_dim=10),
}
