"""What a layer may be called with, looked at before Keras builds it or a backend computes.

Shapes are compared as far as they are known: eager, traced and symbolic tensors alike.
"""

import functools
import inspect

import keras
from keras import ops

from keras_attention.layers.base.rematerialized import Rematerialized
from keras_attention.ops import feature_maps
from keras_attention.ops.fitting import bool_where_known, check_mask


class CheckedCall(Rematerialized):
    """A layer that looks at its inputs before all else; a base class beside `keras.layers.Layer`.

    A subclass implements `_check_call` with the arguments of its `call`, all of them optional: what
    is missing is for Keras to say. A refused call leaves the layer as it was, not built.

    Arguments of `call` whose name ends in `mask` become bool tensors first, where their numbers are
    known: these are read once, and lists are taken too.
    """

    # TensorFlow's AutoGraph then runs all of it as it is, as it does with Keras' own `__call__`,
    # instead of taking seconds to rewrite what has no tensors in its conditions.
    autograph_info__ = {}

    def __call__(self, *args, **kwargs):
        names = _mask_names(type(self))
        args = [
            bool_where_known(name, x) if name else x
            for name, x in zip((*names, *[None] * len(args)), args, strict=False)
        ]
        kwargs = {
            name: bool_where_known(name, x) if name in names else x for name, x in kwargs.items()
        }
        self._check_call(*args, **kwargs)
        outputs = super().__call__(*args, **kwargs)
        context = outputs[0] if isinstance(outputs, tuple) else outputs
        mask = getattr(context, "_keras_mask", None)
        if mask is not None and not isinstance(context, keras.KerasTensor):
            one, other = shape_of(mask), shape_of(context)
            if one and other and one[0] == 1 != other[0]:
                # One row of queries for many of values: its mask is that of each of these rows.
                shape = (ops.shape(context)[0], *ops.shape(mask)[1:])
                context._keras_mask = ops.broadcast_to(mask, shape)
        return outputs

    def _check_call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} does not implement `_check_call`.")


@functools.cache
def _mask_names(layer_class):
    """For each argument of `call` its name if it is a mask, else None."""
    names = list(inspect.signature(layer_class.call).parameters)[1:]
    masks = (name == "mask" or name.endswith("_mask") for name in names)
    return tuple(
        name if is_mask and not name.startswith("use_") else None
        for name, is_mask in zip(names, masks, strict=True)
    )


def shape_of(x):
    """The shape of a tensor as far as it is known.

    Args:
        x: A tensor, or None.

    Returns:
        A tuple with None for sizes that are not known, or None where there is no number of axes.
    """
    shape = getattr(x, "shape", None)
    if shape is None or getattr(shape, "rank", 0) is None:
        return None
    return tuple(size if isinstance(size, int) else None for size in shape)


def check_input(layer, name, x, axes, more=None):
    """Refuses a ragged tensor and another number of axes.

    Args:
        layer: The layer that is called.
        name: The argument's name.
        x: Its tensor, or None, which passes.
        axes: Names of its axes, a tuple.
        more: The number of the axis before which further ones may stand; None for none.

    Returns:
        Its shape, as `shape_of` gives it.

    Raises:
        ValueError: If the tensor is not so.
    """
    shape = shape_of(x)
    if type(x).__name__ == "RaggedTensor" or getattr(x, "ragged", False):
        raise ValueError(
            f"Expected `{name}` to be a dense tensor, its short rows padded, with a mask that says "
            f"where: `{name}.to_tensor()`. Received: {name}={type(x).__name__} of shape {shape}"
        )
    if isinstance(x, (list, tuple)):
        raise ValueError(
            f"Expected `{name}` to be a tensor or an array of shape ({', '.join(axes)}). "
            f"Received: {name}, a {type(x).__name__} of length {len(x)}"
        )
    if shape is None:
        return None
    fits = len(shape) == len(axes) if more is None else len(shape) >= len(axes)
    if not fits:
        named = axes if more is None else (*axes[:more], "...", *axes[more:])
        raise ValueError(
            f"Expected `{name}` of shape ({', '.join(named)}). Received: {name}.shape={shape}"
        )
    return shape


def check_width(layer, name, x, built_as=None):
    """Refuses another width than that for which a layer has weights.

    Args:
        layer: The layer that is called.
        name: The argument's name.
        x: Its tensor, or None, which passes.
        built_as: The argument whose place it takes, if another.

    Raises:
        ValueError: If the layer is built for another size of the last axis.
    """
    built = built_shape(layer, built_as or name) if layer.built else None
    shape = shape_of(x)
    if shape and built and None not in (shape[-1], built[-1]) and shape[-1] != built[-1]:
        raise ValueError(
            f"Expected `{name}` with a last axis of {built[-1]}, for which the layer "
            f"{layer.name!r} was built. Received: {name}.shape={shape}"
        )


def built_shape(layer, name):
    """The shape of an argument for which the weights of a layer were made.

    Args:
        layer: A layer.
        name: The argument's name.

    Returns:
        A tuple, or None where the layer does not say.
    """
    config = layer.get_build_config() or {}
    shape = config.get("input_shape") or config.get("shapes_dict", {}).get(f"{name}_shape")
    return None if shape is None else tuple(shape)


def check_attention_inputs(layer, tensors):
    """Refuses queries, values and keys that do not go together, or not with the layer.

    Args:
        layer: An `Attention`.
        tensors: Dict of `query`, `value` and `key`, each a tensor or None.

    Raises:
        ValueError: If axes, lengths or widths differ where they must not.
    """
    shapes = {}
    for name, x in tensors.items():
        length = "query" if name == "query" else "key"
        axes = ("batch", length, f"{name}_dim")
        shapes[name] = check_input(layer, name, x, axes, more=2)
    query, value = shapes["query"], shapes["value"]
    if query is not None and value is not None:
        # One row of learned queries, say, may be for all rows of the values.
        same_batch = None in (query[0], value[0]) or query[0] == value[0]
        same_batch = same_batch or (len(query) == 3 and 1 in (query[0], value[0]))
        if len(query) != len(value) or not same_batch:
            raise ValueError(
                "Expected `query` and `value` to have the same number of axes, and the same batch. "
                f"Received: query.shape={query}, value.shape={value}"
            )
    keys = "value"
    if tensors["key"] is not None:
        keys = "key"
        same = "the same axes but for the last"
        check_alike(slice(0, -1), same, value=tensors["value"], key=tensors["key"])
    if "query" in layer._fixed_inputs:
        check_width(layer, "query", tensors["query"])
    if "key" in layer._fixed_inputs:
        built_as = "key" if built_shape(layer, "key") else "value"
        check_width(layer, keys, tensors[keys], built_as)
    if "value" in layer._fixed_inputs:
        check_width(layer, "value", tensors["value"])
    if layer._multiplies_inputs:
        check_same_width("query", tensors["query"], keys, tensors[keys])


def check_attention_masks(axes, tensors, positions, attention_mask, heads=()):
    """Refuses masks that are none, or none of these queries and keys.

    Args:
        axes: `AttentionAxes`.
        tensors: Dict of `query`, `value` and `key`.
        positions: Dict of `query_mask`, `value_mask` and `key_mask`, each a tensor or None.
        attention_mask: A tensor, or None.
        heads: `(num_heads,)`, or empty for one head.

    Raises:
        ValueError: If a mask has other numbers than 0 and 1, or another shape; or if query and
            value differ in an axis that is not attended along.
    """
    query, value = shape_of(tensors["query"]), shape_of(tensors["value"])
    if query is None or value is None:
        return
    query = (value[0] if query[0] == 1 else query[0], *query[1:])
    for axis in axes.others:
        check_alike(
            slice(axis, axis + 1),
            f"the same axis {axis}, which is not attended along",
            query=tensors["query"],
            value=tensors["value"],
        )
    for name, mask in positions.items():
        of = "query" if name == "query_mask" else "value"
        check_mask_of(name, mask, of, tensors[of])
    shapes = axes.mask_shapes(query, value, heads)
    check_mask_shape("attention_mask", attention_mask, shapes, "query and key positions")


def check_alike(axes, why, **tensors):
    """Refuses tensors that differ in some of their axes.

    Args:
        axes: The axes, a slice.
        why: What has to be alike, for the error.
        **tensors: Two named tensors; None passes.

    Raises:
        ValueError: If known sizes of these axes differ.
    """
    (one, first), (other, second) = tensors.items()
    if first is None or second is None:
        return
    first, second = shape_of(first), shape_of(second)
    if first is None or second is None:
        return
    pair = first[axes], second[axes]
    if len(pair[0]) != len(pair[1]) or not all(map(_may_equal, *pair)):
        raise ValueError(
            f"Expected `{one}` and `{other}` to have {why}. Received: "
            f"{one}.shape={first}, {other}.shape={second}"
        )


def check_mask_of(name, mask, of, x):
    """Refuses a mask that is none, or not one of these positions.

    Args:
        name: The mask's name.
        mask: A tensor with an axis for each of `x` but the last, or None.
        of: The name of the tensor that it masks.
        x: That tensor.

    Raises:
        ValueError: If it has other numbers than 0 and 1, or another shape.
    """
    check_mask_shape(name, mask, [None if shape_of(x) is None else shape_of(x)[:-1]], f"`{of}`")


def check_mask_shape(name, mask, shapes, of):
    """Refuses a mask that broadcasts to none of some shapes.

    Args:
        name: The mask's name.
        mask: A tensor, or None.
        shapes: The shapes, a list of tuples with None where a size is not known; or of None where
            nothing is.
        of: What it masks, for the error.

    Raises:
        ValueError: If it has other numbers than 0 and 1, or no such shape.
    """
    if mask is None or shape_of(mask) is None:
        return
    check_mask(name, mask)
    given = shape_of(mask)
    if None not in shapes and not any(_broadcasts(given, shape) for shape in shapes):
        expected = " or ".join(str(shape) for shape in shapes)
        raise ValueError(
            f"Expected `{name}` of shape {expected}, as it masks {of}. "
            f"Received: {name}.shape={given}"
        )


def check_masked_input(layer, name, x, axes, mask, more=None):
    """Refuses an input, and the mask of its positions, that do not go with a layer.

    Args:
        layer: The layer that is called.
        name: The input's name.
        x: Its tensor, or None, which passes.
        axes, more: See `check_input`.
        mask: Pair of the mask's name and the mask, a tensor or None.

    Raises:
        ValueError: As `check_input`, `check_width` and `check_mask_of`.
    """
    check_input(layer, name, x, axes, more)
    check_width(layer, name, x)
    if x is not None:
        check_mask_of(*mask, name, x)


def check_decoder_inputs(layer, inputs, values, values_mask):
    """Refuses inputs of a decoder that do not go together, or not with the decoder.

    Args:
        layer: The decoder.
        inputs: Tensor of shape `(batch, target, features)`, or None, which passes.
        values: Tensor of shape `(batch, source, value_dim)`, or None.
        values_mask: Tensor of shape `(batch, source)`, or None.

    Raises:
        ValueError: If axes, batch, widths or the mask are not those.
    """
    check_input(layer, "inputs", inputs, ("batch", "target", "features"))
    check_width(layer, "inputs", inputs)
    mask = "values_mask", values_mask
    check_masked_input(layer, "values", values, ("batch", "source", "value_dim"), mask)
    check_alike(slice(0, 1), "the same batch", inputs=inputs, values=values)


def check_map(layer, inputs, mask):
    """Refuses a map of features, and the mask of its positions, that do not go with a layer.

    Args:
        layer: A layer with a `data_format`.
        inputs: Its input, or None, which passes.
        mask: A tensor with an axis for the batch and each of the positions, or None.

    Raises:
        ValueError: If the axes or the channels are not those for which the layer was built, or the
            mask is none of its positions.
    """
    channel = feature_maps.channel_axis(layer.data_format)
    axes = ("batch", "channels", "height") if channel == 1 else ("batch", "height", "channels")
    check_input(layer, "inputs", inputs, axes, more=3 if channel == 1 else 2)
    shape = shape_of(inputs)
    if shape is None:
        return
    built = built_shape(layer, "input") if layer.built else None
    if built and (len(built) != len(shape) or not _may_equal(built[channel], shape[channel])):
        raise ValueError(
            f"Expected `inputs` with {len(built)} axes and {built[channel]} channels, for which "
            f"the layer {layer.name!r} was built. Received: inputs.shape={shape}"
        )
    positions = [size for axis, size in enumerate(shape) if axis != channel % len(shape)]
    check_mask_shape("mask", mask, [tuple(positions)], "the positions of `inputs`")


def check_same_width(one, first, other, second):
    """Refuses two tensors that cannot be multiplied along their last axes.

    Args:
        one, other: Their names.
        first, second: The tensors, or None.

    Raises:
        ValueError: If the sizes of their last axes are known and differ.
    """
    check_alike(slice(-1, None), "the same last dimension", **{one: first, other: second})


def _may_equal(one, other):
    return one is None or other is None or one == other


def _broadcasts(given, shape):
    return len(given) == len(shape) and all(
        one == 1 or _may_equal(one, other) for one, other in zip(given, shape, strict=True)
    )
