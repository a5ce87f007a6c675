"""Sampling in plain Python: the hash in unsigned integers, the distribution in float64."""

import numpy as np
from search_reference import NOTHING

WORD = 2**32


def rotated(x, bits):
    return (x << bits | x >> (32 - bits)) % WORD


def threefry(key, counter):
    """Threefry-2x32-20 as Salmon et al. (2011) write it: rounds, and a key injected every four."""
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    rotations = [13, 15, 26, 6, 17, 29, 16, 24]
    x = [(counter[0] + keys[0]) % WORD, (counter[1] + keys[1]) % WORD]
    for number in range(20):
        x[0] = (x[0] + x[1]) % WORD
        x[1] = rotated(x[1], rotations[number % 8]) ^ x[0]
        if number % 4 == 3:
            injected = number // 4 + 1
            x[0] = (x[0] + keys[injected % 3]) % WORD
            x[1] = (x[1] + keys[(injected + 1) % 3] + injected) % WORD
    return x


def noise(seed, row_key, sample, step):
    stream = threefry((seed % WORD, (seed >> 32) % WORD), (row_key % WORD, sample))
    return (threefry(stream, (step, 0))[0] >> 8) / 2**24


def cut(probabilities, top_k=None, top_p=None, min_p=None):
    """The probabilities with those that are cut off at 0, renormalised after each cut."""
    probabilities = np.array(probabilities, "float64")
    order = np.argsort(-probabilities, kind="stable")
    if top_k is not None:
        probabilities[order[top_k:]] = 0
        probabilities /= probabilities.sum()
    if top_p is not None:
        count = 1
        while probabilities[order[:count]].sum() < top_p and count < len(order):
            count += 1
        probabilities[order[count:]] = 0
        probabilities /= probabilities.sum()
    if min_p is not None:
        probabilities[probabilities < min_p * probabilities.max()] = 0
        probabilities /= probabilities.sum()
    return probabilities


def choose(probabilities, number, by_rank):
    """The first token whose cumulated probability is above the number."""
    tokens = np.argsort(-probabilities, kind="stable") if by_rank else range(len(probabilities))
    below = 0.0
    for token in tokens:
        below += probabilities[token]
        if below > number:
            return int(token)
    raise AssertionError("the numbers of these tests stay away from 1")


def sample(
    row, end_id, max_length, seed, row_key, index, permits, temperature=1.0, top_k=None, top_p=None,
    min_p=None,
):  # fmt: skip
    """One `Hypothesis` of a `search_reference.Row`."""
    tokens = ()
    while len(tokens) < max_length and end_id not in tokens:
        node = row.nodes((*tokens, 0))[-1]
        probabilities = np.exp(row.log_probs[node] / temperature)
        for token in range(row.vocabulary):
            probabilities[token] *= permits(tokens, token)
        if not probabilities.any():
            return row.hypothesis((*tokens, end_id), end_id)._replace(score=NOTHING, finished=False)
        probabilities = cut(probabilities / probabilities.sum(), top_k, top_p, min_p)
        number = noise(seed, row_key, index, len(tokens))
        tokens = (*tokens, choose(probabilities, number, by_rank=top_k is not None))
    return row.hypothesis(tokens, end_id)
