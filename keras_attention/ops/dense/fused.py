"""Exact softmax attention by the fused kernel that the backend brings along, where it has one."""

import keras
from keras import ops

from keras_attention.ops import accelerator
from keras_attention.ops.dense.blocked import WORTH_SCORES, has_scores
from keras_attention.ops.masks import NO_MASKS

# What every kernel takes, cuDNN's and those of Torch.
MOST_DIM, DIM_STEP = 128, 8
# A mask becomes a number for each sentence, query and key, and each head if it has heads: where
# these are more, blocks need less memory.
MOST_MASKED = 2**28


def can_fuse(query, key, value, masks=NO_MASKS):
    """Whether the backend has one kernel for this attention, which is long enough to need it.

    JAX has that of cuDNN for half precision, Torch its own, TensorFlow none.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, heads, key, dim)`.
        value: Float tensor of shape `(batch, heads, key, value_dim)`.
        masks: `keras_attention.ops.Masks`.

    Returns:
        A bool; False where a length is not known before the run, and where
        `keras.config.disable_flash_attention()` was called.
    """
    if keras.config.is_flash_attention_enabled() is False:
        return False
    dim, value_dim = query.shape[3], value.shape[3]
    sizes_fit = dim == value_dim and dim <= MOST_DIM and dim % DIM_STEP == 0
    if not (sizes_fit and has_scores(query.shape, key.shape, WORTH_SCORES)):
        return False
    dtypes = {keras.backend.standardize_dtype(x.dtype) for x in (query, key, value)}
    return dtypes.issubset(_fused_dtypes()) and len(dtypes) == 1 and _mask_fits(query, key, masks)


def _fused_dtypes():
    backend = keras.backend.backend()
    if backend == "torch":
        has_kernel = accelerator.torch_device() in ("cpu", "cuda")
        return {"float32", "float16", "bfloat16"} if has_kernel else set()
    has_kernel = backend == "jax" and accelerator.has_cudnn_attention()
    return {"float16", "bfloat16"} if has_kernel else set()


def _mask_fits(query, key, masks):
    if masks.is_only_causal:
        return True
    batch, heads, query_length, _ = query.shape
    key_length = key.shape[2]
    if masks.attention is None or len(masks.attention.shape) < 4:
        heads = 1
    masked = (batch if isinstance(batch, int) else 1) * heads * query_length * key_length
    # Kernels add a number to masked scores, and float16 has none that no score makes up for.
    if keras.backend.standardize_dtype(query.dtype) == "float16" or masked > MOST_MASKED:
        return False
    # cuDNN has no gradient for odd lengths with a mask.
    is_even = query_length % 2 == key_length % 2 == 0
    return is_even or keras.backend.backend() != "jax"


def fused_attention(query, key, value, masks=NO_MASKS, scale=None):
    """Softmax attention in one kernel of the backend, `softmax(scale * query key^T) value`.

    Keras calls the kernel, where `can_fuse`; elsewhere it makes the whole matrix of scores. Neither
    weights nor the logarithm of their sum come out of it, and it drops nothing.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, heads, key, dim)`.
        value: Float tensor of shape `(batch, heads, key, dim)`.
        masks: `keras_attention.ops.Masks`.
        scale: A number that multiplies the products; `dim**-0.5` if not given, as in Keras.

    Returns:
        Context of shape `(batch, heads, query, dim)`. A query that may attend to nothing has the
        context zero.
    """
    batch, _, query_length, _ = ops.shape(query)
    key_length = ops.shape(key)[2]
    mask = None
    if not masks.is_only_causal:
        mask = masks.dense(query_length, key_length, heads=True)
        heads = ops.shape(mask)[1]
        mask = ops.broadcast_to(mask, (batch, heads, query_length, key_length))
    context = ops.dot_product_attention(
        *(ops.swapaxes(x, 1, 2) for x in (query, key, value)),
        mask=mask,
        scale=scale,
        is_causal=masks.causal and mask is None,
    )
    context = ops.swapaxes(context, 1, 2)
    if mask is None:
        return context
    sees = ops.any(mask, axis=-1, keepdims=True)  # else Keras gives a mean of the values
    return ops.where(sees, context, ops.zeros_like(context))
