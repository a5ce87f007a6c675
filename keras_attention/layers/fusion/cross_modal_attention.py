"""Cross-modal attention: each of two sequences attends to the other."""

import keras

from keras_attention.layers.base.call_checks import CheckedCall, check_alike, check_masked_input
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.base.nested import build_once
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention


@keras.saving.register_keras_serializable("keras_attention")
class CrossModalAttention(WithKernels, CheckedCall, keras.layers.Layer):
    """Two multi-head attentions, with the queries of one input and the keys of the other.

    `first' = MultiHead(first, second, second)`, `second' = MultiHead(second, first, first)`, each
    with its own weights: the co-attentional layer of Lu et al., 2019, figure 2b, and both
    directions of Tsai et al., 2019, equation 1. Residual connections, normalisation and
    feed-forward blocks are left to the model.

    A position whose whole counterpart is masked, such as one of a sentence without a picture, has
    zero weights and a zero context.

    Args:
        num_heads: Number of heads of each of the two.
        key_dim: Size of each head's queries and keys.
        value_dim: Size of each head's values; `key_dim` if not given.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        first: Float tensor of shape `(batch, first, first_dim)`.
        second: Float tensor of shape `(batch, second, second_dim)`.
        first_mask: Bool tensor of shape `(batch, first)`. True = a real position. Keras' implicit
            mask of `first` if not given.
        second_mask: Bool tensor of shape `(batch, second)`, likewise.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Pair of contexts of the shapes of `first` and `second`, each of which carries the Keras mask
        of its input on; with `return_attention_scores` followed by the weights
        `(batch, heads, first, second)` and `(batch, heads, second, first)`. All are in the layer's
        compute dtype. The context of a masked position is zero.

    Raises:
        ValueError: As `MultiHeadAttention` does.

    Example:

    >>> import keras
    >>> from keras_attention.layers import CrossModalAttention
    >>> text, sound = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> layer = CrossModalAttention(num_heads=2, key_dim=13)
    >>> [tuple(context.shape) for context in layer(text, sound)]
    [(2, 3, 7), (2, 5, 11)]

    Reference:
        Lu, Batra, Parikh and Lee, 2019, "ViLBERT: Pretraining Task-Agnostic Visiolinguistic
        Representations for Vision-and-Language Tasks"; Tsai et al., 2019, "Multimodal Transformer
        for Unaligned Multimodal Language Sequences".
    """

    number_of_contexts = 2

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.seed = seed
        settings = {
            "num_heads": num_heads,
            "key_dim": key_dim,
            "value_dim": value_dim,
            "normalizer": normalizer,
            "dropout": dropout,
            "dtype": self.dtype_policy,
            **self.kernel_arguments,
        }
        # One seed for both would drop the same places.
        other_seed = None if seed is None else seed + 1
        self.first_attention = MultiHeadAttention(**settings, seed=seed, name="first_attention")
        self.second_attention = MultiHeadAttention(
            **settings, seed=other_seed, name="second_attention"
        )
        self.supports_masking = True

    def build(self, first_shape, second_shape):
        build_once(self.first_attention, self, first_shape, second_shape)
        build_once(self.second_attention, self, second_shape, first_shape)

    def call(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        options = {"return_attention_scores": return_attention_scores, "training": training}
        of_first = self.first_attention(
            first, second, query_mask=first_mask, value_mask=second_mask, **options
        )
        of_second = self.second_attention(
            second, first, query_mask=second_mask, value_mask=first_mask, **options
        )
        return _sorted(of_first, of_second) if return_attention_scores else (of_first, of_second)

    def _check_call(
        self, first=None, second=None, first_mask=None, second_mask=None, *others, **options
    ):
        for name, x, mask in (("first", first, first_mask), ("second", second, second_mask)):
            axes = ("batch", name, f"{name}_dim")
            check_masked_input(self, name, x, axes, (f"{name}_mask", mask), more=2)
        check_alike(slice(0, 1), "the same batch", first=first, second=second)

    def compute_output_shape(self, first_shape, second_shape):
        return tuple(first_shape), tuple(second_shape)

    def compute_output_spec(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        options = {"return_attention_scores": return_attention_scores}
        of_first = self.first_attention.compute_output_spec(first, second, **options)
        of_second = self.second_attention.compute_output_spec(second, first, **options)
        return _sorted(of_first, of_second) if return_attention_scores else (of_first, of_second)

    def get_config(self):
        names = ("num_heads", "key_dim", "value_dim", "normalizer", "dropout")
        inner = self.first_attention.get_config()
        return {
            **super().get_config(),
            **{name: inner[name] for name in names},
            "seed": self.seed,
        }


def _sorted(of_first, of_second):
    """Both contexts, then both weights."""
    return of_first[0], of_second[0], of_first[1], of_second[1]
