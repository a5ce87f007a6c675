"""Functional encoder-decoder model that trains in one pass and decodes step by step."""

import keras
from keras import ops

from keras_attention.layers.base.call_checks import check_input
from keras_attention.models.generation import generate
from keras_attention.models.sequence_model import SequenceModel
from keras_attention.models.sequence_parts import (
    SequenceParts,
    check_source_kind,
    check_targets,
    embed,
    make_source_embedding,
    make_target_embedding,
    source_input,
)


@keras.saving.register_keras_serializable("keras_attention")
class Seq2Seq(SequenceModel):
    """Encoder and decoder joined into one functional Keras model.

    Called with a dict of ids it gives logits for every target position (teacher forcing). The same
    weights decode through `encode`, `start`, `step` and `generate`; stepping through a sentence
    gives the logits of the one pass.

    Args:
        encoder: layer from embedded source `(batch, source, features)` and its mask to annotations,
            such as `RecurrentEncoder`.
        decoder: layer with `start`, `step` and `call` over annotations, such as `BahdanauDecoder`.
        source_vocabulary_size: int, or `None` when the source is frames of features.
        target_vocabulary_size: int.
        embedding_dim: int. Width of the token embeddings.
        tie_embeddings: bool. Whether the target embedding is also the output projection.
        share_embeddings: bool. Whether source and target use one embedding (one joint vocabulary).
        source_features: int. Width of a frame, when the source is not ids but float frames
            `(batch, source, source_features)`.
        pad_id, start_id, end_id: int. Special ids, the same in both vocabularies.
        **kwargs: Keyword arguments of `keras.Model`, such as `name` and `dtype`.

    Call arguments:
        inputs: dict of int tensors, `source` `(batch, source)` ending in `end_id` and `target`
            `(batch, target)` beginning with `start_id`, padded with `pad_id`. The target is padded
            on the right; padding on its left is refused in arrays, and not looked for in a
            `tf.data.Dataset` or while a function is traced. If given, `source_mask` is bool
            `(batch, source)`, True at real positions: `np.arange(source) < lengths[:, None]` for an
            array of lengths. Without it ids other than `pad_id` are real, and frames up to the last
            one that is not all zeros: frames of zeros are padding at the end only.
        training: bool. Whether dropout is active.

    Output:
        Logits, float tensor `(batch, target, target_vocabulary_size)`.

    Example:

    >>> model = keras_attention.models.Seq2Seq(
    ...     encoder=keras_attention.models.RecurrentEncoder(units=8),
    ...     decoder=keras_attention.models.BahdanauDecoder(units=8),
    ...     source_vocabulary_size=11, target_vocabulary_size=13, embedding_dim=6)
    >>> ids = np.array([[2, 5, 4, 3]], "int32")
    >>> model({"source": ids, "target": ids}).shape
    TensorShape([1, 4, 13])
    >>> result = model.generate(ids, keras_attention.decoding.Greedy(max_length=5))
    >>> result.ids.shape
    TensorShape([1, 1, 5])
    """

    def __init__(
        self,
        encoder,
        decoder,
        source_vocabulary_size,
        target_vocabulary_size,
        embedding_dim=128,
        tie_embeddings=True,
        share_embeddings=False,
        source_features=None,
        pad_id=0,
        start_id=2,
        end_id=3,
        **kwargs,
    ):
        check_source_kind(source_vocabulary_size, source_features)
        if share_embeddings and source_vocabulary_size != target_vocabulary_size:
            raise ValueError(
                "`share_embeddings` needs one joint vocabulary. Received: "
                f"source_vocabulary_size={source_vocabulary_size}, "
                f"target_vocabulary_size={target_vocabulary_size}"
            )
        dtype = keras.dtype_policies.get(kwargs.pop("dtype", None))
        target_embedding = make_target_embedding(
            target_vocabulary_size, embedding_dim, tie_embeddings, dtype
        )
        source_embedding = target_embedding
        if not share_embeddings:
            source_embedding = make_source_embedding(
                source_vocabulary_size, embedding_dim, source_features, dtype
            )
        projection = None
        if getattr(decoder, "projects_output", True):
            projection = keras.layers.Dense(embedding_dim, dtype=dtype, name="projection")
        # No layer may be an attribute of a Torch module before it is made; in a list they may.
        # Listed here, they keep the order that the weights of earlier models have.
        self._listed = [encoder, decoder, target_embedding, source_embedding, projection]
        target = keras.Input((None,), dtype="int32", name="target")
        inputs = {"source": source_input(source_features), "target": target}
        parts = SequenceParts(*self._listed, pad_id)
        logits = parts.decode(inputs["target"], parts.encode(inputs["source"]))
        super().__init__(inputs=inputs, outputs=logits, **kwargs)
        del self._listed
        self.dtype_policy = dtype  # `compile` scales the loss where it is mixed_float16.
        self.encoder = encoder
        self.decoder = decoder
        self.target_embedding = target_embedding
        self.source_embedding = source_embedding
        self.projection = projection
        self.embedding_dim = embedding_dim
        self.pad_id = pad_id
        self.start_id = start_id
        self.end_id = end_id
        self.source_vocabulary_size = source_vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size
        self.tie_embeddings = tie_embeddings
        self.share_embeddings = share_embeddings
        self.source_features = source_features

    def _check_batch(self, inputs):
        check_targets(inputs, self.pad_id)

    def call(self, inputs, training=None, mask=None):
        if isinstance(inputs, dict):
            self._check_source(inputs["source"])
            check_input(self, "target", inputs["target"], ("batch", "target"))
        check_targets(inputs, self.pad_id)
        if not _has_mask(inputs):
            return super().call(inputs, training=training, mask=mask)
        parts = self._parts()
        source, target = (ops.convert_to_tensor(inputs[name]) for name in ("source", "target"))
        memory = parts.encode(source, inputs["source_mask"], training=training)
        return parts.decode(target, memory, training=training)

    def compute_output_spec(self, inputs, training=None, mask=None):
        if _has_mask(inputs):
            inputs = {name: inputs[name] for name in ("source", "target")}
        return super().compute_output_spec(inputs, training=training)

    def _parts(self):
        # A method: Keras saves the layers that it finds in attributes and properties.
        return SequenceParts(
            self.encoder,
            self.decoder,
            self.target_embedding,
            self.source_embedding,
            self.projection,
            self.pad_id,
        )

    def encode(self, source, training=False, source_mask=None):
        """The memory a decoder looks back at.

        Args:
            source: int tensor `(batch, source)`, or float frames `(batch, source,
                source_features)`.
            training: bool. Whether dropout is active.
            source_mask: bool tensor `(batch, source)`, as in a call.

        Returns:
            A dict: `values`, float `(batch, source, value_dim)`, and `mask`, bool `(batch,
                source)`.
        """
        self._check_source(source)
        return self._parts().encode(ops.convert_to_tensor(source), source_mask, training=training)

    def _check_source(self, source):
        features = () if self.source_features is None else ("source_features",)
        check_input(self, "source", source, ("batch", "source", *features))

    def start(self, memory, max_length=None):
        """Decoder state before the first step.

        Args:
            memory: dict, as `encode` returns it.
            max_length: int. Steps that will be made at most, for decoders that keep a fixed-size
                cache, which must not be stepped past it; recurrent ones need none.

        Returns:
            A nested structure of tensors, all with the batch as first axis. What stands in it under
            a key `"shared"` keeps that axis where a search steps with several rows a sentence.
        """
        return self.decoder.start(memory["values"], memory["mask"], max_length)

    def step(self, token_ids, state):
        """One step of decoding.

        Args:
            token_ids: int tensor `(batch,)`, the previous tokens; `start_id` at first.
            state: as `start` or the step before returned it.

        Returns:
            Logits `(batch, target_vocabulary_size)`, the new state, and the alignment over source
            positions `(batch, source)`.
        """
        embedded = embed(self.target_embedding, token_ids)
        outputs, state, alignment = self.decoder.step(embedded, state)
        return self._parts().logits(outputs), state, alignment

    def alignments(self, inputs):
        """Attention over the source of every layer and head of the decoder, for given targets.

        What `step` returns is one of them or their mean. Only a decoder of several attentions, such
        as `TransformerDecoder`, offers this.

        Args:
            inputs: dict, as in a call.

        Returns:
            Float tensor `(batch, layers, heads, target, source)`.

        Raises:
            ValueError: the decoder has one attention, which `step` returns.
        """
        if not hasattr(self.decoder, "alignments"):
            raise ValueError(
                "Expected a decoder with `alignments`, such as `TransformerDecoder`. "
                f"Received: decoder={type(self.decoder).__name__}"
            )
        memory = self.encode(inputs["source"], source_mask=inputs.get("source_mask"))
        embedded = embed(self.target_embedding, ops.convert_to_tensor(inputs["target"]))
        return self.decoder.alignments(embedded, memory["values"], memory["mask"])

    def generate(self, source, search, prefix=None, return_alignments=True, source_mask=None):
        """Decodes a batch of sources.

        Args:
            source: int tensor `(batch, source)`, or float frames `(batch, source,
                source_features)`.
            search: a search of `keras_attention.decoding`, such as `Beam(width=5)`.
            prefix: int tensor `(batch, prefix)`. Tokens each row begins with, padded with `pad_id`;
                a row goes on freely from there. Padding on the left is skipped.
            return_alignments: bool. Whether the result holds alignments.
            source_mask: bool tensor `(batch, source)`, as in a call.

        Returns:
            `keras_attention.decoding.SearchResult` of tensors. Can be traced by `tf.function` and
            `jax.jit`.
        """
        return generate(self, source, search, prefix, return_alignments, source_mask)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.target_embedding.dtype_policy),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "source_vocabulary_size": self.source_vocabulary_size,
            "target_vocabulary_size": self.target_vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "tie_embeddings": self.tie_embeddings,
            "share_embeddings": self.share_embeddings,
            "source_features": self.source_features,
            "pad_id": self.pad_id,
            "start_id": self.start_id,
            "end_id": self.end_id,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def restore(item):
            return keras.saving.deserialize_keras_object(item, custom_objects=custom_objects)

        return cls(
            **{
                **config,
                "encoder": restore(config["encoder"]),
                "decoder": restore(config["decoder"]),
            }
        )


def _has_mask(inputs):
    return isinstance(inputs, dict) and "source_mask" in inputs
