"""Transformer decoder with a cache of fixed size."""

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.state import SHARED
from keras_attention.layers import Attention
from keras_attention.layers.base.call_checks import check_decoder_inputs
from keras_attention.models.self_attentions import check_steps
from keras_attention.models.transformer_encoder import TransformerEncoder
from keras_attention.ops import Masks
from keras_attention.ops.fitting import check_fits, known


@keras.saving.register_keras_serializable("keras_attention")
class TransformerDecoder(TransformerEncoder):
    """Stack of blocks of causal self-attention and attention over an encoder's annotations.

    Without the latter, `cross=False`, it is the decoder of a `LanguageModel`.

    A step reads one token: the keys and values of the positions before it stand in a cache of fixed
    size, those of the annotations are projected once, in `start`. Stepping through a sentence gives
    the same numbers as the one pass. There is no step after `max_length` of them: where the
    position is known it is an error; in a compiled step runtimes on a CPU refuse to write there,
    but on a GPU or under XLA the cache keeps what it has, and the result is wrong. Linear attention
    keeps sums of a constant size instead, and steps on and on.

    Alignments are the cross-attention weights of one block: the mean over its heads, or one head.
    Nothing is computed for them in training. `alignments` gives those of all blocks and heads.
    Without cross-attention they are the weights of the self-attention, zeros if that has none.

    Args:
        num_layers, num_heads, feed_forward_units, norm, activation, dropout, attention_dropout,
            num_key_value_heads, position: see `TransformerEncoder`.
        alignment_layer: int. Block whose cross-attention is the alignment; -1 is the last.
        alignment_head: int. Head of that block, or None for the mean over all.
        attention: the self-attention, see `TransformerEncoder`. It must decode step by step: those
            that read later positions in spite of a causal mask, such as `LinformerAttention`, are
            refused. The cross-attention is `MultiHeadAttention` of `num_heads`,
            `num_key_value_heads` and `attention_dropout`.
        cross: bool. Whether the blocks attend to an encoder's annotations.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, target, width)`, the embedded previous tokens.
        values: float tensor `(batch, source, value_dim)`, the encoder's annotations; none without
            `cross`.
        values_mask: bool tensor `(batch, source)`, `True` at real positions.
        training: bool. Whether dropout is active.

    Output:
        Float tensor `(batch, target, width)`, from which logits are projected.

    Example:

    >>> decoder = keras_attention.models.TransformerDecoder(2, 4, 16)
    >>> tuple(decoder(np.ones((2, 3, 8), "float32"), np.ones((2, 7, 6), "float32")).shape)
    (2, 3, 8)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", section 3.1.
    """

    # The output is as wide as the embedding that the logits come from: nothing lies between.
    projects_output = False

    def __init__(
        self,
        num_layers,
        num_heads,
        feed_forward_units,
        norm="pre",
        activation="relu",
        dropout=0.0,
        attention_dropout=0.0,
        num_key_value_heads=None,
        position=None,
        alignment_layer=-1,
        alignment_head=None,
        attention=None,
        cross=True,
        **kwargs,
    ):
        self.cross = cross
        super().__init__(
            num_layers,
            num_heads,
            feed_forward_units,
            norm,
            activation,
            dropout,
            attention_dropout,
            num_key_value_heads,
            position,
            attention,
            **kwargs,
        )
        check_steps(self._attention)
        self.alignment_layer = alignment_layer
        self.alignment_head = alignment_head
        if not -num_layers <= alignment_layer < num_layers:
            raise ValueError(
                f"`alignment_layer` must be one of {num_layers} blocks. "
                f"Received: alignment_layer={alignment_layer}"
            )
        heads = num_heads
        if not cross and isinstance(self.attention, Attention):
            heads = getattr(self.attention, "num_heads", 1)
        if alignment_head is not None and not 0 <= alignment_head < heads:
            raise ValueError(
                f"`alignment_head` must be one of {heads} heads. "
                f"Received: alignment_head={alignment_head}"
            )

    def _make_block(self, **kwargs):
        return super()._make_block(causal=True, cross=self.cross, **kwargs)

    def build(self, inputs_shape, values_shape=None):
        self.width = inputs_shape[-1]
        self._build(tuple(inputs_shape), values_shape and tuple(values_shape))

    def call(self, inputs, values=None, values_mask=None, training=None):
        x = self.embedded(inputs, training=training)
        for block in self.blocks:
            x = block(x, values, values_mask=values_mask, training=training)
        return self._finish(x)

    def start(self, values, values_mask=None, max_length=None):
        """State before the first step.

        Args:
            values: float tensor `(batch, source, value_dim)`.
            values_mask: bool tensor `(batch, source)`.
            max_length: int. The most steps that will be made, the size of the cache.

        Returns:
            A dict of tensors, all with the batch as first axis. What is `shared` may be stepped
            with several rows a sentence, the beams of a search.

        Raises:
            ValueError: there is no `max_length`, or more of it than the position has places; or the
                mask does not fit; or the decoder has no cross-attention.
        """
        self._check_cross(True, "start")
        self._check_max_length(max_length)
        shape = ops.shape(values)[:2]
        if values_mask is None:
            values_mask = ops.ones(shape, dtype="bool")
        check_fits("values_mask", values_mask, shape)
        memory = [block.cross_attention.project_memory(values) for block in self.blocks]
        return {
            SHARED: {"memory": memory, "mask": values_mask},
            "caches": [
                block.self_attention.empty_cache(shape[0], max_length, self.width)
                for block in self.blocks
            ],
            "position": ops.zeros(shape[:1], dtype="int32"),
        }

    def start_after(self, inputs, mask, max_length):
        """State after a prompt, which is read in one pass; of a decoder without cross-attention.

        Args:
            inputs: float tensor `(batch, prompt, width)`, the embedded tokens.
            mask: bool tensor `(batch, prompt)`. `True` at those to be read, each row's from its
                start on; the first step writes over what stands behind them.
            max_length: int or scalar tensor. Positions of prompt and steps together, the size of
                the cache.

        Returns:
            A dict of tensors, all with the batch as first axis.

        Raises:
            ValueError: there is no `max_length`, or more of it than the position has places; or the
                decoder has cross-attention; or the attention has a state from step to step and does
                not say how it reads a prompt.
        """
        self._check_cross(False, "start_after")
        self._check_max_length(max_length)
        x, caches = self.embedded(inputs), []
        for block in self.blocks:
            x, cache = block.fill_cache(x, max_length, mask)
            caches.append(cache)
        return {"caches": caches, "position": ops.sum(ops.cast(mask, "int32"), axis=-1)}

    def _check_cross(self, expected, method):
        if bool(self.cross) != expected:
            raise ValueError(
                f"Expected a decoder {'with' if expected else 'without'} cross-attention for "
                f"`{method}`. Received: cross={self.cross}"
            )

    def _check_max_length(self, max_length):
        if max_length is None:
            raise ValueError(
                "A Transformer decoder needs `max_length`, the size of its cache. "
                "Received: max_length=None"
            )
        # In a compiled step nothing would tell: XLA takes the last place for all that follow.
        places = getattr(self.embedded.position, "max_length", None)
        if isinstance(max_length, int) and places is not None and max_length > places:
            raise ValueError(
                f"Expected `max_length` to be at most that of the position, {places}. "
                f"Received: max_length={max_length}"
            )

    def step(self, inputs, state):
        """One step of decoding.

        Args:
            inputs: float tensor `(batch, width)`, the embedded previous tokens.
            state: as `start` or the step before returned it.

        Returns:
            Output `(batch, width)`, the new state, and the alignment `(batch, source)`; without
            cross-attention that of the positions in the cache, `(batch, max_length)`, or None where
            the self-attention has no weights.

        Raises:
            ValueError: the cache is full, as far as that is known: see the class.
        """
        self._check_room(state)
        outputs, state, weights = self._step(inputs, state)
        weights = weights[self.alignment_layer]  # (sentences, heads, beams, source)
        if weights is None:
            return outputs, state, None
        if self.alignment_head is None:
            weights = ops.mean(weights, axis=1)
        else:
            weights = weights[:, self.alignment_head]
        shape = ops.shape(inputs)[0], ops.shape(weights)[2]
        return outputs, state, ops.reshape(weights, shape)

    def _step(self, inputs, state):
        positions = state["position"]
        x = self.embedded(ops.expand_dims(inputs, axis=1), start=positions)
        x, places = ops.squeeze(x, axis=1), ops.expand_dims(positions, axis=1)  # (batch, width)
        slots = self.blocks[0].self_attention.cache_slots(places)  # of all blocks alike
        across = [None] * self.num_layers
        if self.cross:
            memories, masks = state[SHARED]["memory"], Masks(key=state[SHARED]["mask"])
            sizes = _sentences_and_rows(inputs, memories[0]["key"])
            across = [(memory, masks, sizes) for memory in memories]
        caches, all_weights = [], []
        for block, cache, seen in zip(self.blocks, state["caches"], across, strict=True):
            x, cache, weights = block.step(x, cache, places, slots, seen)
            caches.append(cache)
            all_weights.append(weights)
        state = {**state, "caches": caches, "position": positions + 1}
        return self._finish(x), state, all_weights

    def _check_room(self, state):
        positions = known(state["position"])
        max_length = self.blocks[0].self_attention.cache_length(state["caches"][0])
        if positions is not None and max_length is not None and np.any(positions >= max_length):
            raise ValueError(
                f"Expected at most as many steps as `start` was told, {max_length}. "
                f"Received: position={positions.tolist()}"
            )

    def alignments(self, inputs, values, values_mask=None):
        """The cross-attention weights of all blocks and heads, for a given target.

        Args:
            inputs, values, values_mask: As in a call of the layer.

        Returns:
            Float tensor `(batch, layers, heads, target, source)`.
        """
        self._check_cross(True, "alignments")
        x, found = self.embedded(inputs), []
        for block in self.blocks:
            x, weights = block.call(x, values, values_mask=values_mask, return_weights=True)
            found.append(weights)
        return ops.stack(found, axis=1)

    def _check_call(self, inputs=None, values=None, values_mask=None, *others, **options):
        if inputs is not None and (values is None) == bool(self.cross):
            raise ValueError(
                "Expected `values` with cross-attention and none without. Received: "
                f"cross={self.cross}, values {'not given' if values is None else 'given'}"
            )
        check_decoder_inputs(self, inputs, values, values_mask)

    def compute_output_shape(self, inputs_shape, values_shape=None):
        return tuple(inputs_shape)

    def get_config(self):
        alignment = {
            "alignment_layer": self.alignment_layer,
            "alignment_head": self.alignment_head,
        }
        return {**super().get_config(), **alignment, "cross": self.cross}


def _sentences_and_rows(inputs, memory):
    """How many sentences there are, and how many rows of each: the beams of a search, or one."""
    rows, sentences = ops.shape(inputs)[0], ops.shape(memory)[0]
    is_known = isinstance(rows, int) and isinstance(sentences, int)
    return sentences, rows // (max(sentences, 1) if is_known else ops.maximum(sentences, 1))
