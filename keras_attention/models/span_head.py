"""Head that points at the begin and the end of a span, or says that there is none."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer
from keras_attention.losses import SpanLoss
from keras_attention.metrics import SpanAccuracy
from keras_attention.models.head import PooledHead
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.spans import LOWEST, best_spans, log_softmax


@keras.saving.register_keras_serializable("keras_attention")
class SpanHead(PooledHead):
    """The span of a source that answers a question, such as a name in a passage.

    ```
    p(begin = t) = softmax([w_0 . s, v . h_1, ..., v . h_n])_t
    ```

    and the same for the end, with other weights: two pointers into the source (Vinyals et al.,
    2015, equation 3), of which the place 0 says that there is no span. `s` is the source pooled by
    attention. The answer is the most probable pair that ends where it begins or later.

    Args:
        longest_span: int, the highest number of positions of an answer, or None.
        units: int. Size of the hidden layer of the pooling; that of the annotations if None.
        dropout: float in [0, 1). Fraction of the features of the annotations dropped.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        values: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True where a span may begin or end.
        training: bool. Whether dropout is active.

    Output:
        Logits, float tensor `(batch, 2, source + 1)`: of the begin and of the end, first for no
        span. Spans for `fit` are int `(batch, 2)`, the positions of the first and the last token,
        -1 twice where there is none. `answer` gives `begin` and `end`, int32 `(batch,)`, such
        positions; `scores`, float32 `(batch,)`, the probability of the span among all that there
        can be and none; `begin_weights` and `end_weights`, float32 `(batch, source)`, the
        probabilities of both pointers, which sum to one together with that of no span.

    Example:

    >>> head = keras_attention.models.SpanHead()
    >>> answer = head.answer(np.ones((2, 5, 4), "float32"))
    >>> tuple(answer["begin"].shape), tuple(answer["begin_weights"].shape)
    ((2,), (2, 5))

    Reference:
        Vinyals, Fortunato and Jaitly, 2015, "Pointer Networks".
    """

    evidence = "begin_weights"

    def __init__(self, longest_span=None, units=None, dropout=0.0, **kwargs):
        super().__init__(units, dropout, **kwargs)
        if longest_span is not None:
            longest_span = positive_integer("longest_span", longest_span)
        self.longest_span = longest_span
        self.pointers = keras.layers.Dense(
            2, use_bias=False, dtype=self.dtype_policy, name="pointers"
        )
        self.of_none = keras.layers.Dense(2, dtype=self.dtype_policy, name="of_none")

    def build(self, values_shape):
        super().build(values_shape)
        width = values_shape[-1]
        self.pointers.build((None, None, width))
        self.of_none.build((None, width))

    def make_loss(self):
        """A new loss of spans and logits."""
        return SpanLoss()

    def make_metrics(self):
        """A list of new metrics of spans and logits: how many are right at both ends."""
        return [SpanAccuracy(self.longest_span)]

    def call(self, values, mask=None, training=None):
        pooled, _ = self._pooled(values, mask, training)
        none = at_least_float32(self.of_none(pooled))[..., None]  # (batch, 2, 1)
        values = self.dropout_layer(values, training=training)
        positions = ops.transpose(at_least_float32(self.pointers(values)), (0, 2, 1))
        if mask is not None:
            positions = ops.where(mask[:, None], positions, LOWEST)  # (batch, 2, source)
        return ops.concatenate([none, positions], axis=-1)

    def _answer(self, values, mask):
        logits = self.call(values, mask)
        begin, end, scores = best_spans(logits, self.longest_span)
        weights = ops.cast(ops.exp(log_softmax(logits)), "float32")
        return {
            "begin": begin,
            "end": end,
            "scores": ops.cast(scores, "float32"),
            "begin_weights": weights[:, 0, 1:],
            "end_weights": weights[:, 1, 1:],
        }

    def compute_output_shape(self, values_shape):
        batch, length, _ = values_shape
        return batch, 2, None if length is None else length + 1

    def compute_output_spec(self, values, mask=None, training=None):
        return keras.KerasTensor(self.compute_output_shape(values.shape), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "longest_span": self.longest_span}
