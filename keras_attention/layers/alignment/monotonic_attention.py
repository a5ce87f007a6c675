"""Monotonic attention: a walk over the keys that never turns back."""

import keras
from keras import ops

from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.alignment.recursive_attention import RecursiveAttention
from keras_attention.layers.base.argument_checks import as_python, check_number
from keras_attention.ops.monotonic import expected_alignment, hard_alignment
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class MonotonicAttention(RecursiveAttention, ChoiceAttention):
    """Attention to one key for each query, never before that of the query before.

    Any attention of this library gives the energies (Raffel et al., 2017, equations 11 and 12; `r`
    is the offset of equation 16):

        e_ij = a(s_{i-1}, h_j) + r,    p_ij = sigmoid(e_ij)

    **In training** the weights are those of a random walk in expectation: from where it stopped for
    the query before, it stops at each key `j` with probability `p_ij` (equations 9, 13 and 14; the
    paper's closed form of them is not needed, see `keras_attention.ops.monotonic`):

        q_ij = (1 - p_{i,j-1}) q_{i,j-1} + alpha_{i-1,j},    alpha_ij = p_ij q_ij

    **In inference**, and that is whenever `training` is not true, the walk is hard: it stops at the
    first key with `p_ij >= 0.5`. The weights are one-hot, and have no gradient. Where it finds no
    such key, weights and context are zero, and so are all that follow. The validation loss that
    `fit` prints is that of the hard walk.

    The two walks agree only where all `p_ij` are close to 0 or 1. `noise` teaches that: energies
    near zero are lost in it, so that the model learns to keep away from zero.

    Args:
        attention: Attention layer that gives the energies, such as
            `BahdanauAttention(13, normalize=True)`. Its scores are all that is used of it.
        noise: Standard deviation of the Gaussian noise added to the energies in training; 1 in the
            paper.
        initial_offset: The first value of `r`, which is learned. The longer the memory, the lower:
            -4 for speech in the paper, so that the walk does not stop too soon.
        dropout: The share of weights to set to zero in training; the walk keeps them all.
        seed: Integer that makes noise and dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores: see `Attention`. The walk passes masked keys by. A query that
            may attend to nothing is passed over: the next one starts where the one before stopped.
        training: Whether the walk is soft.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`. The weights of a query sum to one or less.

    Raises:
        ValueError: If `attention` is more than a score: see `ChoiceAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import BahdanauAttention, MonotonicAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> attention = MonotonicAttention(BahdanauAttention(13, normalize=True), noise=1.0)
    >>> tuple(attention(query, memory, training=True).shape)
    (2, 3, 11)

    Reference:
        Raffel et al., 2017, "Online and Linear-Time Attention by Enforcing Monotonic Alignments".
    """

    _fixed_arguments = ("normalizer",)  # always the sigmoid

    def __init__(self, attention, noise=0.0, initial_offset=-4.0, dropout=0.0, seed=None, **kwargs):
        super().__init__(attention, normalizer="sigmoid", dropout=dropout, seed=seed, **kwargs)
        noise = check_number("noise", noise, zero=True)
        self.noise = noise
        self.initial_offset = as_python(initial_offset)
        if noise > 0 and dropout == 0:  # otherwise the base class has made one
            self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        initializer = keras.initializers.Constant(self.initial_offset)
        self.offset = self.add_weight(name="offset", shape=(), initializer=initializer)

    def score(self, query, key):
        """The energies, `a(s, h) + r`.

        Args:
            query: Projected queries, `(batch, query, ...)`.
            key: Projected keys, `(batch, key, ...)`.

        Returns:
            Energies of shape `(batch, query, key)`.
        """
        energies = at_least_float32(super().score(query, key))
        return energies + ops.cast(self.offset, energies.dtype)

    def walks_softly(self, training):
        """Whether the weights are those of the soft walk.

        Args:
            training: The call argument.

        Returns:
            A bool: whether `training` is true. A subclass that always gives `True` is soft in
            inference too.
        """
        return bool(training)

    def start(self, memory):
        """The state before the first step: the walk is at the first key.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict with `alignment`, `(batch, key)`, one at the first key.
        """
        nowhere = super().start(memory)["alignment"]  # (batch, key)
        first = ops.arange(ops.shape(nowhere)[-1], dtype="int32") == 0
        return {"alignment": nowhere + ops.cast(first, nowhere.dtype)}

    def prepare(self, query, memory, mask, training=None):
        """The probabilities to stop, of all queries at once.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`, not projected.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, query, key)`, True = may attend.
            training: Whether to add noise.

        Returns:
            Float tensor of shape `(batch, query, key)`, zero where masked.
        """
        energies = self.score(self.project_query(query), memory["key"])
        if training and self.noise > 0:
            noise = keras.random.normal(
                ops.shape(energies), dtype=energies.dtype, seed=self.seed_generator
            )
            energies = energies + self.noise * noise
        return self.normalizer(energies, mask)

    def align(self, prepared, memory, mask, state, training=None):
        """One query position.

        Args:
            prepared: The probabilities to stop, `(batch, key)`.
            memory: Not needed.
            mask: Not needed; what it rules out has a probability of zero.
            state: Dict with `alignment`, that of the position before, `(batch, key)`.
            training: Whether the walk is soft.

        Returns:
            The alignment `(batch, key)` and the new state.
        """
        walk = expected_alignment if self.walks_softly(training) else hard_alignment
        alignment = walk(ops.cast(prepared, state["alignment"].dtype), state["alignment"])
        return alignment, {"alignment": alignment}

    def get_config(self):
        config = {"noise": self.noise, "initial_offset": self.initial_offset}
        return {**super().get_config(), **config}
