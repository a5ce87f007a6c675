"""Models that were trained in half precision, as the same model in single precision.

Half precision rounds otherwise on every machine and in every runtime, so that no file could be
proved to answer the same. The variables of a mixed policy are float32 already, and float32 holds
every number of a half-precision variable: nothing is lost.
"""

from collections.abc import Mapping

import keras

HALF = ("float16", "bfloat16")


def half_policies(model):
    """Names of the dtype policies that let a part of a model compute in half precision.

    Args:
        model: `keras.Model` with a config, such as `keras_attention.models.Seq2Seq`.

    Returns:
        Sorted list of str, such as `["mixed_float16"]`; empty for a model in single precision.
    """
    policies = _policies(model.get_config())
    return sorted({policy.name for policy in policies if _is_half(policy)})


def in_float32(model):
    """The model itself where it computes in single precision, else its twin that does.

    Args:
        model: `keras.Model` with a config.

    Returns:
        A model of the same class and weights.
    """
    if not half_policies(model):
        return model
    twin = type(model).from_config(_without_half(model.get_config()))
    twin.set_weights(model.get_weights())
    return twin


def _policies(config):
    """All dtype policies in a config, one after the other."""
    if isinstance(config, list | tuple):
        for item in config:
            yield from _policies(item)
    elif isinstance(config, dict):
        for key, value in config.items():
            if key == "dtype" and value is not None:
                yield keras.dtype_policies.get(value)
            else:
                yield from _policies(value)


def _without_half(config):
    """A config whose half-precision policies are float32."""
    if isinstance(config, list | tuple):
        return [_without_half(item) for item in config]
    if not isinstance(config, dict):
        return config
    changed = {}
    for key, value in config.items():
        if key != "dtype" or value is None:
            changed[key] = _without_half(value)
        else:
            half = _is_half(keras.dtype_policies.get(value))
            changed[key] = "float32" if half else value
    return changed


def _is_half(policy):
    """Whether a policy, or one that a `DTypePolicyMap` holds, computes in half precision."""
    parts = policy.values() if isinstance(policy, Mapping) else ()
    return any(part.compute_dtype in HALF for part in (policy, *parts))
