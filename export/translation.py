"""What the endpoints of a translator give: in a SavedModel, and as outputs to verify it with."""

import numpy as np
import tensorflow as tf

from keras_attention.quiet import quiet

from .parity.answers import Answers
from .parity.batches import stacked
from .search_graph import search_function
from .served_texts import TEXT_SPEC, encoded_texts
from .signatures import (
    ALIGNMENT,
    ALIGNMENTS,
    EXPLAIN,
    FINISHED,
    IDS,
    LENGTHS,
    NBEST,
    NO_SCORE,
    SCORE,
    SCORES,
    SEARCH,
    SERVE,
    SOURCE_IDS,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    TEXT,
    TOKEN_SCORES,
)


def _finished(found):
    """Whether what a search found ended by itself: it exists, and has a token less than it may."""
    exists = found[SCORES] > NO_SCORE / 2
    return exists & (found[LENGTHS] < tf.shape(found[IDS])[-1])  # (batch, beams)


class ServedTranslator(tf.Module):
    """A translator as graph functions: what a SavedModel is made of.

    It tracks the bare TensorFlow variables, not Keras' wrappers around them: tracking both would
    store every weight twice (keras issue #23553). The model is reached through closures only.

    Args:
        translator: `keras_attention.Translator`, on the TensorFlow backend.
        jit_compile: bool. Whether XLA compiles the searches; see `search_function`.
    """

    def __init__(self, translator, jit_compile=False):
        super().__init__(name="translator")
        self.source_tokenizer = translator.source_tokenizer
        self.target_tokenizer = translator.target_tokenizer
        self.model_variables = [weight.value for weight in translator.model.weights]
        self.max_source_length = translator.max_source_length
        search, every = translator.search, translator.search.all_beams()
        options = jit_compile, translator.max_source_length
        self.find = search_function(translator.model, search, *options)
        self.find_texts = search_function(translator.model, search, *options, with_alignments=False)
        self.find_all = self.find_texts
        if every is not search:
            self.find_all = search_function(
                translator.model, every, *options, with_alignments=False
            )

    @property
    def endpoints(self):
        """Concrete functions by the name of their endpoint."""
        return {
            SERVE: self.serve.get_concrete_function(),
            EXPLAIN: self.explain.get_concrete_function(),
            NBEST: self.nbest.get_concrete_function(),
            SEARCH: self.find.get_concrete_function(),
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def serve(self, text):
        """The translation of each text, and its score."""
        batch = tf.shape(text)[0]
        _, found = self._translate(text, self.find_texts)
        return {
            TEXT: self.target_tokenizer.decode(found[IDS][:batch, 0]),  # (batch,)
            SCORE: found[SCORES][:batch, 0],  # (batch,)
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def nbest(self, text):
        """All hypotheses that the search keeps of each text, best first, with their scores."""
        batch = tf.shape(text)[0]
        _, found = self._translate(text, self.find_all)
        return {
            TEXT: self.target_tokenizer.decode(found[IDS][:batch]),  # (batch, n)
            SCORE: found[SCORES][:batch],  # (batch, n)
            FINISHED: _finished(found)[:batch],  # (batch, n)
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def explain(self, text):
        """Translation, score, tokens padded with `""`, and alignment of each text."""
        batch = tf.shape(text)[0]
        source_ids, found = self._translate(text, self.find)
        ids, lengths = found[IDS][:batch, 0], found[LENGTHS][:batch, 0]
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        return {
            TEXT: self.target_tokenizer.decode(ids),  # (batch,)
            SCORE: found[SCORES][:batch, 0],  # (batch,)
            SOURCE_TOKENS: self.source_tokenizer.tokens(source_ids[:batch]),  # (batch, source)
            TARGET_TOKENS: self.target_tokenizer.tokens(ids[:, :longest]),  # (batch, target)
            ALIGNMENT: found[ALIGNMENTS][:batch, 0, :longest],  # (batch, target, source)
            TOKEN_SCORES: found[TOKEN_SCORES][:batch, 0, :longest],  # (batch, target)
            FINISHED: _finished(found)[:batch, 0],  # (batch,)
        }

    def _translate(self, text, find):
        """Source ids and what the search finds, with at least one row of each."""
        _, source_ids = encoded_texts(text, self.source_tokenizer, self.max_source_length)
        return source_ids, find(source_ids)


def trained_answers(translator, texts, source_ids=None):
    """What the endpoints should give for some texts, from one search of the trained model.

    The search keeps all hypotheses. The best of them are what the translator's search finds:
    `all_beams` changes how many are returned.

    Args:
        translator: `keras_attention.Translator`.
        texts: list of str.
        source_ids: what `Translator.source_ids` returned for them, if it is at hand.

    Returns:
        `Answers`.
    """
    with quiet():  # TensorFlow warns of every new shape.
        every = translator.search.all_beams()
        found = translator.find(texts, search=every, source_ids=source_ids)
        explanations = translator.explanations(found)
    result = _without_empty_texts(found)
    explained = {
        TEXT: np.array([row.text for row in explanations], "U"),
        SCORE: np.array([row.score for row in explanations], "float32"),
        SOURCE_TOKENS: _padded([row.source_tokens for row in explanations], "U"),
        TARGET_TOKENS: _padded([row.target_tokens for row in explanations], "U"),
        ALIGNMENT: _padded([row.alignment for row in explanations]),
        TOKEN_SCORES: _padded([row.token_scores for row in explanations]),
        FINISHED: np.array([row.finished for row in explanations]),
    }
    decoded = translator.target_tokenizer.decode(result[IDS]).numpy().astype(np.bytes_)
    exists = result[SCORES] > NO_SCORE / 2
    raw = {TEXT: np.array(texts, "U")}
    inputs = {
        **dict.fromkeys((SERVE, EXPLAIN, NBEST), raw),
        SEARCH: {SOURCE_IDS: _padded([row.source_ids for row in found], "int32")},
    }
    outputs = {
        SERVE: {name: explained[name] for name in (TEXT, SCORE)},
        EXPLAIN: explained,
        NBEST: {
            TEXT: np.char.decode(decoded, "utf-8"),
            SCORE: result[SCORES],
            FINISHED: exists & (result[LENGTHS] < result[IDS].shape[-1]),
        },
        SEARCH: {name: array[:, : translator.search.beams] for name, array in result.items()},
    }
    return Answers(inputs, outputs)


def _without_empty_texts(found):
    """What was found, zeros for a text without a token: the outputs of the endpoint `search`."""
    fields = {
        IDS: "ids",
        SCORES: "scores",
        LENGTHS: "lengths",
        ALIGNMENTS: "alignments",
        TOKEN_SCORES: "token_scores",
    }
    result = {}
    for name, field in fields.items():
        rows = [getattr(row.result, field) for row in found]
        rows = [
            np.zeros_like(array) if row.is_empty else array
            for row, array in zip(found, rows, strict=True)
        ]
        result[name] = _padded(rows, rows[0].dtype)
    return result


def _padded(rows, dtype="float32"):
    return stacked([np.asarray(row, dtype)[None] for row in rows])
