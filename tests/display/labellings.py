"""Labelled texts made by hand, for tests of how they are shown."""

import dataclasses
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    kind: str
    text: str
    begin: int
    end: int
    score: float | None = None


@dataclasses.dataclass
class Labelling:
    """The fields of `keras_attention.predictors.Labelling` that are shown."""

    input: str
    text: str = ""
    score: float = 0.0
    ids: object = (0,)
    probabilities: dict | None = None
    offsets: object = ()
    evidence: object = None
    tags: tuple = ()
    spans: tuple = ()


def refund():
    """`"No refund yet!"`, in pieces of words and an end token."""
    return Labelling(
        input="No refund yet!",
        text="complaint",
        score=0.75,
        ids=np.array([1]),
        probabilities={"praise": 0.0625, "complaint": 0.75, "question": 0.1875},
        offsets=np.array([(0, 2), (3, 6), (6, 9), (10, 13), (13, 14), (14, 14)]),
        evidence=np.array([0.25, 0.25, 0.25, 0.0, 0.125, 0.125], "float32"),
    )


def person():
    """A text with tags alone."""
    text = "Call Ada Lovelace in London"
    return Labelling(
        input=text,
        tags=("O", "B-person", "I-person", "O", "B-city"),
        spans=(
            Span("person", "Ada Lovelace", 5, 17, 0.5),
            Span("city", "London", 21, 27, 0.25),
        ),
    )
