"""Attention to one position: the best one, in training a sampled one."""

import keras
from keras import ops

from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.base.argument_checks import check_number
from keras_attention.ops.choices import gumbel_noise
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class HardAttention(ChoiceAttention):
    """Attention whose whole weight lies on one position.

    In inference it is the position of the highest score (the first of equals). In training it is
    sampled: the highest of the scores with Gumbel noise `g` added, which picks each position as
    often as softmax weighs it. The gradient is that of softmax, the straight-through estimator:

    `weights = one_hot(argmax(score + noise g))`,
    `d weights = d softmax((score + noise g) / temperature)`
    (Jang et al., 2017, equations 1 and 2 and section 2.2; Maddison et al., 2017, section 3.1).

    The name is that of Xu et al., 2015, section 4.1, who sample too and train by REINFORCE; the
    straight-through gradient is biased, and needs neither a reward nor a baseline. `step` draws
    other noise than `attend` over all positions at once. A recurrent decoder of
    `keras_attention.models` that steps in training cannot draw noise and asks for `noise=0`, the
    highest score in training too; `ParallelDecoder` samples.

    Args:
        attention: The `Attention` that gives the scores; see `ChoiceAttention`.
        temperature: Positive number that the noisy scores are divided by in the gradient: the
            lower, the closer to the one-hot weights and the rarer a gradient.
        noise: What the Gumbel noise is multiplied by in training; 0 takes the highest score.
        dropout: The share of weights to set to zero in training; here that leaves a query without
            any context.
        seed: Integer that makes noise and dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores: see `Attention`; the sizes are those that the inner attention
            takes.
        training: Whether to sample, and to apply dropout.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If the temperature is not positive or the noise negative, or as in
            `ChoiceAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import BahdanauAttention, HardAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> layer = HardAttention(BahdanauAttention(units=13))
    >>> _, weights = layer(query, memory, return_attention_scores=True)
    >>> float(keras.ops.min(keras.ops.max(weights, axis=-1)))
    1.0

    Reference:
        Xu et al., 2015, "Show, Attend and Tell"; Jang, Gu and Poole, 2017, "Categorical
        Reparameterization with Gumbel-Softmax"; Maddison, Mnih and Teh, 2017, "The Concrete
        Distribution".
    """

    _fixed_arguments = ("normalizer",)

    def __init__(self, attention, temperature=1.0, noise=1.0, dropout=0.0, seed=None, **kwargs):
        super().__init__(attention, normalizer="hardmax", dropout=dropout, seed=seed, **kwargs)
        temperature = check_number("temperature", temperature)
        noise = check_number("noise", noise, zero=True)
        self.temperature = temperature
        self.noise = noise
        if noise > 0 and not dropout:  # otherwise the base class has made one
            self.seed_generator = keras.random.SeedGenerator(seed)

    def _weigh(self, scores, mask=None, training=None):
        """One-hot weights: of the highest score, or of a sample in training.

        Args:
            scores: Float tensor of shape `(batch, query, key)`.
            mask: Bool tensor that broadcasts to the scores, True = may attend, or None.
            training: Whether to sample, and to apply dropout.

        Returns:
            Weights of the shape of `scores`, in the layer's compute dtype.
        """
        scores = at_least_float32(scores)
        if training and self.noise > 0:
            dtype = keras.backend.standardize_dtype(scores.dtype)
            noise = gumbel_noise(ops.shape(scores), dtype, self.seed_generator)
            scores = scores + self.noise * noise
        return super()._weigh(scores / self.temperature, mask, training)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature, "noise": self.noise}
