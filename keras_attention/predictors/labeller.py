"""Strings in, labels and tags out: an encoder-only model between two codecs."""

import numpy as np

from keras_attention.errors import UserError
from keras_attention.models.compiled_answer import CompiledAnswer
from keras_attention.predictors.labeller_parts import check_labeller_parts
from keras_attention.predictors.labelling import Labelling, LabelResult
from keras_attention.predictors.predictor import Predictor
from keras_attention.predictors.rows import pad
from keras_attention.translations import Hypothesis

# The fields of `LabelResult` by what the answer of a head calls them.
FIELDS = {
    "labels": {
        "ids": "ids",
        "scores": "scores",
        "probabilities": "probabilities",
        "evidence": "evidence",
    },
    "tags": {"ids": "tag_ids", "tag_scores": "tag_scores", "scores": "row_scores"},
}


class Labeller(Predictor):
    """A trained model that says what a text is, what its words are, or both, and why.

    Args:
        model: `keras_attention.models.EncoderModel`, with a `ClassificationHead`, a `TaggingHead`,
            or a dict of both by the names `"labels"` and `"tags"`.
        source: tokenizer of `keras_attention.text`.
        target: `keras_attention.codecs.LabelsAndTags`, with what the model has heads for.
        max_source_length: int. Tokens a text may have, the end token included; a longer one is an
            error, never cut.
        batch_size: int. Texts computed at a time.

    Call arguments:
        inputs: list of str, or one str.

    Output:
        List of str, or one str: the label of each text; of several labels, with a comma between
        two of them. Where there are tags alone, those of all words, with spaces between them.

    Example:

    ```python
    labeller = keras_attention.Predictor.load("runs/intents")
    labeller("My card has not arrived")  # "card_arrival"
    why = labeller.explain("My card has not arrived")
    print(why.score, list(zip(why.source_tokens, why.evidence)))
    ```
    """

    kind = "labeller"
    noun = "labeller"
    shape = {**Predictor.shape, "kind": str}

    def __init__(self, model, source, target, max_source_length=512, batch_size=64):
        if model is not None:
            check_labeller_parts(model, source, target)
        super().__init__(None, source, target, max_source_length, batch_size)
        self.model = model

    @property
    def model(self):
        """The Keras model; None where a file is the engine."""
        return self._model

    @model.setter
    def model(self, model):
        self._model = model
        if model is not None:  # Another model is another engine.
            self.engine = model_engine(model, list(self.target.parts))

    @property
    def tags_words(self):
        """Whether the model is told which tokens begin a word: it tags these."""
        return self.target.tags is not None

    def find(self, inputs, source_ids=None):
        """What the engine finds for each input.

        Args:
            inputs: list of str.
            source_ids: what `source_ids` returned for the inputs, if it is at hand.

        Returns:
            List of `Found`.
        """
        inputs, more = list(inputs), {}
        source_ids = self.source_ids(inputs) if source_ids is None else source_ids
        if self.tags_words and inputs:
            more["words"] = self.word_starts(inputs), self.max_source_length
        return self.compute(self.engine, inputs, source_ids, **more)

    def word_starts(self, inputs):
        """For each input the tokens that begin a word: a list of bool arrays."""
        return [np.asarray(row, bool) for row in self.source.word_starts(inputs).to_list()]

    def nbest(self, inputs):
        """All labels of each text with their probability, the most probable first.

        Args:
            inputs: list of str, or one str.

        Returns:
            For each text a list of `keras_attention.Hypothesis`, pairs `(label, probability)`; or
            one such list for one str.

        Raises:
            UserError: the model has no labels.
        """
        if self.target.labels is None:
            raise UserError("The model gives tags alone: there are no labels to rank.")
        return super().nbest(inputs)

    # From what an engine finds to answers ------------------------------------------------

    def texts_of(self, found):
        """The label of each text; its tags where there is none. See `Predictor`."""
        if self.target.labels is None:
            return [" ".join(tags) for tags, _ in self.tags_of(found)]
        return self._labels(found)

    def explanations(self, found):
        """The label and tags of each text, and why.

        Args:
            found: list of `Found`.

        Returns:
            List of `Labelling`.
        """
        if not found:
            return []
        labels = self._labels(found) if self.target.labels else [""] * len(found)
        tokens = self._tokens(self.source, [row.source_ids for row in found])
        offsets = self.source.offsets([row.text for row in found]).to_list()
        tags = self.tags_of(found) if self.tags_words else [None] * len(found)
        rows = zip(found, labels, tags, tokens, offsets, strict=True)
        return [self._labelling(*row) for row in rows]

    def tags_of(self, found):
        """The tag of each word of each text, and its probability.

        A word without a token, such as an empty one between two spaces, has the tag that
        `Tags.filled` gives it.

        Args:
            found: list of `Found`.

        Returns:
            List of pairs: a list of str, and a float array.
        """
        if not found:
            return []
        from keras_attention.codecs import tokens_to_words  # Needs TensorFlow, as tokenizers do.

        codec, texts = self.target.tags, [row.text for row in found]
        numbers = self.source.word_numbers(texts)
        ids, scores = (
            tokens_to_words(
                pad([getattr(row.result, name) for row in found], dtype=kind), numbers, texts, x
            )
            for name, kind, x in (("tag_ids", "int32", -1), ("tag_scores", "float32", 1.0))
        )
        rows = zip(codec.filled(ids).to_list(), scores.to_list(), strict=True)
        return [
            (
                [codec.outside if tag < 0 else codec.names[tag] for tag in tags],
                np.array(probabilities, "float32"),
            )
            for tags, probabilities in rows
        ]

    def hypotheses(self, found):
        """All labels of each text, the most probable first.

        Args:
            found: list of `Found`.

        Returns:
            List of lists of `Hypothesis`.
        """
        names = self.target.labels.names
        ranked = [np.argsort(-row.result.probabilities, kind="stable") for row in found]
        return [
            [Hypothesis(names[place], float(row.result.probabilities[place])) for place in order]
            for row, order in zip(found, ranked, strict=True)
        ]

    def _labels(self, found):
        if not found:
            return []
        ids = np.stack([row.result.ids for row in found])
        return [label.decode() for label in self.target.labels.decode(ids).numpy()]

    def _labelling(self, found, label, tagged, tokens, offsets):
        result, source, more = found.result, len(tokens), {}
        alignment = np.zeros((0, source), "float32")
        if self.target.labels is not None:
            alignment = np.asarray(result.evidence[None, :source])
            names = self.target.labels.names
            more["probabilities"] = dict(zip(names, result.probabilities.tolist(), strict=True))
            more["ids"] = np.atleast_1d(result.ids)
            score, targets = float(result.scores), [label]
        if self.target.tags is not None:
            tags, scores = tagged
            more |= {
                "tags": tags,
                "tag_scores": scores,
                "spans": self.target.tags.spans(tags, found.text, scores),
            }
            if self.target.labels is None:
                score, targets = float(np.exp(result.row_scores)), tags
        return Labelling(
            text=label,
            score=score,
            source_tokens=tokens,
            target_tokens=targets,
            alignment=alignment,
            input=found.text,
            offsets=np.asarray(offsets, "int32").reshape(source, 2),
            **more,
        )

    # On disk -----------------------------------------------------------------------------

    @classmethod
    def from_parts(cls, model, source, target, settings, path):
        """See `Predictor`."""
        options = {name: settings[name] for name in ("max_source_length", "batch_size")}
        return cls(model, source, target, **options)


def model_engine(model, parts):
    """The engine that a Keras model is.

    Args:
        model: `keras_attention.models.EncoderModel`.
        parts: list of str, the names of its heads in the order of the model's; one head need have
            no name.

    Returns:
        Function from source ids, and bool `words` where there are tags, to a `LabelResult`.
    """
    compiled = CompiledAnswer(model)

    def engine(source_ids, words=None):
        inputs = source_ids if words is None else {"source": source_ids, "words": words != 0}
        answer = compiled.find(inputs)
        return result_of({parts[0]: answer} if len(parts) == 1 else answer)

    return engine


def result_of(answer):
    """A `LabelResult` of what each head answers.

    Args:
        answer: dict of dicts of arrays, by the names of heads and of what they answer.
    """
    return LabelResult(
        **{field: answer[part][name] for part in answer for name, field in FIELDS[part].items()}
    )
