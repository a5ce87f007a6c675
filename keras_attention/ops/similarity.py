"""Attention by the cosine of unit vectors."""

from keras import ops

from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

LOWEST = -1e30


def log_similarity_weights(queries, keys, temperature=1.0, mask=None):
    """Logarithms of the weights that each query gives to all keys.

    ```
    a(q, k_i) = exp(q . k_i / T) / sum_j exp(q . k_j / T)     (Vinyals et al., 2016, section 2.1.1)
    ```

    Args:
        queries: float tensor `(queries, dim)`, unit vectors.
        keys: float tensor `(keys, dim)`, unit vectors.
        temperature: float, `T`.
        mask: bool tensor that broadcasts to `(queries, keys)`, True = may attend, or None.

    Returns:
        Float tensor `(queries, keys)`, at least float32; a very low number where the mask is False.

    Reference:
        Vinyals et al., 2016, "Matching Networks for One Shot Learning".
    """
    queries, keys = at_least_float32(queries), at_least_float32(keys)
    scores = ops.matmul(queries, ops.transpose(keys)) / temperature
    if mask is not None:
        scores = ops.where(mask, scores, LOWEST)
    scores = scores - ops.stop_gradient(largest(scores, keepdims=True))
    return scores - ops.log(ops.sum(ops.exp(scores), axis=-1, keepdims=True))
