"""Head that makes a source one unit vector."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer
from keras_attention.losses import InBatchContrastive
from keras_attention.metrics import NearestAccuracy
from keras_attention.models.head import PooledHead
from keras_attention.ops.precision import direction


@keras.saving.register_keras_serializable("keras_attention")
class EmbeddingHead(PooledHead):
    """A unit vector for a source: sources of one meaning, or question and reply, lie near.

    ```
    z = W s / |W s|,    s = sum_t alpha_t h_t        (the pooling of Yang et al., 2016, equation 7)
    ```

    It is trained by `InBatchContrastive`: labels are groups, and the rows of one group in a batch
    draw near each other. `Retriever` stores such vectors, and finds the nearest ones.

    Args:
        dim: int. Size of the vectors.
        units: int. Size of the hidden layer of the pooling; that of the annotations if None.
        dropout: float in [0, 1). Fraction of the features of `s` dropped.
        temperature: float, that of the loss.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        values: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True at real positions.
        training: bool. Whether dropout is active.

    Output:
        Unit vectors, float tensor `(batch, dim)`; zeros for a source of padding alone. Labels for
        `fit` are int `(batch,)`, the group of each row. `answer` gives `vectors`, float32
        `(batch, dim)`, and `evidence`, float32 `(batch, source)`, the weights of the pooling.

    Example:

    >>> head = keras_attention.models.EmbeddingHead(dim=3)
    >>> vectors = head(np.random.default_rng(0).normal(size=(2, 5, 4)))
    >>> [round(float(length), 4) for length in ops.sum(vectors**2, axis=1)]
    [1.0, 1.0]

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification"; Khosla et
        al., 2020, "Supervised Contrastive Learning".
    """

    def __init__(self, dim, units=None, dropout=0.0, temperature=0.05, **kwargs):
        super().__init__(units, dropout, **kwargs)
        self.dim = positive_integer("dim", dim)
        self.temperature = temperature
        self.make_loss()  # refuses a temperature that is none
        self.projection = keras.layers.Dense(
            self.dim, use_bias=False, dtype=self.dtype_policy, name="projection"
        )

    def build(self, values_shape):
        super().build(values_shape)
        self.projection.build((None, values_shape[-1]))

    def make_loss(self):
        """A new loss of groups and vectors."""
        return InBatchContrastive(self.temperature)

    def make_metrics(self):
        """A list of new metrics of groups and vectors: is the nearest row of the group?"""
        return [NearestAccuracy()]

    def call(self, values, mask=None, training=None):
        return self._vectors_and_evidence(values, mask, training)[0]

    def _vectors_and_evidence(self, values, mask, training=False):
        pooled, evidence = self._pooled(values, mask, training)
        return direction(self.projection(pooled)), evidence

    def _answer(self, values, mask):
        vectors, evidence = self._vectors_and_evidence(values, mask)
        return {"vectors": ops.cast(vectors, "float32"), "evidence": evidence}

    def compute_output_shape(self, values_shape):
        return values_shape[0], self.dim

    def compute_output_spec(self, values, mask=None, training=None):
        return keras.KerasTensor(self.compute_output_shape(values.shape), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "temperature": self.temperature,
        }
