"""A model trained in half precision is exported as the same weights in single precision."""

import keras
import numpy as np
import pytest
from tiny_translators import tiny_recurrent_model, tiny_transformer

from keras_attention import models
from keras_attention.export.precision import half_policies, in_float32

IDS = {
    "source": np.array([[4, 7, 5, 3], [9, 3, 0, 0]], "int32"),
    "target": np.array([[2, 5, 11], [2, 12, 4]], "int32"),
}
FAMILIES = {
    "recurrent": lambda policy: tiny_recurrent_model(11, 13, "bahdanau", "lstm", 2, policy),
    "transformer": lambda policy: tiny_transformer(11, 13, policy),
    "ensemble": lambda policy: models.Ensemble(
        [tiny_transformer(11, 13, policy), tiny_recurrent_model(11, 13, "parallel", "gru", 1)]
    ),
}


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_twin_is_the_model_in_single_precision(family, policy):
    mixed, single = FAMILIES[family](policy), FAMILIES[family](None)
    single.set_weights(mixed.get_weights())
    assert half_policies(mixed) == [policy]
    # As in a process that trained: what is not said must not be half precision either.
    keras.mixed_precision.set_global_policy(policy)
    try:
        twin = in_float32(mixed)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert half_policies(twin) == []
    np.testing.assert_array_equal(twin(IDS), single(IDS))
    assert not np.array_equal(np.asarray(mixed(IDS), "float32"), single(IDS))


def test_a_model_in_single_precision_is_its_own_twin():
    model = tiny_transformer(11, 13)
    assert half_policies(model) == []
    assert in_float32(model) is model


def test_the_policies_of_a_map_count_too():
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["part"] = keras.DTypePolicy("bfloat16")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype=policies)])
    assert half_policies(model) == [policies.name]
    twin = in_float32(model)
    assert half_policies(twin) == []
    assert twin.layers[0].dtype_policy.name == "float32"
    for weight, expected in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.exhaustive  # for the bundle that nothing else needs
def test_a_bundle_says_what_its_model_was_trained_in(lstm, gru, transformer):
    """Both families: that the bundles answer like float32, the tests of exported files prove."""
    assert lstm.manifest["trained_in"] == "float32"
    assert gru.manifest["trained_in"] == "mixed_float16"
    assert transformer.manifest["trained_in"] == "mixed_bfloat16"
