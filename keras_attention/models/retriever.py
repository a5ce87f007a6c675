"""Model that finds the stored texts that are most like a new one, and what belongs to them."""

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.arguments import finite, positive_integer
from keras_attention.models.embedding_head import EmbeddingHead
from keras_attention.models.encoder_model import EncoderModel
from keras_attention.ops.fitting import known
from keras_attention.ops.similarity import LOWEST, log_similarity_weights


@keras.saving.register_keras_serializable("keras_attention")
class Retriever(keras.Model):
    """Attention of a source to stored sources, each of which has a reply.

    ```
    P(reply | x) = sum_i a(x, x_i) [reply_i = reply],
    a(x, x_i) = exp(z . z_i / T) / sum_j exp(z . z_j / T)  (Vinyals et al., 2016, equations 1 and 2)
    ```

    `z` are the unit vectors of an `EmbeddingHead`, so that `z . z_i` is a cosine. Stored vectors
    and replies are weights of the model: they are saved and exported with it. `add` stores more
    without training. Replies are numbers: of ready-made texts, or of labels, each with a few
    examples (few-shot classification). For millions of rows use an index such as FAISS or ScaNN on
    the vectors of the `EncoderModel`.

    Args:
        encoder: `EncoderModel` with an `EmbeddingHead`.
        capacity: int. Sources that can be stored.
        num_replies: int. Replies, from 0 on; `capacity` if None, for a reply to each source.
        n_best: int. Replies that are answered.
        temperature: float, `T`. The lower it is, the more the nearest rows count.
        head: str. Name of the `EmbeddingHead`, if the encoder has several.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: as `EncoderModel` takes them.

    Output:
        A dict: `ids`, int32 `(batch, n_best)`, the most probable replies, best first; `scores`,
        float32 `(batch, n_best)`, their probabilities; `rows`, int32 `(batch, n_best)`, the stored
        source with that reply that is nearest, -1 if none has it; `similarities`, float32
        `(batch, n_best)`, its cosine; `evidence`, float32 `(batch, source)`, weights over the new
        source.

    Example:

    >>> encoder = keras_attention.models.EncoderModel(
    ...     keras_attention.models.RecurrentEncoder(units=8),
    ...     keras_attention.models.EmbeddingHead(dim=4), source_vocabulary_size=11)
    >>> retriever = keras_attention.models.Retriever(encoder, capacity=10)
    >>> retriever.add(np.array([[4, 5, 3], [7, 3, 0]], "int32"), replies=[6, 2])
    >>> answer = retriever.answer(np.array([[7, 3]], "int32"))
    >>> int(answer["ids"][0, 0]), int(answer["rows"][0, 0])
    (2, 1)

    Reference:
        Vinyals et al., 2016, "Matching Networks for One Shot Learning".
    """

    def __init__(
        self,
        encoder,
        capacity,
        num_replies=None,
        n_best=1,
        temperature=0.05,
        head=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.head = _embedding_head(encoder, head)
        self.capacity = positive_integer("capacity", capacity)
        self.num_replies = self.capacity
        if num_replies is not None:
            self.num_replies = positive_integer("num_replies", num_replies)
        self.n_best = positive_integer("n_best", n_best)
        if self.n_best > self.num_replies:
            raise ValueError(
                "Expected `n_best` to be at most the number of replies. "
                f"Received: n_best={n_best}, num_replies={self.num_replies}"
            )
        self.temperature = finite("temperature", temperature, lowest=1e-6)
        options = {"trainable": False, "autocast": False}
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.capacity, encoder.heads[self.head].dim),
            dtype="float32",
            initializer="zeros",
            **options,
        )
        self.replies = self.add_weight(  # -1 where nothing is stored yet
            name="replies",
            shape=(self.capacity,),
            dtype="int32",
            initializer=keras.initializers.Constant(-1),
            **options,
        )
        self.built = True

    @property
    def num_rows(self):
        """How many sources are stored."""
        return int((ops.convert_to_numpy(self.replies) >= 0).sum())

    def add(self, sources, replies=None):
        """Stores sources, without training.

        Args:
            sources: arrays, as `EncoderModel.predict` takes them.
            replies: int array `(rows,)`, the reply of each; the number of its row if None.

        Raises:
            ValueError: there is no room for so many, or no such reply.
        """
        vectors = self.encoder.predict(sources, verbose=0)
        if not self.encoder.has_one_head:
            vectors = vectors[self.head]
        start, count = self.num_rows, len(vectors)
        if start + count > self.capacity:
            raise ValueError(
                f"Expected at most {self.capacity - start} more sources: the retriever has a "
                f"`capacity` of {self.capacity}. Received: {count} sources"
            )
        replies = np.arange(start, start + count) if replies is None else np.asarray(replies)
        is_reply = (replies >= 0) & (replies < self.num_replies)
        if replies.shape != (count,) or not is_reply.all():
            raise ValueError(
                f"Expected `replies` to be {count} numbers from 0 to {self.num_replies - 1}. "
                f"Received: replies={replies}"
            )
        for weight, rows in ((self.vectors, vectors), (self.replies, replies)):
            stored = ops.convert_to_numpy(weight).copy()
            stored[start : start + count] = rows
            weight.assign(stored)

    def call(self, inputs):
        replies = ops.convert_to_tensor(self.replies)
        is_stored = replies >= 0
        anything = known(ops.any(is_stored))
        if anything is not None and not anything:
            raise ValueError("Expected stored sources: `add` stores them. Received: none")
        answer = self.encoder.answer(inputs)
        if not self.encoder.has_one_head:
            answer = answer[self.head]
        keys = ops.convert_to_tensor(self.vectors)
        log_weights = log_similarity_weights(answer["vectors"], keys, self.temperature, is_stored)
        weights = ops.where(is_stored, ops.exp(log_weights), 0.0)  # (batch, rows)
        of_replies = ops.segment_sum(
            ops.transpose(weights), ops.maximum(replies, 0), num_segments=self.num_replies
        )
        scores, ids = ops.top_k(ops.transpose(of_replies), self.n_best)  # each (batch, n_best)
        ids = ops.cast(ids, "int32")
        cosines = ops.matmul(answer["vectors"], ops.transpose(keys))  # (batch, rows)
        has_reply = ops.equal(replies, ids[..., None])  # (batch, n_best, rows)
        similarities, rows = ops.top_k(ops.where(has_reply, cosines[:, None], LOWEST), 1)
        similarities = similarities[..., 0]
        is_any = similarities > LOWEST / 2
        return {
            "ids": ids,
            "scores": scores,
            "rows": ops.where(is_any, ops.cast(rows[..., 0], "int32"), -1),
            "similarities": ops.where(is_any, similarities, 0.0),
            "evidence": answer["evidence"],
        }

    def answer(self, inputs):
        """What a call returns, by the name that models with heads have for it.

        Args:
            inputs: as `EncoderModel` takes them.

        Returns:
            A dict of tensors. Can be traced by `tf.function` and `jax.jit`.
        """
        return self.call(inputs)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "capacity": self.capacity,
            "num_replies": self.num_replies,
            "n_best": self.n_best,
            "temperature": self.temperature,
            "head": self.head,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        encoder = keras.saving.deserialize_keras_object(
            config["encoder"], custom_objects=custom_objects
        )
        return cls(**{**config, "encoder": encoder})


def _embedding_head(encoder, name):
    """The name of the `EmbeddingHead` of a model: that which is given, or the only one."""
    heads = encoder.heads if isinstance(encoder, EncoderModel) else {}
    names = [key for key, head in heads.items() if isinstance(head, EmbeddingHead)]
    if name in names:
        return name
    if name is not None or len(names) != 1:
        raise ValueError(
            "Expected `encoder` to be an `EncoderModel` with an `EmbeddingHead`, and `head` to be "
            f"its name if there are several. Received: encoder={encoder}, head={name!r}, "
            f"heads={[*heads]}"
        )
    return names[0]
