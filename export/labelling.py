"""What the endpoints of a labeller give: in a SavedModel, and as outputs to verify it with."""

import numpy as np
import tensorflow as tf

from keras_attention.codecs import tokens_to_words
from keras_attention.predictors.labeller import result_of
from keras_attention.quiet import quiet

from .parity.answers import Answers
from .parity.batches import stacked
from .served_texts import TEXT_SPEC, encoded_texts
from .signatures import (
    BEGINS,
    ENDS,
    EVIDENCE,
    EXPLAIN,
    IDS,
    LABEL,
    PROBABILITIES,
    READ,
    ROW_SCORES,
    SCORE,
    SCORES,
    SERVE,
    SOURCE_IDS,
    SOURCE_TOKENS,
    TAG_IDS,
    TAG_SCORES,
    TAGS,
    TEXT,
    WORDS,
)

# The fields of a `LabelResult` by the outputs of the endpoint `read`.
FIELDS = {
    IDS: "ids",
    SCORES: "scores",
    PROBABILITIES: "probabilities",
    EVIDENCE: "evidence",
    TAG_IDS: "tag_ids",
    TAG_SCORES: "tag_scores",
    ROW_SCORES: "row_scores",
}
OF_WORDS = {TAG_IDS, TAG_SCORES}  # Zero where no word begins.


def read_function(labeller, task, jit_compile=False):
    """A traceable function from ids to what the model finds.

    Args:
        labeller: `keras_attention.Labeller`, on the TensorFlow backend.
        task: `Task`.
        jit_compile: bool. Whether XLA compiles it, once for each shape.

    Returns:
        A `tf.function` with the inputs and outputs of the endpoint `read`, and the list of its
        `tf.TensorSpec`.
    """
    endpoint = task.endpoints[READ]
    specs = [
        tf.TensorSpec([None] * len(port.axes), port.dtype, name=name)
        for name, port in endpoint.inputs.items()
    ]
    model, parts = labeller.model, list(labeller.target.parts)

    @tf.function(input_signature=specs, autograph=False, jit_compile=jit_compile)
    def read(source_ids, words=None):
        inputs = source_ids if words is None else {"source": source_ids, "words": words}
        answer = model.answer(inputs)
        result = result_of({parts[0]: answer} if len(parts) == 1 else answer)
        found = {name: getattr(result, FIELDS[name]) for name in endpoint.outputs}
        for name in OF_WORDS & set(found):
            found[name] = tf.where(words, found[name], tf.zeros([], found[name].dtype))
        return found

    return read, specs


class ServedLabeller(tf.Module):
    """A labeller as graph functions: what a SavedModel is made of.

    It tracks the bare TensorFlow variables, not Keras' wrappers around them: tracking both would
    store every weight twice (keras issue #23553). The model is reached through closures only.

    Args:
        labeller: `keras_attention.Labeller`, on the TensorFlow backend.
        task: `Task`.
        jit_compile: bool. Whether XLA compiles the model; see `read_function`.
    """

    def __init__(self, labeller, task, jit_compile=False):
        super().__init__(name="labeller")
        self.source = labeller.source
        self.target = labeller.target
        self.model_variables = [weight.value for weight in labeller.model.weights]
        self.max_source_length = labeller.max_source_length
        self.read, _ = read_function(labeller, task, jit_compile)

    @property
    def endpoints(self):
        """Concrete functions by the name of their endpoint."""
        return {
            SERVE: self.serve.get_concrete_function(),
            EXPLAIN: self.explain.get_concrete_function(),
            READ: self.read.get_concrete_function(),
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def serve(self, text):
        """The label or the tags of each text, and their score."""
        batch = tf.shape(text)[0]
        text, _, numbers, found = self._read(text)
        return self._answer(text, numbers, found, batch)

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def explain(self, text):
        """The same, with source tokens, their characters in the text, and the evidence."""
        batch = tf.shape(text)[0]
        text, source_ids, numbers, found = self._read(text)
        offsets = self.source.offsets(text).to_tensor()[:batch]  # (batch, source, 2)
        answer = {
            **self._answer(text, numbers, found, batch),
            SOURCE_TOKENS: self.source.tokens(source_ids[:batch]),  # (batch, source)
            BEGINS: offsets[..., 0],  # (batch, source)
            ENDS: offsets[..., 1],  # (batch, source)
        }
        if self.target.labels is not None:
            answer |= {name: found[name][:batch] for name in (PROBABILITIES, EVIDENCE)}
        if self.target.tags is not None:
            scores = tokens_to_words(found[TAG_SCORES], numbers, text, 1.0)
            answer[TAG_SCORES] = scores.to_tensor()[:batch]  # (batch, words)
        return answer

    def _answer(self, text, numbers, found, batch):
        answer = {}
        if self.target.labels is not None:
            answer[LABEL] = self.target.labels.decode(found[IDS])[:batch]  # (batch,)
            answer[SCORE] = found[SCORES][:batch]  # (batch,)
        if self.target.tags is not None:
            codec = self.target.tags
            tags = codec.filled(tokens_to_words(found[TAG_IDS], numbers, text, -1))
            answer[TAGS] = codec.tokens(tags)[:batch]  # (batch, words)
            answer.setdefault(SCORE, tf.exp(found[ROW_SCORES])[:batch])
        return answer

    def _read(self, text):
        """At least one text, its ids, the numbers of its words, and what the model finds."""
        text, source_ids = encoded_texts(text, self.source, self.max_source_length)
        numbers, given = None, [source_ids]
        if self.target.tags is not None:
            numbers = self.source.word_numbers(text)
            given.append((numbers >= 0).to_tensor(False))
        return text, source_ids, numbers, self.read(*given)


def trained_label_answers(labeller, task, texts, source_ids=None):
    """What the endpoints should give for some texts, by the trained model.

    Args:
        labeller: `keras_attention.Labeller`.
        task: `Task`.
        texts: list of str.
        source_ids: what `Labeller.source_ids` returned for them, if it is at hand.

    Returns:
        `Answers`.
    """
    with quiet():  # TensorFlow warns of every new shape.
        found = labeller.find(texts, source_ids)
        explanations = labeller.explanations(found)
    explained = {
        SCORE: np.array([row.score for row in explanations], "float32"),
        SOURCE_TOKENS: _padded([row.source_tokens for row in explanations], "U"),
        BEGINS: _padded([row.offsets[:, 0] for row in explanations], "int32"),
        ENDS: _padded([row.offsets[:, 1] for row in explanations], "int32"),
    }
    given = {SOURCE_IDS: _padded([row.source_ids for row in found], "int32")}
    if labeller.target.labels is not None:
        explained |= {
            LABEL: np.array([row.text for row in explanations], "U"),
            PROBABILITIES: np.stack([row.result.probabilities for row in found]),
            EVIDENCE: _padded([row.evidence for row in explanations]),
        }
    if labeller.target.tags is not None:
        explained |= {
            TAGS: _padded([row.tags for row in explanations], "U"),
            TAG_SCORES: _padded([row.tag_scores for row in explanations]),
        }
        given[WORDS] = _padded(labeller.word_starts(texts), "bool")
    raw = {TEXT: np.array(texts, "U")}
    read = {name: _found(name, found, given) for name in task.endpoints[READ].outputs}
    return Answers(
        {SERVE: raw, EXPLAIN: raw, READ: given},
        {
            SERVE: {name: explained[name] for name in task.endpoints[SERVE].outputs},
            EXPLAIN: {name: explained[name] for name in task.endpoints[EXPLAIN].outputs},
            READ: read,
        },
    )


def _found(name, found, given):
    """The outputs of the endpoint `read` under one name, without what stands at padding."""
    rows = [getattr(row.result, FIELDS[name]) for row in found]
    if name == EVIDENCE:
        rows = [row[: len(of.source_ids)] for row, of in zip(rows, found, strict=True)]
    elif name in OF_WORDS:
        rows = [
            np.where(words[: len(row)], row[: len(words)], 0)
            for row, words in zip(rows, given[WORDS], strict=True)
        ]
    return _padded(rows)


def _padded(rows, dtype=None):
    return stacked([np.asarray(row, dtype)[None] for row in rows])
