"""Answers of a translator, and the first one in which an exported file differs."""

import dataclasses

import numpy as np

from keras_attention.models import CompiledSearch
from keras_attention.translator import pad

from .quiet import quiet
from .signatures import (
    ALIGNMENT,
    ALIGNMENTS,
    EXPLAIN,
    IDS,
    LENGTHS,
    NBEST,
    SCORE,
    SCORES,
    SEARCH,
    SERVE,
    SIGNATURES,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    TEXT,
    TOKEN_SCORES,
)

TOLERANCE = 1e-4
# Under which name `run_saved_model.py` and `run_onnx.py` write each output of each endpoint.
NAMES = {
    SERVE: {TEXT: "text", SCORE: "score"},
    EXPLAIN: {
        TEXT: "explained_text",
        SCORE: "explained_score",
        SOURCE_TOKENS: "source_tokens",
        TARGET_TOKENS: "target_tokens",
        ALIGNMENT: "alignment",
        TOKEN_SCORES: "token_scores",
    },
    NBEST: {TEXT: "nbest", SCORE: "nbest"},
    SEARCH: {
        IDS: "ids",
        LENGTHS: "ids",
        SCORES: "ids_score",
        ALIGNMENTS: "ids_alignment",
        TOKEN_SCORES: "ids_token_scores",
    },
}


def answers_of(translator, texts):
    """What the trained model says about each text.

    Args:
        translator: `keras_attention.Translator`.
        texts: list of str.

    Returns:
        List of dicts of JSON values: `source`, `text`, `score`, `source_ids`, `ids`,
        `source_tokens`, `target_tokens`, `alignment`, `token_scores`, and `nbest`, a list of texts
        and scores.
    """
    rows = translator.source_ids(texts)
    with quiet():  # TensorFlow warns of every new shape.
        explanations, nbest = translator.explain(texts), translator.nbest(texts)
        best_ids = _best_ids(translator, rows)
    return [
        {
            "source": source,
            "text": explanation.text,
            "score": explanation.score,
            "source_ids": source_ids.tolist(),
            "ids": ids if len(source_ids) > 1 else [],
            "source_tokens": explanation.source_tokens,
            "target_tokens": explanation.target_tokens,
            "alignment": np.round(explanation.alignment.astype("float64"), 7).tolist(),
            "token_scores": np.round(explanation.token_scores.astype("float64"), 7).tolist(),
            "nbest": [list(hypothesis) for hypothesis in hypotheses],
        }
        for source, explanation, source_ids, ids, hypotheses in zip(
            texts, explanations, rows, best_ids, nbest, strict=True
        )
    ]


def _best_ids(translator, sources):
    search = CompiledSearch(translator.model, translator.search)
    rows = []
    for begin in range(0, len(sources), translator.batch_size):
        result = search.generate(pad(sources[begin : begin + translator.batch_size]))
        rows.extend(
            ids[0, : lengths[0]].tolist()
            for ids, lengths in zip(result.ids, result.lengths, strict=True)
        )
    return rows


def required_names(endpoints):
    """What a file with some endpoints must answer: the names of all outputs of `SIGNATURES`.

    Args:
        endpoints: sequence of str.

    Returns:
        A set of str.
    """
    outputs = [
        (endpoint, name) for endpoint in endpoints for name in SIGNATURES[endpoint]["outputs"]
    ]
    return {NAMES[endpoint][output] for endpoint, output in outputs}


@dataclasses.dataclass
class Comparison:
    """Running comparison of exported answers with expected ones.

    Attributes:
        endpoints: sequence of str, those that the exported file has.
        max_score_difference: float, over all answers compared so far.
        max_alignment_difference: float, likewise.
    """

    endpoints: tuple = tuple(SIGNATURES)
    max_score_difference: float = 0.0
    max_alignment_difference: float = 0.0

    def difference(self, expected, actual):
        """What differs between two answers.

        Args:
            expected: dict, one of `answers_of`.
            actual: dict, as `run_saved_model.py` or `run_onnx.py` writes it, with the text. What
                its endpoints should answer but do not is a difference, too.

        Returns:
            A phrase, or `None` if nothing differs.
        """
        checks = [
            ("ids", "ids", self._sequence),
            ("text", "text", self._sequence),
            ("explained_text", "text", self._sequence),
            ("source_tokens", "source_tokens", self._padded_tokens),
            ("target_tokens", "target_tokens", self._padded_tokens),
            ("score", "score", self._score),
            ("explained_score", "score", self._score),
            ("ids_score", "score", self._score),
            ("alignment", "alignment", self._alignment),
            ("ids_alignment", "alignment", self._alignment),
            ("token_scores", "token_scores", self._token_scores),
            ("ids_token_scores", "token_scores", self._token_scores),
            ("nbest", "nbest", self._nbest),
        ]
        required = {"text", *required_names(self.endpoints)}
        for name, field, check in checks:
            # The answers in a bundle of version 0.1 have no scores of tokens.
            if name not in required or field not in expected:
                continue
            phrase = check(expected[field], actual[name]) if name in actual else "is missing"
            if phrase:
                return f"{name} {phrase}"
        return None

    def _sequence(self, expected, actual):
        return None if expected == actual else f"expected {expected!r}, got {actual!r}"

    def _padded_tokens(self, expected, actual):
        return self._sequence(expected + [""] * (len(actual) - len(expected)), actual)

    def _score(self, expected, actual):
        difference = abs(expected - actual)
        if not difference <= TOLERANCE:  # Not a number is a difference too.
            return f"expected {expected:.6f}, got {actual:.6f}"
        self.max_score_difference = max(self.max_score_difference, difference)
        return None

    def _alignment(self, expected, actual):
        difference = _largest_difference(expected, actual)
        if not difference <= TOLERANCE:
            return f"differs by {difference:.6f}"
        self.max_alignment_difference = max(self.max_alignment_difference, difference)
        return None

    def _token_scores(self, expected, actual):
        difference = _largest_difference([expected], [actual])
        if not difference <= TOLERANCE:
            return f"differ by {difference:.6f}"
        self.max_score_difference = max(self.max_score_difference, difference)
        return None

    def _nbest(self, expected, actual):
        # Hypotheses of the same score have no order.
        for text, score in expected:
            near = [other for other, value in actual if abs(score - value) <= TOLERANCE]
            if text not in near:
                return f"lacks {text!r} of score {score:.6f}"
        return None


def _largest_difference(expected, actual):
    """The largest difference of two matrices; what one of them lacks counts as zero."""
    expected, actual = _same_shape(expected, actual)
    return float(np.abs(expected - actual).max(initial=0.0))


def _same_shape(expected, actual):
    """Two matrices, the smaller sides padded with zeros."""
    matrices = [np.asarray(rows, "float64") for rows in (expected, actual)]
    matrices = [rows if rows.size else np.zeros((0, 0)) for rows in matrices]
    shape = np.max([rows.shape for rows in matrices], axis=0)
    padded = np.zeros((2, *shape))
    for index, rows in enumerate(matrices):
        padded[index, : rows.shape[0], : rows.shape[1]] = rows
    return padded
