"""The `parity.json` of older bundles, a list of sentences, as the arrays of today."""

import numpy as np

from keras_attention.files import read_json
from keras_attention.json_shapes import AtLeast, Optional

from ..errors import BundleError
from ..signatures import (
    ALIGNMENT,
    ALIGNMENTS,
    EXPLAIN,
    FINISHED,
    IDS,
    LENGTHS,
    NBEST,
    NO_SCORE,
    SCORE,
    SCORES,
    SEARCH,
    SERVE,
    SOURCE_IDS,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    TEXT,
    TOKEN_SCORES,
)
from .batches import stacked

SHAPE = [
    {
        "source": str,
        "text": str,
        "score": float,
        "source_ids": [AtLeast(0)],
        "ids": [AtLeast(0)],
        "source_tokens": [str],
        "target_tokens": [str],
        "alignment": [[float]],
        "token_scores": Optional([float]),
        "finished": Optional(bool),
        "nbest": [[(str, float)]],
    }
]
_PAIRS = ([str, float], [str, int])


def read_old_answers(path, signatures):
    """Both sides of `Answers`. Of hypotheses these files tell no more than texts and scores.

    Args:
        path: path of the file.
        signatures: dict, as the bundle's manifest has it after its upgrade.

    Raises:
        UserError: it is no such file, or its sentences do not fit together.
    """
    rows = read_json(path, "an exported bundle", SHAPE)
    if not rows:
        raise BundleError(f"{path} is damaged: it holds no sentence to verify with.")
    later = {name for name in (TOKEN_SCORES, FINISHED) if name in signatures[EXPLAIN]["outputs"]}
    for number, row in enumerate(rows, start=1):
        if not _fits(row, later):
            raise BundleError(
                f"{path} is damaged: what it says of sentence {number} does not fit together."
            )
    try:
        return _upgraded(rows, later)
    except OverflowError as error:
        raise BundleError(f"{path} is damaged: {error}.") from error


def _fits(row, later):
    """Whether the parts of a sentence have the sizes that they should have."""
    source, target = len(row["source_tokens"]), len(row["target_tokens"])
    return (
        row["source_ids"]
        and later <= set(row)
        and (TOKEN_SCORES not in later or len(row[TOKEN_SCORES]) == target)
        and len(row["alignment"]) == target
        and all(len(weights) == source for weights in row["alignment"])
        and all(list(map(type, pair)) in _PAIRS for pair in row["nbest"])
    )


def _upgraded(rows, later):
    texts, scores = _column(rows, "text", "U"), _column(rows, "score")
    ids, alignment = _column(rows, "ids", "int32", 1), _column(rows, "alignment", rank=2)
    explained = {
        TEXT: texts,
        SCORE: scores,
        SOURCE_TOKENS: _column(rows, "source_tokens", "U", 1),
        TARGET_TOKENS: _column(rows, "target_tokens", "U", 1),
        ALIGNMENT: alignment,
    }
    found = {  # The best hypothesis alone.
        IDS: ids[:, None],
        SCORES: scores[:, None],
        LENGTHS: np.array([[len(row["ids"])] for row in rows]),
        ALIGNMENTS: alignment[:, None],
    }
    if TOKEN_SCORES in later:
        explained[TOKEN_SCORES] = _column(rows, "token_scores", rank=1)
        found[TOKEN_SCORES] = explained[TOKEN_SCORES][:, None]
    if FINISHED in later:
        explained[FINISHED] = _column(rows, "finished", "bool")
    every = max(len(row["nbest"]) for row in rows)
    pairs = [[*row["nbest"], *[["", NO_SCORE]] * (every - len(row["nbest"]))] for row in rows]
    hypotheses = {
        TEXT: np.array([[text for text, _ in row] for row in pairs], "U"),
        SCORE: np.array([[score for _, score in row] for row in pairs], "float64"),
    }
    raw = {TEXT: _column(rows, "source", "U")}
    return (
        {
            **dict.fromkeys((SERVE, EXPLAIN, NBEST), raw),
            SEARCH: {SOURCE_IDS: _column(rows, "source_ids", "int32", 1)},
        },
        {
            SERVE: {TEXT: texts, SCORE: scores},
            EXPLAIN: explained,
            NBEST: hypotheses,
            SEARCH: found,
        },
    )


def _column(rows, name, dtype="float64", rank=0):
    """What all sentences say under a name, as one array."""
    cells = [np.asarray(row[name], dtype) for row in rows]
    return stacked([(cell if cell.size else np.zeros([0] * rank, dtype))[None] for cell in cells])
