"""Parallel co-attention: two sequences that say where to look in each other."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count, check_dropout
from keras_attention.layers.base.building import add_scaled_weight
from keras_attention.layers.base.call_checks import CheckedCall, check_alike, check_masked_input
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import combine_masks, dot_product_scores, normalizers
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class CoAttention(WithKernels, CheckedCall, keras.layers.Layer):
    """Attention over two sequences at once, each summed up with an eye on the other.

    With `Q` the first and `V` the second input (Lu et al., 2016, equations 3 to 5):

    - `C = tanh(Q^T W_b V)`, the affinity of each pair of positions,
    - `H_v = tanh(W_v V + (W_q Q) C)`, `H_q = tanh(W_q Q + (W_v V) C^T)`,
    - `a_v = softmax(w_hv^T H_v)`, `a_q = softmax(w_hq^T H_q)`, and the contexts
      `sum_n a_v[n] v_n` and `sum_t a_q[t] q_t`.

    Unlike the paper the two inputs may be of different sizes, and padding has no affinity with
    anything. Affinities start at about a tenth: they are summed over a whole sequence inside a
    `tanh`, which larger ones would saturate.

    Args:
        units: `k`, the rows of `W_v` and `W_q`.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        first: Float tensor of shape `(batch, first, first_dim)`, such as a question.
        second: Float tensor of shape `(batch, second, second_dim)`, such as image regions.
        first_mask: Bool tensor of shape `(batch, first)`. True = a real position. Keras' implicit
            mask of `first` if not given.
        second_mask: Bool tensor of shape `(batch, second)`, likewise.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Pair of contexts `(batch, first_dim)` and `(batch, second_dim)`; with
        `return_attention_scores` followed by the weights `(batch, first)` and `(batch, second)`.
        All are in the layer's compute dtype. A row whose positions are all masked is zero.

    Raises:
        ValueError: If `units` is not positive or the dropout out of range.

    Example:

    >>> import keras
    >>> from keras_attention.layers import CoAttention
    >>> question, image = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> [tuple(context.shape) for context in CoAttention(units=13)(question, image)]
    [(2, 7), (2, 11)]

    Reference:
        Lu, Yang, Batra and Parikh, 2016, "Hierarchical Question-Image Co-Attention for Visual
        Question Answering".
    """

    number_of_contexts = 2

    def __init__(self, units, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        units = check_count("units", units)
        dropout = check_dropout(dropout)
        self.units = units
        self.normalizer = normalizers.get(normalizer)
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, first_shape, second_shape):
        first_dim, second_dim = first_shape[-1], second_shape[-1]
        self.affinity_kernel = self.add_kernel(
            "affinity_kernel", (first_dim, second_dim), 100 * first_dim * second_dim
        )
        self.first_kernel = self.add_kernel("first_kernel", (first_dim, self.units), first_dim)
        self.second_kernel = self.add_kernel("second_kernel", (second_dim, self.units), second_dim)
        self.first_v = add_scaled_weight(self, "first_v", (self.units, 1), self.units)
        self.second_v = add_scaled_weight(self, "second_v", (self.units, 1), self.units)

    def affinities(self, first, second, first_mask=None, second_mask=None):
        """`C`, equation 3, zero where either position is padding.

        Args:
            first: Float tensor of shape `(batch, first, first_dim)`.
            second: Float tensor of shape `(batch, second, second_dim)`.
            first_mask: Bool tensor of shape `(batch, first)`, or None.
            second_mask: Bool tensor of shape `(batch, second)`, or None.

        Returns:
            Float tensor of shape `(batch, first, second)`, at least float32.
        """
        affinities = ops.tanh(dot_product_scores(ops.matmul(first, self.affinity_kernel), second))
        mask = combine_masks(first_mask, second_mask)
        if mask is None:
            return affinities
        return ops.where(mask, affinities, ops.zeros_like(affinities))

    def call(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        affinities = self.affinities(first, second, first_mask, second_mask)
        of_first = at_least_float32(ops.matmul(first, self.first_kernel))  # (batch, first, units)
        of_second = at_least_float32(ops.matmul(second, self.second_kernel))
        first_hidden = ops.tanh(of_first + ops.matmul(affinities, of_second))
        second_hidden = ops.tanh(of_second + ops.matmul(ops.swapaxes(affinities, 1, 2), of_first))
        first_weights = self._weigh(first_hidden, self.first_v, first_mask, training)
        second_weights = self._weigh(second_hidden, self.second_v, second_mask, training)
        contexts = _summed(first_weights, first), _summed(second_weights, second)
        return (*contexts, first_weights, second_weights) if return_attention_scores else contexts

    def _check_call(
        self, first=None, second=None, first_mask=None, second_mask=None, *others, **options
    ):
        for name, x, mask in (("first", first, first_mask), ("second", second, second_mask)):
            axes = ("batch", name, f"{name}_dim")
            check_masked_input(self, name, x, axes, (f"{name}_mask", mask))
        check_alike(slice(0, 1), "the same batch", first=first, second=second)

    def _weigh(self, hidden, v, mask, training):
        scores = ops.squeeze(ops.matmul(hidden, at_least_float32(v)), axis=-1)  # (batch, length)
        mask = None if mask is None else as_bool(mask)
        weights = ops.cast(self.normalizer(scores, mask), self.compute_dtype)
        if training and self.dropout > 0:
            return keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        return weights

    def compute_mask(self, first, previous_mask=None):
        """The contexts have no positions, and so no mask.

        Args:
            first: The first input.
            previous_mask: Its Keras mask, or None.

        Returns:
            None.
        """
        return None

    def compute_output_shape(self, first_shape, second_shape):
        return (first_shape[0], first_shape[2]), (second_shape[0], second_shape[2])

    def compute_output_spec(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        shapes = self.compute_output_shape(first.shape, second.shape)
        if return_attention_scores:
            shapes = (*shapes, first.shape[:2], second.shape[:2])
        return tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)

    def get_config(self):
        config = {
            "units": self.units,
            "normalizer": normalizers.serialize(self.normalizer),
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


def _summed(weights, x):
    """`(batch, dim)`, each position of `x` times its weight."""
    return ops.squeeze(ops.matmul(ops.expand_dims(weights, axis=1), x), axis=1)
