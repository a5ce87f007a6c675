"""Positions and parts of multi-head attention that have a name, as they need no arguments."""

from keras_attention.layers.base.argument_checks import get_object, get_objects
from keras_attention.layers.parts import (
    HeadPart,
    LearnedSinks,
    OutputGate,
    QueryKeyNorm,
    TalkingHeads,
)
from keras_attention.layers.positions.alibi_position import ALiBiPosition
from keras_attention.layers.positions.position import Position
from keras_attention.layers.positions.rotary_position import RotaryPosition
from keras_attention.layers.positions.t5_position import T5Position
from keras_attention.layers.positions.transformer_xl_position import TransformerXLPosition

POSITIONS = {
    "alibi": ALiBiPosition,
    "rotary": RotaryPosition,
    "t5": T5Position,
    "transformer_xl": TransformerXLPosition,
}
PARTS = {
    "learned_sinks": LearnedSinks,
    "output_gate": OutputGate,
    "query_key_norm": QueryKeyNorm,
    "talking_heads": TalkingHeads,
}


def get_position(identifier):
    """The position of multi-head attention.

    Args:
        identifier: A `Position`, its configuration, a name of `POSITIONS`, or None.

    Returns:
        A `Position`, or None.

    Raises:
        ValueError: If it is something else.
    """
    return get_object("position", identifier, Position, POSITIONS)


def get_parts(identifiers):
    """The parts of multi-head attention.

    Args:
        identifiers: List of `HeadPart`s, their configurations or names of `PARTS`.

    Returns:
        List of `HeadPart`s.

    Raises:
        ValueError: If it is something else.
    """
    return get_objects("parts", identifiers, HeadPart, PARTS)
