"""The weights of Keras' own multi-head layers, in a layer of this library."""

import keras
from keras import ops

from keras_attention.layers.base.attention_axes import AttentionAxes
from keras_attention.layers.parts.output_gate import OutputGate
from keras_attention.ops import normalizers

NAMES = {"query": "query", "key": "key", "value": "value", "attention_output": "output"}


def copy_weights(source, target):
    """Gives a layer the weights of one of Keras, so that it gives the same outputs.

    Args:
        source: A built `keras.layers.MultiHeadAttention` or `GroupQueryAttention`.
        target: A `MultiHeadAttention` of this library; built here where it is not.

    Raises:
        ValueError: If the source is another layer, not built, of other sizes, or computes something
            else.
    """
    kinds = keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention
    if not isinstance(source, kinds) or not source.built:
        raise ValueError(
            "Expected `layer` to be a keras.layers.MultiHeadAttention or GroupQueryAttention "
            f"that is built: call it once. Received: layer={source!r}"
        )
    _check_settings(source, target)
    weights = {tuple(weight.path.split("/")[-2:]): weight for weight in source.weights}
    weights = {key: weight for key, weight in weights.items() if key[1] in ("kernel", "bias")}
    unknown = [w.path for w in source.weights if not any(w is known for known in weights.values())]
    unknown = [path for path in unknown if not path.endswith("seed_generator_state")]
    if unknown or any(weight.dtype == "int8" for weight in weights.values()):
        raise ValueError(
            "Expected a layer without adapters and quantized weights. Received: layer with "
            f"{[weight.path for weight in source.weights]}"
        )
    _build_like(target, weights)
    if ("gate", "kernel") in weights and ("gate", "bias") not in weights:
        weights["gate", "bias"] = ops.zeros(weights["gate", "kernel"].shape[1:])
    for place, weight in _pairs(weights, target, source):
        place.assign(ops.reshape(weight, place.shape))


def _check_settings(source, target):
    """Refuses a target whose settings have it compute something else."""
    theirs, ours = _settings_of_keras(source), _settings(target, _rank(source))
    differ = [name for name in theirs if theirs[name] != ours[name]]
    if differ:
        expected, received = (
            ", ".join(f"{name}={one[name]!r}" for name in differ) for one in (theirs, ours)
        )
        raise ValueError(
            f"Expected {target.name!r} to compute what {source.name!r} does: {expected}. "
            f"Received: {received}. (A window is that of `SlidingWindowAttention`.)"
        )


def _settings_of_keras(source):
    config = source.get_config()
    window = config.get("sliding_window")
    return {
        "score": "scaled dot product",
        "normalizer": "softmax",
        "position": None,
        "parts": ["OutputGate"] if config.get("use_gate") else [],
        "attention_axes": _chosen(config.get("attention_axes"), _rank(source)),
        "window": None if window is None else (window - 1, window - 1),
    }


def _settings(target, rank):
    pattern = getattr(target, "pattern", None)
    window = None if pattern is None else pattern._reach() or type(pattern).__name__
    # Whether its heads are projected, scored and joined as in the paper.
    is_scaled = (
        target._has_dot_product_scores and target._has_plain_weights and target._has_plain_heads
    )
    is_softmax = target.normalizer is normalizers.softmax
    return {
        "score": "scaled dot product" if is_scaled else type(target).__name__,
        "normalizer": "softmax" if is_softmax else target.normalizer,
        "position": None if target.position is None else type(target.position).__name__,
        "parts": [type(part).__name__ for part in target.parts],
        "attention_axes": _chosen(target.attention_axes, rank),
        "window": window,
    }


def _rank(source):
    """The number of axes of the queries for which Keras' layer was built."""
    shapes = (source.get_build_config() or {}).get("shapes_dict", {})
    return len(shapes.get("query_shape", (None,) * 3))


def _chosen(axes, rank):
    return tuple(sorted(AttentionAxes(axes, rank, goes_by_order=False).chosen))


def _build_like(target, weights):
    if not target.built:
        query, key, value = ((None, None, weights[name, "kernel"].shape[0]) for name in _inputs())
        target.build(query, value, key)


def _inputs():
    return "query", "key", "value"


def _pairs(weights, target, source):
    """Weights of the target, each with that of the source, of the same size head by head."""
    heads, groups = target.num_heads, target.num_key_value_heads
    columns = {
        "query": (heads, target.key_dim),
        "key": (groups, target.key_dim),
        "value": (groups, target.value_dim),
        "gate": (heads, target.value_dim),
    }
    places, expected, received = {}, {}, {}
    for name, own in NAMES.items():
        kernel, bias = (getattr(target, f"{own}_{kind}") for kind in ("kernel", "bias"))
        places[name, "kernel"], places[name, "bias"] = kernel, bias
    gates = [part for part in target.parts if isinstance(part, OutputGate)]
    if gates:
        places["gate", "kernel"], places["gate", "bias"] = gates[0].kernel, gates[0].bias
    for key, place in places.items():
        if place is not None:
            expected[key] = _whole_shape(key, place.shape, columns, target)
    for key, weight in weights.items():
        received[key] = tuple(weight.shape)
    if expected != received:
        raise ValueError(
            f"Expected a layer with the weights of {target.name!r}: {_listed(expected)}. Received: "
            f"{source.name!r} with {_listed(received)}"
        )
    return [(places[key], weight) for key, weight in weights.items()]


def _whole_shape(key, shape, columns, target):
    """A weight's shape as Keras writes it: heads have an axis of their own."""
    name, kind = key
    if name != "attention_output":
        return (*shape[:-1], *columns[name])
    outputs = target._output_shape or (shape[-1],)
    return (target.num_heads, target.value_dim, *outputs) if kind == "kernel" else tuple(outputs)


def _listed(shapes):
    return ", ".join(f"{name} {kind} {shape}" for (name, kind), shape in sorted(shapes.items()))
