"""Functional encoder-only model: an encoder and one or several heads."""

import keras
from keras import ops

from keras_attention.decoding.arguments import share
from keras_attention.layers.base.call_checks import check_input
from keras_attention.models.head import Head
from keras_attention.models.sequence_model import SequenceModel
from keras_attention.models.sequence_parts import (
    check_source_kind,
    embed_source,
    make_source_embedding,
    real_positions,
    source_input,
)
from keras_attention.ops.fitting import as_bool, bool_where_known, check_fits

ONLY_HEAD = "answer"  # Its name in `heads` where there is one.


@keras.saving.register_keras_serializable("keras_attention")
class EncoderModel(SequenceModel):
    """Encoder and heads joined into one functional Keras model.

    Called with sources it gives what each head is trained on, such as logits; `answer` gives what
    each head finds, with the weights over the source that are its evidence. It trains with plain
    `fit`, by the losses and metrics of its heads: `compile(loss="auto")`.

    Args:
        encoder: layer from embedded source `(batch, source, features)` and its mask to annotations,
            such as `RecurrentEncoder` or `TransformerEncoder`; None where the heads read the
            embedded source, whatever its order.
        heads: a head, such as `ClassificationHead`, or a dict of heads by name, all of which read
            the same annotations.
        source_vocabulary_size: int, or None when the source is frames of features.
        source_features: int. Width of a frame, when the source is not ids but float frames
            `(batch, source, source_features)`.
        embedding_dim: int. Width of the token embeddings, or of the projected frames.
        dropout: float in [0, 1). Fraction of the annotations' features dropped before the heads.
        pad_id: int. Id of padding.
        **kwargs: Keyword arguments of `keras.Model`, such as `name` and `dtype`.

    Call arguments:
        inputs: int tensor of ids `(batch, source)`, padded with `pad_id`, or float frames. A dict
            of `source` and `words` if a head reads words: bool `(batch, source)`, True at the first
            piece of each word. A dict may also have `source_mask`, bool `(batch, source)`, True at
            real positions: without it ids other than `pad_id` are real, and frames up to the last
            one that is not all zeros.
        training: bool. Whether dropout is active.

    Output:
        The output of the head, or a dict of outputs by the names of the heads.

    Example:

    >>> model = keras_attention.models.EncoderModel(
    ...     keras_attention.models.RecurrentEncoder(units=8),
    ...     keras_attention.models.ClassificationHead(num_labels=3), source_vocabulary_size=11)
    >>> model.compile("adam")
    >>> ids, labels = np.array([[4, 5, 3], [7, 3, 0]], "int32"), np.array([0, 2])
    >>> history = model.fit(ids, labels, verbose=0)
    >>> [round(float(total), 4) for total in ops.sum(model.answer(ids)["evidence"], axis=1)]
    [1.0, 1.0]
    """

    def __init__(
        self,
        encoder,
        heads,
        source_vocabulary_size=None,
        source_features=None,
        embedding_dim=128,
        dropout=0.0,
        pad_id=0,
        **kwargs,
    ):
        check_source_kind(source_vocabulary_size, source_features)
        named = heads if isinstance(heads, dict) else {ONLY_HEAD: heads}
        _check_heads(named)
        dtype = keras.dtype_policies.get(kwargs.pop("dtype", None))
        embedding = make_source_embedding(
            source_vocabulary_size, embedding_dim, source_features, dtype
        )
        dropout_layer = keras.layers.Dropout(share("dropout", dropout), dtype=dtype, name="dropout")
        source, words = source_input(source_features), None
        inputs = source
        if any(head.words for head in named.values()):
            words = keras.Input((None,), dtype="bool", name="words")
            inputs = {"source": source, "words": words}
        mask = real_positions(source, pad_id=pad_id)
        memory = _encode(embedding, encoder, dropout_layer, source, mask)
        outputs = _each(named, _output, memory, words)
        if not isinstance(heads, dict):
            outputs = outputs[ONLY_HEAD]
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.dtype_policy = dtype  # `compile` scales the loss where it is mixed_float16.
        self.source_embedding = embedding
        self.encoder = encoder
        self.dropout_layer = dropout_layer
        self.heads = dict(named)
        self.has_one_head = not isinstance(heads, dict)
        self.source_vocabulary_size = source_vocabulary_size
        self.source_features = source_features
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.pad_id = pad_id

    @property
    def reads_words(self):
        """Whether inputs are dicts with `words`."""
        return any(head.words for head in self.heads.values())

    def compile(self, optimizer="rmsprop", loss="auto", metrics="auto", **kwargs):
        """Configures training: see `keras.Model`.

        Args:
            optimizer: as Keras takes it.
            loss: `"auto"`, the loss of each head; or as Keras takes it.
            metrics: `"auto"`, the metrics of each head; or as Keras takes it.
            **kwargs: further ones of `keras.Model.compile`, such as `loss_weights`.
        """
        if isinstance(loss, str) and loss == "auto":
            loss = self._by_head({name: head.make_loss() for name, head in self.heads.items()})
        if isinstance(metrics, str) and metrics == "auto":
            metrics = self._by_head(
                {name: head.make_metrics() for name, head in self.heads.items()}
            )
        super().compile(optimizer, loss=loss, metrics=metrics, **kwargs)

    def compile_from_config(self, config):
        """Compiles a loaded model as it was: see `keras.Model`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def _by_head(self, named):
        return named[ONLY_HEAD] if self.has_one_head else named

    def _check_class_weight(self, class_weight):
        if class_weight is not None:
            raise ValueError(
                "Expected no `class_weight` of `fit`. Give it to the head, "
                "`ClassificationHead(class_weight=...)`, whose loss it belongs to. "
                f"Received: class_weight={class_weight}"
            )

    def _check_batch(self, inputs):
        """Nothing is refused before Keras makes batches: padding may stand anywhere."""

    def call(self, inputs, training=None, mask=None):
        source, words, source_mask = self._read(inputs)
        if source_mask is None:
            inputs = {"source": source, "words": words} if self.reads_words else source
            return super().call(inputs, training=training, mask=mask)
        memory = self.encode(source, source_mask, training=training)

        def output(head, values, mask):
            return head(values, mask=mask, training=training)

        return self._by_head(_each(self.heads, output, memory, words))

    def compute_output_spec(self, inputs, training=None, mask=None):
        if isinstance(inputs, dict):
            source, words, _ = self._read(inputs)
            inputs = {"source": source, "words": words} if self.reads_words else source
        return super().compute_output_spec(inputs, training=training)

    def encode(self, source, source_mask=None, training=None):
        """Annotations of sources, which the heads read.

        Args:
            source: int tensor `(batch, source)`, or float frames `(batch, source,
                source_features)`.
            source_mask: bool tensor `(batch, source)`, as in a call.
            training: bool. Whether dropout is active.

        Returns:
            A dict: `values`, float `(batch, source, features)`, and `mask`, bool `(batch,
                source)`.
        """
        self._check_source(source)
        source = ops.convert_to_tensor(source)
        mask = real_positions(source, source_mask, self.pad_id)
        layers = self.source_embedding, self.encoder, self.dropout_layer
        return _encode(*layers, source, mask, training)

    def answer(self, inputs):
        """What each head finds in sources.

        Args:
            inputs: as in a call.

        Returns:
            A dict of tensors, see the head; or a dict of such dicts by the names of the heads. Can
            be traced by `tf.function` and `jax.jit`.
        """
        source, words, source_mask = self._read(inputs)
        memory = self.encode(source, source_mask, training=False)
        if words is not None:
            words = as_bool(words, "words")

        def answer(head, values, mask):
            return head.answer(values, mask)

        return self._by_head(_each(self.heads, answer, memory, words))

    def _read(self, inputs):
        """The source, the first pieces of its words and its mask; None for what is not given."""
        if not isinstance(inputs, dict):
            inputs = {"source": inputs}
        needed = {"source", "words"} if self.reads_words else {"source"}
        if not needed <= set(inputs) <= needed | {"source_mask"}:
            raise ValueError(
                f"Expected `inputs` to be a dict with {sorted(needed)}, and `source_mask` if it is "
                f"known. Received: a dict with {sorted(inputs)}"
            )
        source, words = inputs["source"], inputs.get("words")
        self._check_source(source)
        if words is not None:
            words = bool_where_known("words", words)
            check_fits("words", words, source.shape[:2])
        return source, words, inputs.get("source_mask")

    def _check_source(self, source):
        features = () if self.source_features is None else ("source_features",)
        check_input(self, "source", source, ("batch", "source", *features))

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        heads = {name: serialize(head) for name, head in self.heads.items()}
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.source_embedding.dtype_policy),
            "encoder": None if self.encoder is None else serialize(self.encoder),
            "heads": self._by_head(heads),
            "source_vocabulary_size": self.source_vocabulary_size,
            "source_features": self.source_features,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "pad_id": self.pad_id,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def restore(item):
            return keras.saving.deserialize_keras_object(item, custom_objects=custom_objects)

        heads = config["heads"]
        heads = (
            restore(heads)
            if "class_name" in heads
            else {name: restore(head) for name, head in heads.items()}
        )
        encoder = config["encoder"]
        encoder = None if encoder is None else restore(encoder)
        return cls(**{**config, "encoder": encoder, "heads": heads})


def _encode(embedding, encoder, dropout, source, mask, training=None):
    values = embed_source(embedding, source)
    if encoder is not None:
        values = encoder(values, mask=mask, training=training)
    return {"values": dropout(values, training=training), "mask": mask}


def _each(heads, function, memory, words):
    """A dict of what a function of head, values and mask gives for each head."""
    mask = memory["mask"]
    of_words = mask if words is None else ops.logical_and(mask, words)
    return {
        name: function(head, memory["values"], of_words if head.words else mask)
        for name, head in heads.items()
    }


def _output(head, values, mask):
    return head(values, mask=mask)


def _check_heads(heads):
    is_head = all(isinstance(head, Head) for head in heads.values())
    if not heads or not is_head or not all(isinstance(name, str) and name for name in heads):
        raise ValueError(
            "Expected `heads` to be a head, such as `ClassificationHead`, or a dict of heads by "
            f"name. Received: heads={heads}"
        )
