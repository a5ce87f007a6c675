"""Transformer-XL's memory of former segments."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.call_checks import CheckedCall, check_alike, check_masked_input
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class SegmentMemory(CheckedCall, keras.layers.Layer):
    """The last hidden states of former segments, as further keys and values of the next.

    `h~ = [stop_gradient(memory); h]` (Dai et al., 2019, section 3.2): a long text is read segment
    by segment, queries come from the segment alone, and keys and values from the memory too. No
    gradient flows into former segments. What the memory holds is given and returned, never kept.

    Queries stand `length` positions later than the first of their keys: `count_from(length,
    segment)`, the `query_positions` of a multi-head layer, by which positions and a causal mask
    then go. With a memory as long as the text before, segment by segment gives what the whole text
    gives at once. To see no farther than `reach`, at most `length`, wherever a segment begins, give
    an `attention_mask`: `past_mask(query_positions, key_positions, reach)`.

    Args:
        length: How many hidden states to remember.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        segment: Float tensor of shape `(batch, segment, dim)`, a layer's input.
        memory: What `start` or the call before returned.
        segment_mask: Bool tensor of shape `(batch, segment)`, True = a real position; Keras' mask
            of the segment if not given.

    Output:
        Memory and segment `(batch, length + segment, dim)`, their mask
        `(batch, length + segment)`, and the memory for the next segment. Keras' mask is not
        carried on, as the output is longer than the input.

    Example:

    >>> import keras
    >>> from keras_attention.layers import (
    ...     MultiHeadAttention, SegmentMemory, TransformerXLPosition
    ... )
    >>> from keras_attention.ops import count_from
    >>> attention = MultiHeadAttention(2, 5, position=TransformerXLPosition())
    >>> segments, text = SegmentMemory(length=6), keras.random.normal((2, 6, 7))
    >>> memory, contexts = segments.start(text), []
    >>> for x in (text[:, :3], text[:, 3:]):
    ...     keys, mask, memory = segments(x, memory)
    ...     queries = count_from(segments.length, x.shape[1])
    ...     contexts.append(attention(
    ...         x, keys, value_mask=mask, use_causal_mask=True, query_positions=queries
    ...     ))
    >>> at_once = attention(text, text, use_causal_mask=True)
    >>> found = keras.ops.concatenate(contexts, axis=1)
    >>> bool(keras.ops.all(keras.ops.abs(found - at_once) < 1e-4))
    True

    Reference:
        Dai et al., 2019, "Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context".
    """

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        length = check_count("length", length)
        self.length = length
        self.supports_masking = True

    def start(self, segment):
        """The memory before the first segment: nothing that may be attended to.

        Args:
            segment: Float tensor of shape `(batch, segment, dim)`; only its batch and dim matter.

        Returns:
            A dict of `states` `(batch, length, dim)` and `mask` `(batch, length)`.
        """
        shape = (ops.shape(segment)[0], self.length, segment.shape[-1])
        return {
            "states": ops.zeros(shape, dtype=self.compute_dtype),
            "mask": ops.zeros(shape[:2], dtype="bool"),
        }

    def call(self, segment, memory, segment_mask=None):
        if segment_mask is None:
            segment_mask = ops.ones(ops.shape(segment)[:2], dtype="bool")
        former = ops.stop_gradient(ops.cast(memory["states"], segment.dtype))
        states = ops.concatenate([former, segment], axis=1)
        mask = ops.concatenate([memory["mask"], as_bool(segment_mask, "segment_mask")], axis=1)
        last = {
            "states": ops.stop_gradient(states[:, -self.length :]),
            "mask": mask[:, -self.length :],
        }
        return states, mask, last

    def _check_call(self, segment=None, memory=None, segment_mask=None, *others, **options):
        axes = ("batch", "segment", "dim")
        check_masked_input(self, "segment", segment, axes, ("segment_mask", segment_mask))
        if isinstance(memory, dict):
            states = {"segment": segment, "states": memory.get("states")}
            check_alike(slice(0, 3, 2), "the same batch and size", **states)

    def compute_mask(self, inputs, previous_mask=None):
        """None: the output says itself what is real.

        Args:
            inputs: The segment.
            previous_mask: Its Keras mask, or None.

        Returns:
            None.
        """
        return None

    def get_config(self):
        return {**super().get_config(), "length": self.length}
