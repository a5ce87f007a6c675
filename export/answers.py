"""Answers of a translator, and the first one in which an exported file differs."""

import dataclasses
from pathlib import Path

import numpy as np

from keras_attention.files import read_json
from keras_attention.json_shapes import AtLeast, Optional
from keras_attention.quiet import quiet

from .errors import BundleError
from .layout import ANSWERS
from .signatures import (
    ALIGNMENT,
    ALIGNMENTS,
    EXPLAIN,
    FINISHED,
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
        FINISHED: "finished",
    },
    NBEST: {TEXT: "nbest", SCORE: "nbest", FINISHED: "nbest_finished"},
    SEARCH: {
        IDS: "ids",
        LENGTHS: "ids",
        SCORES: "ids_score",
        ALIGNMENTS: "ids_alignment",
        TOKEN_SCORES: "ids_token_scores",
    },
}

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
        "nbest_finished": Optional(AtLeast(0)),
    }
]


def read_answers(bundle, signatures):
    """The answers of the trained model that lie in a bundle.

    Args:
        bundle: path of the bundle's folder.
        signatures: dict, as the manifest has it.

    Returns:
        List of dicts, as `answers_of` makes them.

    Raises:
        UserError: there are none, or they are not such answers.
    """
    path = Path(bundle) / ANSWERS
    answers = read_json(path, "an exported bundle", SHAPE)
    if not answers:
        raise BundleError(f"{path} is damaged: it holds no sentence to verify with.")
    for number, answer in enumerate(answers, start=1):
        target = len(answer["target_tokens"])
        sizes = {"alignment": target}
        if TOKEN_SCORES in signatures[EXPLAIN]["outputs"]:
            sizes["token_scores"] = target
        source = len(answer["source_tokens"])
        fits = (
            all(len(answer.get(name, ())) == size for name, size in sizes.items())
            and all(len(row) == source for row in answer["alignment"])
            and all(list(map(type, pair)) in _PAIRS for pair in answer["nbest"])
            and answer["source_ids"]
            and ("finished" in answer) >= (FINISHED in signatures[EXPLAIN]["outputs"])
            and ("nbest_finished" in answer) >= (FINISHED in signatures[NBEST]["outputs"])
        )
        if not fits:
            raise BundleError(
                f"{path} is damaged: what it says of sentence {number} does not fit together."
            )
    return answers


_PAIRS = ([str, float], [str, int])


def answers_of(translator, texts, source_ids=None):
    """What the trained model says about each text, from one search that keeps all hypotheses.

    The best of them is what the translator's search finds: `all_beams` changes how many are told.

    Args:
        translator: `keras_attention.Translator`.
        texts: list of str.
        source_ids: what `Translator.source_ids` returned for them, if it is at hand.

    Returns:
        List of dicts of JSON values: `source`, `text`, `score`, `source_ids`, `ids`,
        `source_tokens`, `target_tokens`, `alignment`, `token_scores`, `finished`, `nbest`, a list
        of texts and scores, and `nbest_finished`, how many of these are finished.
    """
    with quiet():  # TensorFlow warns of every new shape.
        every = translator.search.all_beams()
        found = translator.search_texts(texts, search=every, source_ids=source_ids)
        explanations, nbest = translator.explanations(found), translator.hypotheses(found)
    return [
        {
            "source": row.text,
            "text": explanation.text,
            "score": explanation.score,
            "source_ids": row.source_ids.tolist(),
            "ids": row.result.ids[0, : row.length()].tolist(),
            "source_tokens": explanation.source_tokens,
            "target_tokens": explanation.target_tokens,
            "alignment": np.round(explanation.alignment.astype("float64"), 7).tolist(),
            "token_scores": np.round(explanation.token_scores.astype("float64"), 7).tolist(),
            "finished": explanation.finished,
            "nbest": [list(hypothesis) for hypothesis in hypotheses],
            "nbest_finished": sum(hypothesis.finished for hypothesis in hypotheses),
        }
        for row, explanation, hypotheses in zip(found, explanations, nbest, strict=True)
    ]


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
            ("finished", "finished", self._sequence),
            ("nbest", "nbest", self._nbest),
            ("nbest_finished", "nbest_finished", self._sequence),
        ]
        required = {"text", *required_names(self.endpoints)}
        for name, field, check in checks:
            # The answers in an older bundle have no scores of tokens, or no `finished`.
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
