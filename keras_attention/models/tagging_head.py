"""Head that gives each position of a source a tag."""

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.arguments import positive_integer, share
from keras_attention.losses import CRFLoss, SequenceCrossEntropy
from keras_attention.metrics import CRFAccuracy, TokenAccuracy
from keras_attention.models.head import Head
from keras_attention.ops import crf
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.spans import log_softmax


@keras.saving.register_keras_serializable("keras_attention")
class TaggingHead(Head):
    """A tag for each position of a source, or for each of its words.

    ```
    p(y | x) = prod_t softmax(W h_t + b)[y_t]                                without a CRF
    p(y | x) = exp(start[y_1] + sum_t (W h_t + b)[y_t] + sum_t between[y_t, y_{t+1}] + end[y_n]) / Z
    ```

    The second is a linear-chain conditional random field (Lafferty et al., 2001, equation 1): a row
    of tags is likely as a whole, so that an inside tag seldom follows an outside tag. It is trained
    by the forward-backward algorithm, and answers by Viterbi's.

    With a CRF a call returns the scores of the tags and of the transitions in one tensor, see
    `keras_attention.ops.crf.pack`: a loss of Keras sees labels and outputs only, and so it trains
    and saves as any other. `answer` gives tags and probabilities either way.

    Args:
        num_tags: int. Tags, from 0 on.
        crf: bool. Whether tags depend on the tags beside them.
        words: bool. Whether a tag is given to the first piece of each word only. `EncoderModel`
            then takes a dict with `words`; the chain of the CRF goes from word to word.
        dropout: float in [0, 1). Fraction of the features of the annotations dropped.
        allowed: dict of lists of bool, which tags may follow each other in an answer, as
            `Tags.allowed` returns it: `between` `(num_tags, num_tags)`, `start` and `end`
            `(num_tags,)`. All rows of tags may be answered if None. It is not trained on.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        values: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True at positions that get a tag. It may have holes.
        training: bool. Whether dropout is active.

    Output:
        Logits, float tensor `(batch, source, num_tags)`; with a CRF
        `(batch, source + num_tags + 2, num_tags + 1)`. Tags for `fit` are int `(batch, source)`, -1
        where there is nothing to learn. `answer` gives `ids`, int32 `(batch, source)`, the most
        probable row of tags, -1 where the mask is False; `scores`, float32 `(batch,)`, its
        log-probability; and `tag_scores`, float32 `(batch, source)`, the probability of each of its
        tags, whatever the others are, 0 where the mask is False.

    Example:

    >>> head = keras_attention.models.TaggingHead(num_tags=3, crf=True)
    >>> answer = head.answer(np.ones((2, 5, 4), "float32"))
    >>> {name: tuple(x.shape) for name, x in answer.items()}
    {'ids': (2, 5), 'scores': (2,), 'tag_scores': (2, 5)}

    Reference:
        Lafferty, McCallum and Pereira, 2001, "Conditional Random Fields: Probabilistic Models for
        Segmenting and Labeling Sequence Data".
    """

    def __init__(self, num_tags, crf=False, words=False, dropout=0.0, allowed=None, **kwargs):
        super().__init__(**kwargs)
        self.num_tags = positive_integer("num_tags", num_tags)
        self.crf = crf
        self.words = words
        self.dropout = share("dropout", dropout)
        self.allowed = _checked(allowed, self.num_tags)
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.projection = keras.layers.Dense(
            self.num_tags, dtype=self.dtype_policy, name="projection"
        )

    def build(self, values_shape):
        self.projection.build((None, None, values_shape[-1]))
        if self.crf:
            tags = (self.num_tags,)
            options = {"initializer": "zeros", "autocast": False}
            self.transitions = crf.Transitions(
                self.add_weight(name="between", shape=tags * 2, **options),
                self.add_weight(name="start", shape=tags, **options),
                self.add_weight(name="end", shape=tags, **options),
            )

    def make_loss(self):
        """A new loss of tags and of what a call returns: negative log-likelihood by tag."""
        return CRFLoss() if self.crf else SequenceCrossEntropy(pad_id=-1, name="cross_entropy")

    def make_metrics(self):
        """A list of new metrics of tags and of what a call returns: accuracy."""
        return [CRFAccuracy() if self.crf else TokenAccuracy(pad_id=-1, name="accuracy")]

    def call(self, values, mask=None, training=None):
        logits, mask = self._logits_and_mask(values, mask, training)
        return crf.pack(logits, mask, self.transitions) if self.crf else logits

    def _logits_and_mask(self, values, mask, training=False):
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        values = self.dropout_layer(values, training=training)
        return at_least_float32(self.projection(values)), mask

    def _answer(self, values, mask):
        logits, mask = self._logits_and_mask(values, mask)
        if self.crf:
            probabilities, log_partition = crf.marginals_and_log_partition(
                logits, self.transitions, mask
            )
        else:
            probabilities, log_partition = softmax(logits), 0.0
        if self.crf or self.allowed is not None:
            emissions = logits if self.crf else log_softmax(logits)
            ids, scores = crf.viterbi(emissions, self._transitions(), mask)
            of_ids = ops.equal(ids[..., None], ops.arange(self.num_tags, dtype="int32"))
            tag_scores = ops.sum(ops.where(of_ids, probabilities, 0.0), axis=-1)
            scores = scores - log_partition
        else:
            tag_scores, ids = (x[..., 0] for x in ops.top_k(probabilities, 1))
            scores = ops.sum(ops.where(mask, ops.log(tag_scores), 0.0), axis=1)
            ids = ops.where(mask, ops.cast(ids, "int32"), -1)
        return {
            "ids": ids,
            "scores": ops.cast(scores, "float32"),
            "tag_scores": ops.where(mask, ops.cast(tag_scores, "float32"), 0.0),
        }

    def compute_mask(self, values, previous_mask=None):
        """The Keras mask of logits: that of the annotations; with a CRF none, the output has it.

        Args:
            values: Not needed.
            previous_mask: The Keras mask of the annotations, or None.

        Returns:
            Bool tensor `(batch, source)`, or None.
        """
        return None if self.crf else previous_mask

    def _transitions(self):
        """Scores of the transitions in an answer: those that are not allowed are out of reach."""
        if self.allowed is None:
            return self.transitions
        allowed = [np.array(self.allowed[name], bool) for name in crf.Transitions._fields]
        if not self.crf:
            return crf.Transitions(*(np.where(x, 0, crf.LOWEST).astype("float32") for x in allowed))
        pairs = zip(allowed, map(ops.convert_to_tensor, self.transitions), strict=True)
        return crf.Transitions(
            *(ops.where(x, scores, ops.full_like(scores, crf.LOWEST)) for x, scores in pairs)
        )

    def compute_output_shape(self, values_shape):
        batch, length, _ = values_shape
        if not self.crf:
            return batch, length, self.num_tags
        length = None if length is None else length + self.num_tags + 2
        return batch, length, self.num_tags + 1

    def compute_output_spec(self, values, mask=None, training=None):
        return keras.KerasTensor(self.compute_output_shape(values.shape), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "num_tags": self.num_tags,
            "crf": self.crf,
            "words": self.words,
            "dropout": self.dropout,
            "allowed": self.allowed,
        }


def _checked(allowed, num_tags):
    """`allowed` as plain lists, which a config can hold."""
    if allowed is None:
        return None
    shapes = {"between": (num_tags, num_tags), "start": (num_tags,), "end": (num_tags,)}
    found = isinstance(allowed, dict) and {name: np.shape(x) for name, x in allowed.items()}
    if found != shapes:
        raise ValueError(
            f"Expected `allowed` to be a dict of bools of the shapes {shapes}. Received: "
            f"{found or allowed!r}"
        )
    return {name: np.asarray(allowed[name], bool).tolist() for name in shapes}
