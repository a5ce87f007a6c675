"""Exact softmax attention by the fused kernel that the backend brings along, where it has one."""

import keras
from keras import ops

from keras_attention.ops.accelerator import on_accelerator
from keras_attention.ops.blocked import has_scores
from keras_attention.ops.masks import NO_MASKS

# From so many scores of one head on, the kernel is asked for.
WORTH_SCORES = 256 * 256
# What cuDNN takes on every GPU that Keras lets it run on.
CUDNN_DTYPES = ("float16", "bfloat16")
CUDNN_DIM, CUDNN_DIM_STEP = 128, 8


def can_fuse(query, key, value, masks=NO_MASKS):
    """Whether the backend has one kernel for this attention, which is long enough to need it.

    Torch has one for every case, JAX that of cuDNN for half precision on a GPU, TensorFlow none.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, key_value_heads, key, dim)`.
        value: Float tensor of shape `(batch, key_value_heads, key, value_dim)`.
        masks: `keras_attention.ops.Masks`.

    Returns:
        A bool; False where a length is not known before the run.
    """
    backend = keras.backend.backend()
    if not has_scores(query.shape, key.shape, WORTH_SCORES):
        return False
    if backend == "torch":
        return True
    if backend != "jax" or not on_accelerator():
        return False
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in (query, key, value)}
    dim, value_dim = query.shape[3], value.shape[3]
    even = query.shape[2] % 2 == 0 and key.shape[2] % 2 == 0
    return (
        len(dtypes) == 1
        and dtypes <= set(CUDNN_DTYPES)
        and dim == value_dim <= CUDNN_DIM
        and dim % CUDNN_DIM_STEP == 0
        and (even or masks.only_causal)  # cuDNN has no gradient for odd lengths with a mask
    )


def fused_attention(query, key, value, masks=NO_MASKS, scale=None):
    """Softmax attention in one kernel of the backend, `softmax(scale * query key^T) value`.

    Keras chooses the kernel; see `can_fuse`. Neither weights nor the logarithm of their sum come
    out of it, and it drops nothing.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, key_value_heads, key, dim)`; several query heads in a
            row may share one.
        value: Float tensor of shape `(batch, key_value_heads, key, value_dim)`, likewise.
        masks: `keras_attention.ops.Masks`.
        scale: A number that multiplies the products; `dim**-0.5` if not given, as in Keras.

    Returns:
        Context of shape `(batch, heads, query, value_dim)` in the dtype of `value`. A query that
        may attend to nothing has the context zero.
    """
    value_dtype = ops.convert_to_tensor(value).dtype
    batch, _, query_length, _ = ops.shape(query)
    key_length = ops.shape(key)[2]
    only_causal = masks.only_causal
    mask = None if only_causal else masks.dense(query_length, key_length, heads=True)
    if mask is not None:
        heads = ops.shape(mask)[1]
        mask = ops.broadcast_to(mask, (batch, heads, query_length, key_length))
    context = ops.dot_product_attention(
        *(ops.swapaxes(x, 1, 2) for x in (query, key, value)),
        mask=mask,
        scale=scale,
        is_causal=only_causal and masks.causal,
    )
    context = ops.cast(ops.swapaxes(context, 1, 2), value_dtype)
    if mask is None:
        return context
    sees = ops.any(mask, axis=-1, keepdims=True)  # else the mean of all values
    return ops.where(sees, context, ops.zeros_like(context))
