"""The blocks of Transformer encoders and decoders: attention, feed-forward, norms, residuals."""

import keras
from keras import ops

from keras_attention.layers import MultiHeadAttention
from keras_attention.layers.base.nested import build_once
from keras_attention.layers.base.rematerialized import Rematerialized
from keras_attention.layers.positions import Position
from keras_attention.models.feed_forward import FeedForward
from keras_attention.models.self_attentions import check_context, make_heads, make_self_attention
from keras_attention.ops import Masks

NORMS = ("pre", "post")


class Sublayer(Rematerialized, keras.layers.Layer):
    """The norm and the residual connection around attention or feed-forward.

    "pre": `x + dropout(f(norm(x)))`; "post": `norm(x + dropout(f(x)))` (Vaswani et al., 2017,
    section 5.4; Xiong et al., 2020, table 1).

    Args:
        norm: `"pre"` or `"post"`.
        dropout: float in [0, 1).
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, norm, dropout, **kwargs):
        super().__init__(**kwargs)
        self.norm = norm
        self.normalization = make_norm(self.dtype_policy)
        self.dropping = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, inputs_shape):
        self.normalization.build(inputs_shape)

    def before(self, x):
        """What `f` reads."""
        return self.normalization(x) if self.norm == "pre" else x

    def after(self, x, found, training=None):
        """The block's output, from its input and what `f` found."""
        x = x + self.dropping(found, training=training)
        return x if self.norm == "pre" else self.normalization(x)


class TransformerBlock(Rematerialized, keras.layers.Layer):
    """A block of a Transformer: self-attention, cross-attention if asked for, feed-forward.

    Args:
        settings: dict, the configuration of a `TransformerEncoder`'s own arguments.
        attention: the self-attention, as `standardize_attention` returns it.
        causal: bool. Whether each position attends to itself and those before it only.
        cross: bool. Whether the block also attends to an encoder's values.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, settings, attention=None, causal=False, cross=False, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.settings = settings
        self.attention = attention
        self.causal = causal
        self.cross = cross
        norm, dropout = settings["norm"], settings["dropout"]

        def sublayer(name):
            return Sublayer(norm, dropout, dtype=self.dtype_policy, name=name)

        self.around_self = sublayer("around_self")
        self.around_cross = sublayer("around_cross") if cross else None
        self.around_feed_forward = sublayer("around_feed_forward")
        self.feed_forward = FeedForward(
            settings["feed_forward_units"],
            settings["activation"],
            dtype=self.dtype_policy,
            name="feed_forward",
        )

    def build(self, inputs_shape, values_shape=None):
        if self.built:  # Keras builds nested layers of a saved model by themselves.
            return
        width = inputs_shape[-1]
        settings, dtype = self.settings, self.dtype_policy
        position = own_position(settings["position"])
        self.self_attention = make_self_attention(self.attention, settings, width, position, dtype)
        check_context(self.self_attention, inputs_shape)
        self.self_attention.build(inputs_shape, inputs_shape)
        if self.cross:
            self.cross_attention = make_heads(
                MultiHeadAttention, settings, width, "cross_attention", dtype
            )
            self.cross_attention.build(inputs_shape, values_shape)
            self.around_cross.build(inputs_shape)
        self.around_self.build(inputs_shape)
        self.feed_forward.build(inputs_shape)
        self.around_feed_forward.build(inputs_shape)

    def call(
        self,
        inputs,
        values=None,
        mask=None,
        values_mask=None,
        training=None,
        return_weights=False,
    ):
        """All positions at once.

        With `return_weights` also the cross-attention's weights, `(batch, heads, target, source)`.
        """
        x = self.around_self.before(inputs)
        found = self.self_attention(
            x, x, value_mask=mask, use_causal_mask=self.causal, training=training
        )
        x = self.around_self.after(inputs, found, training)
        weights = None
        if self.cross:
            query, memory = self.around_cross.before(x), self.cross_attention.project_memory(values)
            found, weights = self.cross_attention.attend(
                query, memory, Masks(key=values_mask), training, return_weights=return_weights
            )
            x = self.around_cross.after(x, found, training)
        x = self._feed_forward(x, training)
        return (x, weights) if return_weights else x

    def _feed_forward(self, x, training=None):
        found = self.feed_forward(self.around_feed_forward.before(x), training=training)
        return self.around_feed_forward.after(x, found, training)

    def compute_output_shape(self, inputs_shape, values_shape=None):
        return tuple(inputs_shape)

    def fill_cache(self, x, max_length, mask):
        """The first positions in one pass, of a block without cross-attention.

        Args:
            x: float tensor `(batch, length, width)`.
            max_length, mask: see `CausalSteps.fill_cache`.

        Returns:
            Output `(batch, length, width)` and the cache.
        """
        found, cache = self.self_attention.fill_cache(self.around_self.before(x), max_length, mask)
        return self._feed_forward(self.around_self.after(x, found)), cache

    def step(self, x, cache, positions, slots, across=None):
        """One position.

        Args:
            x: float tensor `(batch, width)`.
            cache: as `self_attention.empty_cache` or the step before returned it.
            positions: int32 tensor `(batch, 1)`.
            slots: what `self_attention.cache_slots` returned for them.
            across: what the cross-attention looks at, None without one. A triple: what its
                `project_memory` returned, of every row or of sentences with several rows each; the
                `Masks` of that; and a pair of ints or scalar tensors, the sentences and the rows of
                each.

        Returns:
            Output `(batch, width)`, the new cache, and the weights of the cross-attention
            `(sentences, heads, rows of a sentence, source)`. Without it those of the self-attention
            `(batch, heads, 1, max_length)`, or None where it has none.
        """
        inputs = ops.expand_dims(self.around_self.before(x), axis=1)  # (batch, 1, width)
        found, weights, cache = self.self_attention.step_cache(inputs, cache, positions, slots)
        x = self.around_self.after(x, ops.reshape(found, (-1, x.shape[-1])))
        if self.cross:
            found, weights = self._look_back(self.around_cross.before(x), *across)
            x = self.around_cross.after(x, found)
        return self._feed_forward(x), cache, weights

    def _look_back(self, x, memory, masks, sizes):
        """Cross-attention, the rows of one sentence as queries of its one memory.

        They are projected row by row: the number of rows of a sentence is not known before the run,
        and with it TensorFlow would look up the shape of everything.
        """
        cross = self.cross_attention
        query = cross.project_query(ops.expand_dims(x, axis=1))  # (batch, heads, 1, key_dim)
        query = ops.reshape(query, (*sizes, cross.num_heads, cross.key_dim))
        query = ops.swapaxes(query, 1, 2)  # (sentences, heads, rows of a sentence, key_dim)
        context, weights = cross.attend_heads(
            query,
            memory["key"],
            memory["value"],
            masks,
            bias=None,
            training=False,
            return_weights=True,
            query_positions=None,  # only positions inside the attention ask, and it has none
        )
        context = ops.swapaxes(context, 1, 2)
        context = ops.reshape(context, (-1, cross.num_heads, 1, cross.value_dim))
        found = ops.reshape(cross.merge_heads(context), (-1, x.shape[-1]))
        sees = masks.rows(1, ops.shape(memory["key"])[2])  # (sentences, 1)
        sees = ops.reshape(ops.broadcast_to(sees, sizes), (-1, 1))  # (batch, 1)
        return ops.where(sees, found, 0.0), weights


def make_norm(dtype):
    """Layer normalisation with the epsilon of Transformers."""
    return keras.layers.LayerNormalization(epsilon=1e-5, dtype=dtype)


def own_position(config):
    """A position with weights of its own from a configuration, where it is one inside attention."""
    position = keras.saving.deserialize_keras_object(config)
    return position if isinstance(position, Position) else None


class EmbeddedPosition(Rematerialized, keras.layers.Layer):
    """What a stack does to its embedded input: positions that are added, then dropout.

    Args:
        position: layer that adds positions to embeddings, or a `Position` inside attention, which
            adds nothing here.
        dropout: float in [0, 1).
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, position, dropout, **kwargs):
        super().__init__(**kwargs)
        self.adds = not isinstance(position, Position)
        self.position = position if self.adds else None
        self.dropping = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, inputs_shape):
        if self.adds:
            build_once(self.position, self, inputs_shape)

    def call(self, inputs, start=0, training=None):
        x = self.position(inputs, start=start) if self.adds else inputs
        return self.dropping(x, training=training)


def check_settings(settings):
    """Raises ValueError for numbers and names that make no Transformer."""
    if settings["norm"] not in NORMS:
        raise ValueError(f"`norm` must be one of {NORMS}. Received: norm={settings['norm']!r}")
