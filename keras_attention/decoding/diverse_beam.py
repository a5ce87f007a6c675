"""Beam search in groups that avoid each other's words."""

import keras
from keras import ops

from keras_attention.decoding.arguments import finite, positive_integer
from keras_attention.decoding.beam import Beam
from keras_attention.decoding.hypotheses import (
    Candidates,
    Finished,
    joint_log_probs,
    survivors,
)
from keras_attention.decoding.state import LOWEST, gather_beams


@keras.saving.register_keras_serializable("keras_attention")
class DiverseBeam(Beam):
    """Diverse beam search (Vijayakumar et al., 2018, algorithm 1) with Hamming diversity.

    The beams form `groups`, each a beam search of its own of `width / groups` beams. At every step
    the groups choose one after the other, and a group ranks its continuations by

        log P(y_<=t | X) - diversity * (how many beams of earlier groups chose y_t in this step)

    The first group is plain beam search. Diversity only decides which beams live on: scores
    are those of `Beam`, with its penalties. A beam that ends takes no word from later groups.

    Each group keeps its own finished hypotheses, `n_best` or as many as it has beams, and stops
    when none of them can get better; of all of them the `n_best` best are returned. Two groups may
    have found the same sentence, which then stands in the result twice.

    Unlike the paper, finished hypotheses leave the beam, as in `Beam`.

    Args:
        width: Integer of at least 1, the number of live beams of all groups together.
        groups: Integer that divides `width`. With 1 this is `Beam`; with `width`, every group is
            greedy but for the diversity.
        diversity: Float of at least 0, lambda of the paper, which recommends 0.2 to 0.8.
        **kwargs: Further arguments of `Beam`.

    Example:

    >>> def step(token_ids, state):  # the end is impossible at first, then certain
    ...     first = (state == 0)[:, None]
    ...     logits = ops.where(first, ops.array([2.0, 1.5, -9.0]), ops.array([0.0, 0.0, 9.0]))
    ...     return logits, state + 1, logits[:, :1]
    >>> state, mask = ops.zeros((1,), dtype="int32"), ops.ones((1, 1), "bool")
    >>> search = DiverseBeam(width=2, groups=2, diversity=1.0, n_best=2, max_length=3)
    >>> result = search(step, state, mask, start_id=0, end_id=2)
    >>> ops.convert_to_numpy(result.ids[:, :, 0]).tolist()
    [[0, 1]]

    Reference:
        Vijayakumar et al., 2018: Diverse beam search (https://arxiv.org/abs/1610.02424).
    """

    def __init__(self, width=6, groups=3, diversity=0.5, **kwargs):
        super().__init__(width, **kwargs)
        self._groups = positive_integer("groups", groups)
        if self.width % self._groups:
            raise ValueError(
                f"`groups` is expected to divide `width`. Received: groups={groups}, width={width}"
            )
        self.diversity = finite("diversity", diversity, lowest=0)

    @property
    def groups(self):
        """The number of groups that the beams are split into."""
        return self._groups

    @property
    def tokens_per_beam(self):
        """So many that the earlier groups may take one away with each of their beams."""
        return self.width + self.width // self.groups

    def get_config(self):
        """The arguments that make an equal search."""
        return {**super().get_config(), "groups": self.groups, "diversity": self.diversity}

    def candidates(self, log_probs, token_log_probs, tokens, end_id, sentences):
        """The best ways to go on, group after group: see `Beam`."""
        width, k = log_probs.shape[1], tokens.shape[1]
        shape = (-1, self.groups, width * k)
        joint = ops.reshape(joint_log_probs(log_probs, token_log_probs), shape)
        tokens = ops.reshape(tokens, shape)
        sentences = ops.arange(ops.shape(joint)[0], dtype="int32")[:, None]  # (batch, 1)
        taken, found = [], []
        for group in range(self.groups):
            candidates = self._group(joint[:, group], tokens[:, group], taken, width, k, sentences)
            found.append(candidates)
            ends = candidates.tokens == end_id  # (batch, candidates)
            living, chosen = survivors(candidates, ends, width, sentences)
            chosen = gather_beams(candidates.tokens, chosen, sentences)
            taken.append(ops.where(living > LOWEST, chosen, -1))  # (batch, width)
        count = found[0].tokens.shape[1]
        together = (ops.stack(group, axis=1) for group in zip(*found, strict=True))
        return Candidates(*(ops.reshape(x, (-1, count)) for x in together))

    def _group(self, joint, tokens, taken, width, k, sentences):
        """The candidates of one group; `taken` are the words of the earlier ones."""
        ranks = joint  # (batch, width * k)
        if taken:
            words = ops.concatenate(taken, axis=1)  # (batch, earlier beams)
            same = ops.cast(tokens[:, :, None] == words[:, None], "float32")
            ranks = joint - self.diversity * ops.sum(same, axis=-1)
        ranks, chosen = ops.top_k(ranks, min(2 * width, width * k))
        chosen = ops.cast(chosen, "int32")
        return Candidates(
            log_probs=gather_beams(joint, chosen, sentences),
            parents=chosen // k,
            tokens=gather_beams(tokens, chosen, sentences),
            ranks=ranks,
        )

    def merge(self, finished):
        """The best of all groups: see `Beam`."""
        pool = self.groups * finished.scores.shape[1]
        merged = [ops.reshape(x, (-1, pool, *x.shape[2:])) for x in finished]
        merged = Finished(*merged)
        sentences = ops.arange(ops.shape(merged.scores)[0], dtype="int32")[:, None]
        _, chosen = ops.top_k(merged.scores, self.n_best)
        return Finished(*(gather_beams(x, chosen, sentences) for x in merged))
