"""Searches over a `Problem` in plain Python and float64: everything, greedy, and a beam."""

import itertools
from typing import NamedTuple

import numpy as np


class Hypothesis(NamedTuple):
    score: float
    ids: tuple
    alignment: np.ndarray  # (length, source)


class Row:
    """One sentence of a `Problem`."""

    def __init__(self, problem, row):
        logits = problem.logits[row].astype("float64")
        self.log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        self.alignments = problem.alignments[row].astype("float64")
        self.mask = problem.source_mask[row]
        self.vocabulary = logits.shape[-1]

    def nodes(self, tokens):
        """The tree node before each token."""
        node, visited = 0, []
        for token in tokens:
            visited.append(node)
            node = node * self.vocabulary + token + 1
        return visited

    def log_prob(self, tokens):
        return self.log_probs[self.nodes(tokens), tokens].sum()

    def hypothesis(self, tokens, end_id, alpha=0.0, beta=0.0):
        """Scored as Wu et al. (2016), equation 14; `tokens` with the end token if there is one."""
        alignment = self.alignments[self.nodes(tokens)]  # (steps, source)
        coverage = np.clip(alignment.sum(0), 1e-6, 1.0)[self.mask]
        score = self.log_prob(tokens) / ((5 + len(tokens)) / 6) ** alpha
        score += beta * np.log(coverage).sum()
        ids = tokens[:-1] if tokens[-1] == end_id else tokens
        return Hypothesis(score, ids, alignment[: len(ids)])


def all_hypotheses(row, end_id, max_length, alpha=0.0, beta=0.0):
    """Every sequence that ends within `max_length` tokens or is cut off there, best first."""
    others = [token for token in range(row.vocabulary) if token != end_id]
    sequences = [
        (*prefix, end_id)
        for length in range(max_length)
        for prefix in itertools.product(others, repeat=length)
    ]
    sequences += itertools.product(others, repeat=max_length)
    found = [row.hypothesis(tokens, end_id, alpha, beta) for tokens in sequences]
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def greedy(row, end_id, max_length):
    tokens = ()
    while len(tokens) < max_length and end_id not in tokens:
        tokens = max(((*tokens, token) for token in range(row.vocabulary)), key=row.log_prob)
    return row.hypothesis(tokens, end_id)


def beam(row, end_id, max_length, width, alpha=0.0, beta=0.0):
    """Beam search that never stops early: all it finishes, best first."""
    live, finished = [()], []
    for _ in range(max_length):
        candidates = [(*tokens, token) for tokens in live for token in range(row.vocabulary)]
        candidates = sorted(candidates, key=row.log_prob, reverse=True)[: 2 * width]
        finished += [tokens for tokens in candidates if tokens[-1] == end_id]
        live = [tokens for tokens in candidates if tokens[-1] != end_id][:width]
    found = [row.hypothesis(tokens, end_id, alpha, beta) for tokens in finished + live]
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def assert_found(result, row, hypotheses):
    """Row `row` of a `SearchResult` of NumPy arrays holds these hypotheses, in this order."""
    assert result.ids.dtype == result.lengths.dtype == np.int32
    assert result.scores.dtype == result.alignments.dtype == np.float32
    max_length = result.ids.shape[2]
    for place, hypothesis in enumerate(hypotheses):
        length = len(hypothesis.ids)
        padding = max_length - length
        assert tuple(result.ids[row, place]) == hypothesis.ids + (0,) * padding
        assert result.lengths[row, place] == length
        np.testing.assert_allclose(result.scores[row, place], hypothesis.score, 1e-4, 1e-4)
        alignment = np.pad(hypothesis.alignment, ((0, padding), (0, 0)))
        np.testing.assert_allclose(result.alignments[row, place], alignment, atol=1e-6)
