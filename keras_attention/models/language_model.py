"""Functional decoder-only model that trains in one pass and generates step by step."""

import keras
from keras import ops

from keras_attention.decoding.state import SHARED
from keras_attention.layers.base.call_checks import check_input
from keras_attention.models.generation import generate
from keras_attention.models.sequence_model import SequenceModel
from keras_attention.models.sequence_parts import (
    check_filled_from_start,
    check_right_padding,
    embed,
    make_target_embedding,
)
from keras_attention.ops import masks
from keras_attention.ops.fitting import as_bool, bool_where_known, check_fits


@keras.saving.register_keras_serializable("keras_attention")
class LanguageModel(SequenceModel):
    """Decoder without an encoder: each token is predicted from those before it.

        P(y_1, ..., y_n) = prod_t P(y_t | y_1, ..., y_{t-1})

    Called with ids it gives the logits of the token after each of them (teacher forcing): it trains
    by `fit(ids[:, :-1], ids[:, 1:])`. The same weights continue a prompt through `encode`, `start`,
    `step` and `generate`, the protocol of `Seq2Seq`: every search, `CompiledSearch`, `Ensemble` and
    the exported search take it. Incremental decoding matches teacher forcing.

    `encode` keeps the prompt, `start` reads all of it but the last token in one pass, and the
    search begins with that one. What it returns is the continuation, without the prompt. Prompts of
    different lengths are padded on the right: the continuation of each takes the places of its
    padding. A prompt of padding alone begins with `start_id`.

    The alignment of a step is the weights of its self-attention over the prompt, those of one block
    (see `TransformerDecoder`). They sum to less than one, as the tokens since the prompt are
    attended to, too; they are zero where the attention has none, as linear attention.

    Args:
        decoder: layer with `start_after`, `step` and `call`, such as
            `TransformerDecoder(..., cross=False)`.
        vocabulary_size: int.
        embedding_dim: int. Width of the token embeddings.
        tie_embeddings: bool. Whether the embedding is also the output projection.
        pad_id, start_id, end_id: int. Special ids.
        **kwargs: Keyword arguments of `keras.Model`, such as `name` and `dtype`.

    Call arguments:
        inputs: int tensor `(batch, length)`, padded with `pad_id` on the right. Padding on the left
            is refused in arrays, also by `CompiledSearch`, and not looked for in a
            `tf.data.Dataset` or while a function is traced.
        training: bool. Whether dropout is active.

    Output:
        Logits, float tensor `(batch, length, vocabulary_size)`.

    Example:

    >>> decoder = keras_attention.models.TransformerDecoder(2, 4, 16, cross=False)
    >>> model = keras_attention.models.LanguageModel(decoder, vocabulary_size=11, embedding_dim=8)
    >>> prompts = np.array([[2, 5, 4, 7], [2, 6, 0, 0]], "int32")
    >>> tuple(model(prompts).shape)
    (2, 4, 11)
    >>> result = model.generate(prompts, keras_attention.decoding.Beam(width=3, max_length=5))
    >>> tuple(result.ids.shape)
    (2, 1, 5)

    Reference:
        Radford et al., 2018, "Improving Language Understanding by Generative Pre-Training",
        section 3.1.
    """

    source_features = None  # The prompt is ids.

    def __init__(
        self,
        decoder,
        vocabulary_size,
        embedding_dim=128,
        tie_embeddings=True,
        pad_id=0,
        start_id=2,
        end_id=3,
        **kwargs,
    ):
        if getattr(decoder, "cross", True) or not hasattr(decoder, "start_after"):
            raise ValueError(
                "Expected a `decoder` without cross-attention, such as "
                f"`TransformerDecoder(..., cross=False)`. Received: decoder={decoder}"
            )
        dtype = keras.dtype_policies.get(kwargs.pop("dtype", None))
        embedding = make_target_embedding(
            vocabulary_size, embedding_dim, tie_embeddings, dtype, name="embedding"
        )
        ids = keras.Input((None,), dtype="int32", name="ids")
        logits = embedding(decoder(embed(embedding, ids)), reverse=True)
        super().__init__(inputs=ids, outputs=logits, **kwargs)
        self.dtype_policy = dtype  # `compile` scales the loss where it is mixed_float16.
        self.decoder = decoder
        self.embedding = embedding
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.tie_embeddings = tie_embeddings
        self.pad_id = pad_id
        self.start_id = start_id
        self.end_id = end_id

    @property
    def source_vocabulary_size(self):
        """The vocabulary of prompts, the same as that of what is generated."""
        return self.vocabulary_size

    @property
    def target_vocabulary_size(self):
        """The vocabulary of what is generated."""
        return self.vocabulary_size

    def _check_batch(self, inputs):
        check_right_padding("inputs", inputs, self.pad_id)

    def call(self, inputs, training=None, mask=None):
        check_input(self, "inputs", inputs, ("batch", "length"))
        self._check_batch(inputs)
        return super().call(inputs, training=training, mask=mask)

    def check_source(self, source, source_mask=None):
        """Refuses prompts with padding before tokens, as far as their numbers are known.

        Args:
            source, source_mask: see `encode`, which checks them; `CompiledSearch` does so before
                they are traced.

        Raises:
            ValueError: a row has padding, or False in its mask, before tokens; or the mask does not
                fit.
        """
        check_input(self, "source", source, ("batch", "prompt"))
        source = ops.convert_to_tensor(source)
        if source_mask is None:
            check_right_padding("source", source, self.pad_id)
            check_filled_from_start("source != pad_id", masks.padding_mask(source, self.pad_id))
        else:
            source_mask = bool_where_known("source_mask", source_mask)
            check_fits("source_mask", source_mask, source.shape)
            check_filled_from_start("source_mask", as_bool(source_mask, "source_mask"))

    def encode(self, source, training=False, source_mask=None):
        """The prompt, as `start` takes it.

        Args:
            source: int tensor `(batch, prompt)`, padded with `pad_id` on the right.
            training: bool. Makes no difference: nothing is computed yet.
            source_mask: bool tensor `(batch, prompt)`, `True` at the tokens, which each row begins
                with. Ids other than `pad_id` if not given.

        Returns:
            A dict: `ids` and `mask`, `(batch, prompt)`, and `start_id`, int32 `(batch,)`, the last
            token of each prompt, with which a search begins.

        Raises:
            ValueError: as `check_source`.
        """
        self.check_source(source, source_mask)
        ids = ops.cast(ops.convert_to_tensor(source), "int32")
        mask = masks.padding_mask(ids, self.pad_id)
        if source_mask is not None:
            mask = as_bool(source_mask, "source_mask")
        last = _lengths(mask)[:, None] - 1  # (batch, 1)
        is_last = ops.arange(ops.shape(ids)[1], dtype="int32") == last  # (batch, prompt)
        start_id = ops.sum(ops.where(is_last, ids, 0), axis=1)
        start_id = ops.where(last[:, 0] < 0, self.start_id, start_id)
        return {"ids": ids, "mask": mask, "start_id": start_id}

    def start(self, memory, max_length=None):
        """The state after all tokens of the prompts but the last.

        Args:
            memory: dict, as `encode` returns it.
            max_length: int. Steps that will be made at most.

        Returns:
            A nested structure of tensors, all with the batch as first axis.
        """
        ids, mask = memory["ids"], memory["mask"]
        length = ops.shape(ids)[1]
        # The last token of the longest prompt is read for nothing: the first step writes over it.
        read = ops.arange(length, dtype="int32") < _lengths(mask)[:, None] - 1
        size = None if max_length is None else length + max_length - 1
        state = self.decoder.start_after(embed(self.embedding, ids), read, size)
        return {**state, SHARED: {"mask": mask}}

    def step(self, token_ids, state):
        """One step of generation.

        Args:
            token_ids: int tensor `(batch,)`, the previous tokens; `start_id` of `encode` at first.
            state: as `start` or the step before returned it.

        Returns:
            Logits `(batch, vocabulary_size)`, the new state, and the alignment over the prompt
            `(batch, prompt)`.
        """
        embedded = embed(self.embedding, token_ids)
        outputs, state, alignment = self.decoder.step(embedded, state)
        alignment = _over_prompt(alignment, state[SHARED]["mask"], ops.shape(token_ids)[0])
        return self.embedding(outputs, reverse=True), state, alignment

    def generate(self, source, search, prefix=None, return_alignments=True, source_mask=None):
        """Continues a batch of prompts.

        Args:
            source: int tensor `(batch, prompt)`, padded with `pad_id` on the right.
            search: a search of `keras_attention.decoding`, such as `Beam(width=5)`, whose
                `max_length` is that of the continuation.
            prefix: int tensor `(batch, prefix)`. Tokens each continuation begins with, padded with
                `pad_id`; they count in its score, and those of the prompt do not.
            return_alignments: bool. Whether the result holds alignments.
            source_mask: bool tensor `(batch, prompt)`, see `encode`.

        Returns:
            `keras_attention.decoding.SearchResult` of tensors, without the prompts.
        """
        return generate(self, source, search, prefix, return_alignments, source_mask)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.embedding.dtype_policy),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "tie_embeddings": self.tie_embeddings,
            "pad_id": self.pad_id,
            "start_id": self.start_id,
            "end_id": self.end_id,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        decoder = keras.saving.deserialize_keras_object(
            config["decoder"], custom_objects=custom_objects
        )
        return cls(**{**config, "decoder": decoder})


def _lengths(mask):
    return ops.sum(ops.cast(mask, "int32"), axis=1)  # (batch,)


def _over_prompt(alignment, mask, rows):
    """The alignment of the positions of a prompt `(rows, prompt)`, zero at its padding.

    Args:
        alignment: float tensor `(rows, positions)`, or None.
        mask: bool tensor `(prompts, prompt)`; each has the same number of rows.
        rows: int or scalar tensor.
    """
    prompts, length = ops.shape(mask)
    if alignment is None:
        return ops.zeros((rows, length), dtype="float32")
    alignment = ops.reshape(alignment[:, :length], (prompts, -1, length))
    alignment = ops.where(mask[:, None], alignment, ops.zeros_like(alignment))
    return ops.reshape(alignment, (rows, length))
