"""Sampling from the model, whole or cut down to its probable tokens."""

import keras
from keras import ops

from keras_attention.decoding.arguments import finite, fraction, integer, positive_integer
from keras_attention.decoding.noise import content_keys, seed_words, threefry, uniform
from keras_attention.decoding.path_search import PathSearch
from keras_attention.decoding.state import LOWEST, only_allowed, repeat_rows, vocabulary_size

HALVINGS = 30


@keras.saving.register_keras_serializable("keras_attention")
class Sample(PathSearch):
    """Ancestral sampling: every step draws a token from the model's distribution.

        y_t ~ P(y | y_<t, X) ** (1 / temperature), cut down and renormalised

    Cut down in this order: `top_k` keeps the most probable tokens (Fan et al., 2018), `top_p` the
    fewest of those whose probabilities sum to it (Holtzman et al., 2020, equations 2 and 3),
    `min_p` those at least that fraction as probable as the most probable one (Nguyen et al., 2024,
    section 3). The most probable token always stays.

    The score is that of the other searches, the sum of `log P(y_t | y_<t, X)` as the model gave it,
    without temperature and before anything was cut. Samples of a sentence stand in the order of
    their scores.

    What is drawn is a function of the seed and of the row alone. The number that decides step `t`
    of sample `i` is `u = threefry(threefry(seed, (row_key, i)), (t, 0))`, a hash in 32-bit integers
    (see `noise`), and the first token whose cumulated probability is above `u` is taken. So the
    same seed gives the same text at each call, in every batch, eagerly, in `tf.function`, under
    XLA, on JAX, in a SavedModel, in an ONNX file and after each is loaded again, unless `u` falls
    within a rounding of the boundary between two tokens. `row_key` is a hash of the source ids
    without padding, which models pass to the search: different sentences draw independently, equal
    sentences equally. For frames of features it is the number of frames. Searched without
    `row_keys`, all rows draw the same numbers. For other samples, take another seed.

    Args:
        temperature: Float above 0; below 1 sharpens the distribution, above 1 flattens it.
        top_k: Integer of at least 1, or None for the whole vocabulary.
        top_p: Float above 0 and at most 1, or None. Tokens as probable as the last one that is
            kept are kept too.
        min_p: Float above 0 and at most 1, or None.
        samples: Integer of at least 1, the number of sentences drawn for each row.
        seed: Integer, of which the lower 64 bits count.
        max_length: Integer of at least 1, the most steps taken.
        constraints: Sequence of `Constraint`; what they forbid is left out first.

    Example:

    >>> def step(token_ids, state):  # the end with a probability of a half, else one of two tokens
    ...     logits = ops.log(ops.ones((ops.shape(token_ids)[0], 1)) * ops.array([0.25, 0.25, 0.5]))
    ...     return logits, state, logits[:, :1]
    >>> mask = ops.ones((1, 1), "bool")
    >>> result = Sample(samples=5, seed=7, max_length=9)(step, {}, mask, start_id=0, end_id=2)
    >>> tuple(result.ids.shape)
    (1, 5, 9)
    >>> again = Sample(samples=5, seed=7, max_length=9)(step, {}, mask, start_id=0, end_id=2)
    >>> bool(ops.all(result.ids == again.ids))
    True

    Reference:
        Fan et al., 2018: Hierarchical neural story generation (https://arxiv.org/abs/1805.04833).
        Holtzman et al., 2020: The curious case of neural text degeneration
        (https://arxiv.org/abs/1904.09751).
        Nguyen et al., 2024: Turning up the heat: min-p sampling for creative and coherent LLM
        outputs (https://arxiv.org/abs/2407.01082).
    """

    def __init__(
        self,
        temperature=1.0,
        top_k=None,
        top_p=None,
        min_p=None,
        samples=1,
        seed=0,
        max_length=64,
        constraints=(),
    ):
        super().__init__(max_length, constraints)
        self.temperature = finite("temperature", temperature, lowest=1e-6, highest=1e6)
        self.top_k = None if top_k is None else positive_integer("top_k", top_k)
        self.top_p = fraction("top_p", top_p)
        self.min_p = fraction("min_p", min_p)
        self.samples = positive_integer("samples", samples)
        self.seed = integer("seed", seed)

    @property
    def beams(self):
        """The number of sentences returned for each row, `samples`."""
        return self.samples

    def row_keys(self, source, source_mask):
        """A hash of each source: see `Search`."""
        return content_keys(source, source_mask)

    def get_config(self):
        """The arguments that make an equal search."""
        return {
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
            "min_p": self.min_p,
            "samples": self.samples,
            "seed": self.seed,
            **super().get_config(),
        }

    def chooser(self, batch, row_keys):
        """A token at random: see `PathSearch`."""
        stream = self._stream(batch, row_keys)

        def choose(logits, allowed, t):
            vocabulary = vocabulary_size(logits)
            logits = ops.cast(logits, "float32")
            highest = ops.max(logits, axis=-1, keepdims=True)
            normaliser = ops.log(ops.sum(ops.exp(logits - highest), axis=-1))  # (rows,)
            # Impossible tokens are finite from here on: `where` must never see infinity.
            logits = only_allowed(ops.maximum(logits, LOWEST), allowed)
            tokens = None
            if self.top_k is not None:
                logits, tokens = ops.top_k(logits, min(self.top_k, vocabulary))
                tokens = ops.cast(tokens, "int32")  # (rows, kept), most probable first
            words, _ = threefry(stream, (t, 0))
            chosen = draw(self.weights(logits), uniform(words)[:, None])  # (rows, 1)
            log_probs = _at(chosen, logits) - ops.squeeze(highest, -1) - normaliser
            return log_probs, chosen[:, 0] if tokens is None else _at(chosen, tokens)

        return choose

    def weights(self, logits):
        """What each token is drawn with, not normalised.

        Args:
            logits: float32 `(rows, tokens)`.

        Returns:
            float32 `(rows, tokens)`, from 0 to 1, the most probable token's.
        """
        highest = ops.max(logits, axis=-1, keepdims=True)
        weights = ops.exp((logits - highest) / self.temperature)
        if self.top_p is not None:
            weights = ops.where(weights >= nucleus_edge(weights, self.top_p), weights, 0.0)
        if self.min_p is not None:
            weights = ops.where(weights >= self.min_p, weights, 0.0)
        return weights

    def _stream(self, batch, row_keys):
        """The key of each path's random numbers, two words `(rows,)`."""
        if row_keys is None:
            row_keys = ops.zeros((batch,), dtype="int32")
        row_keys = ops.cast(ops.convert_to_tensor(row_keys), "int32")
        row_keys = repeat_rows(row_keys, self.samples)  # (rows,)
        samples = ops.arange(batch * self.samples, dtype="int32") % self.samples
        return threefry(seed_words(self.seed), (row_keys, samples))


def nucleus_edge(weights, top_p):
    """The least weight of the fewest tokens whose share of the weights is at least `top_p`.

    Found by halving an interval, because no backend sorts a vocabulary fast: XLA on a CPU takes 20
    times as long for it.

    Args:
        weights: float32 `(rows, tokens)`, from 0 to 1, which is the greatest of each row.
        top_p: Float above 0 and at most 1.

    Output:
        float32 `(rows, 1)`, exact to 2 ** -30.
    """
    enough = top_p * ops.sum(weights, axis=-1, keepdims=True)

    def halve(number, edges):
        low, width = edges
        width = width / 2
        kept = ops.where(weights >= low + width, weights, 0.0)
        fits = ops.sum(kept, axis=-1, keepdims=True) >= enough
        return ops.where(fits, low + width, low), width

    low = ops.zeros_like(enough)
    low, _ = ops.fori_loop(0, HALVINGS, halve, (low, low + 1.0))
    return low


def draw(weights, noise):
    """The first place whose cumulated share of the weights is above the noise.

    Args:
        weights: float32 `(rows, tokens)` of at least 0, at least one of each row above.
        noise: float32 `(rows, 1)` in [0, 1).

    Output:
        int32 `(rows, 1)`, always a place with a weight above 0.
    """
    size = weights.shape[-1]
    places = ops.arange(size, dtype="int32")
    cumulated = ops.cumsum(weights, axis=-1)
    possible = weights > 0
    above = ops.logical_and(possible, cumulated > noise * cumulated[:, -1:])
    first = ops.min(ops.where(above, places, size), axis=-1, keepdims=True)
    # Rounded up, the noise can be above everything.
    last = ops.max(ops.where(possible, places, 0), axis=-1, keepdims=True)
    return ops.minimum(first, last)


def _at(place, x):
    """The element of each row of `x` `(rows, n)` at `place` `(rows, 1)`: `(rows,)`."""
    here = ops.arange(x.shape[-1], dtype="int32") == place  # (rows, n)
    return ops.sum(ops.where(here, x, ops.zeros_like(x)), axis=-1)
