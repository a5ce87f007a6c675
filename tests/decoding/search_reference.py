"""Searches over a `Problem` in plain Python and float64: everything, greedy, and beams.

`permits(tokens, token)` says whether `token` may follow `tokens`; `scoring` are the keyword
arguments of `Row.hypothesis`.
"""

import itertools
from typing import NamedTuple

import numpy as np

NOTHING = -1e30


class Hypothesis(NamedTuple):
    score: float
    ids: tuple
    alignment: np.ndarray  # (length, source)
    token_scores: np.ndarray  # (length,)
    finished: bool  # whether the end token was produced


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
        return self.log_probs[self.nodes(tokens), tokens].sum() if tokens else 0.0

    def hypothesis(self, tokens, end_id, alpha=0.0, beta=0.0, normalization="wu"):
        """Scored as Wu et al. (2016), equation 14; `tokens` with the end token if there is one."""
        alignment = self.alignments[self.nodes(tokens)]  # (steps, source)
        coverage = np.clip(alignment.sum(0), 1e-6, 1.0)[self.mask]
        length = {"wu": (5 + len(tokens)) / 6, "simple": len(tokens)}[normalization]
        score = self.log_prob(tokens) / length**alpha
        score += beta * np.log(coverage).sum()
        finished = tokens[-1] == end_id
        ids = tokens[:-1] if finished else tokens
        token_scores = self.log_probs[self.nodes(ids), list(ids)] if ids else np.zeros(0)
        return Hypothesis(score, ids, alignment[: len(ids)], token_scores, finished)


def anything(tokens, token):
    return True


def best_first(hypotheses):
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def all_hypotheses(row, end_id, max_length, permits=anything, **scoring):
    """Every sequence that ends within `max_length` tokens or is cut off there, best first."""
    others = [token for token in range(row.vocabulary) if token != end_id]
    sequences = [
        (*prefix, end_id)
        for length in range(max_length)
        for prefix in itertools.product(others, repeat=length)
    ]
    sequences += itertools.product(others, repeat=max_length)
    permitted = [
        tokens
        for tokens in sequences
        if all(permits(tokens[:place], token) for place, token in enumerate(tokens))
    ]
    return best_first(row.hypothesis(tokens, end_id, **scoring) for tokens in permitted)


def greedy(row, end_id, max_length, permits=anything):
    tokens = ()
    while len(tokens) < max_length and end_id not in tokens:
        possible = [token for token in range(row.vocabulary) if permits(tokens, token)]
        if not possible:
            found = row.hypothesis((*tokens, end_id), end_id)
            return found._replace(score=NOTHING, finished=False)
        tokens = max(((*tokens, token) for token in possible), key=row.log_prob)
    return row.hypothesis(tokens, end_id)


def beam(row, end_id, max_length, width, permits=anything, **scoring):
    """Beam search that never stops early: all it finishes, best first."""
    return diverse_beam(row, end_id, max_length, width, 1, 0.0, permits, **scoring)[0]


def diverse_beam(row, end_id, max_length, width, groups, diversity, permits=anything, **scoring):
    """Beam searches of `width // groups` beams that see what earlier ones chose; all of them."""
    width //= groups
    live, finished = [[()] for _ in range(groups)], [[] for _ in range(groups)]
    for _ in range(max_length):
        chosen = []
        for group in range(groups):

            def rank(tokens):
                return row.log_prob(tokens) - diversity * chosen.count(tokens[-1])  # noqa: B023

            candidates = [
                (*tokens, token)
                for tokens in live[group]
                for token in range(row.vocabulary)
                if permits(tokens, token)
            ]
            candidates = sorted(candidates, key=rank, reverse=True)[: 2 * width]
            finished[group] += [tokens for tokens in candidates if tokens[-1] == end_id]
            live[group] = [tokens for tokens in candidates if tokens[-1] != end_id][:width]
            chosen += [tokens[-1] for tokens in live[group]]
    return [
        best_first(row.hypothesis(tokens, end_id, **scoring) for tokens in ended + alive)
        for ended, alive in zip(finished, live, strict=True)
    ]


def assert_found(result, row, hypotheses):
    """Row `row` of a `SearchResult` of NumPy arrays holds these hypotheses, in this order."""
    assert result.ids.dtype == result.lengths.dtype == np.int32
    assert result.scores.dtype == result.alignments.dtype == np.float32
    assert result.token_scores.dtype == np.float32
    max_length = result.ids.shape[2]
    for place, hypothesis in enumerate(hypotheses):
        length = len(hypothesis.ids)
        padding = max_length - length
        assert tuple(result.ids[row, place]) == hypothesis.ids + (0,) * padding
        assert result.lengths[row, place] == length
        assert result.finished[row, place] == hypothesis.finished
        np.testing.assert_allclose(result.scores[row, place], hypothesis.score, 1e-4, 1e-4)
        alignment = np.pad(hypothesis.alignment, ((0, padding), (0, 0)))
        np.testing.assert_allclose(result.alignments[row, place], alignment, atol=1e-6)
        token_scores = np.pad(hypothesis.token_scores, (0, padding))
        np.testing.assert_allclose(result.token_scores[row, place], token_scores, 1e-4, 1e-5)
