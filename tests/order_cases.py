"""Position embeddings and the memory of segments, for the checklist of `tests/order_checks.py`."""

from keras import ops
from order_checks import DIM, OrderCase

from keras_attention.layers import LearnedPosition, SegmentMemory, SinusoidalPosition

REMEMBERED = 3


def embedding(make, **options):
    return OrderCase(
        make,
        call=lambda layer, x: layer(x),
        step=lambda layer, x: (
            [layer(x[:, i : i + 1], start=i) for i in range(x.shape[1])],
            [layer(x)[:, i : i + 1] for i in range(x.shape[1])],
        ),
        mask=lambda output: output._keras_mask,
        options=options,
    )


def remember(layer, x, states, mask):
    return layer(x, {"states": states, "mask": mask})


def remember_one_by_one(layer, x):
    x = ops.convert_to_tensor(x)
    *_, whole = layer(x, layer.start(x))
    memory = layer.start(x)
    for position in range(x.shape[1]):
        *_, memory = layer(x[:, position : position + 1], memory)
    return memory, whole


CASES = {
    "sinusoidal_position": embedding(SinusoidalPosition, base=101.0),
    "learned_position": embedding(
        lambda **options: LearnedPosition(**{"max_length": 13, **options}), max_length=17
    ),
    "segment_memory": OrderCase(
        lambda **options: SegmentMemory(**{"length": REMEMBERED, **options}),
        call=remember,
        step=remember_one_by_one,
        mask=lambda outputs: outputs[1][:, REMEMBERED:],
        sizes=(((REMEMBERED, DIM), "float32"), ((REMEMBERED,), "bool")),
        options={"length": 7},
    ),
}
