"""A labelled text as plain values, for JSON."""

import numpy as np

from keras_attention.display.shown import given_labels
from keras_attention.evidence_words import evidence_words


def labelling_record(labelling):
    """A labelled text as a dict that JSON can hold.

    Places are counted in characters (Unicode code points) of the text, so that a program can mark
    the evidence in its own copy of it.

    Args:
        labelling: `keras_attention.predictors.Labelling`.

    Returns:
        Dict with `source`, the text, and `score`. If there are labels: `label`; `labels`, a list,
        where a text may have several; `probabilities`, a dict of float by label; and `evidence`, a
        list with `begin`, `end`, `text` and `weight` of each word. If there are tags: `tags`, one a
        word, and `spans`, a list with `kind`, `text`, `begin`, `end` and `score`.

    Example:

    >>> labelling = keras_attention.Labelling(
    ...     text="praise", score=0.75, ids=np.array([0]), input="fine film",
    ...     source_tokens=["fine", "film", "</s>"], target_tokens=["praise"],
    ...     offsets=np.array([[0, 4], [5, 9], [9, 9]]),
    ...     alignment=np.array([[0.75, 0.125, 0.125]]),
    ...     probabilities={"praise": 0.75, "blame": 0.25})
    >>> labelling_record(labelling)["evidence"][0]
    {'begin': 0, 'end': 4, 'text': 'fine', 'weight': 0.75}
    """
    record = {"source": labelling.input, "score": float(labelling.score)}
    if labelling.probabilities:
        record["label"] = labelling.text
        if np.asarray(labelling.ids).dtype == bool:
            record["labels"] = given_labels(labelling)
        record["probabilities"] = {
            name: float(probability) for name, probability in labelling.probabilities.items()
        }
    if labelling.evidence is not None:
        record["evidence"] = [word._asdict() for word in evidence_words(labelling)]
    if labelling.tags:
        record["tags"] = list(labelling.tags)
    if labelling.tags or labelling.spans:
        record["spans"] = [span_record(span) for span in labelling.spans or ()]
    return record


def span_record(span):
    """A span as a dict that JSON can hold.

    Args:
        span: `keras_attention.spans.Span`.
    """
    return {
        "kind": span.kind,
        "text": span.text,
        "begin": int(span.begin),
        "end": int(span.end),
        "score": None if span.score is None else float(span.score),
    }
