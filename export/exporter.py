"""What each class of predictors needs to be exported."""

import keras

from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.errors import UserError
from keras_attention.predictors import Labeller

from .evaluation import recorded_evaluation
from .label_readme import label_readme
from .labelling import ServedLabeller, read_function, trained_label_answers
from .readme import readme
from .search_graph import SOURCE_IDS_SPEC, search_function
from .signatures import LABELLING, LABELLING_AND_TAGGING, TAGGING, TRANSLATION
from .translation import ServedTranslator, trained_answers

TASKS_OF_PARTS = {
    ("labels",): LABELLING,
    ("tags",): TAGGING,
    ("labels", "tags"): LABELLING_AND_TAGGING,
}


class TranslatorExporter:
    """Export of a translator.

    Args:
        predictor: `keras_attention.Translator`.

    Attributes:
        task: `Task`.
        end_id: int. The id that ends a source.
    """

    task = TRANSLATION

    def __init__(self, predictor):
        self.predictor = predictor

    @property
    def end_id(self):
        return self.predictor.model.end_id

    def use(self, search):
        """Gives the predictor another search, as far as `SearchOptions` say so."""
        self.predictor.search = changed_search(self.predictor.search, search)

    def prepare(self, search, report):
        """Gives the predictor the search to export; unknown words are none of the files' business.

        Args:
            search: `SearchOptions` in place of recorded ones.
            report: function that tells the user one line.

        Returns:
            What becomes of unknown words, as the manifest has it.
        """
        self.use(search)
        translator = self.predictor
        unknown = translator.unknown
        if unknown != "keep":
            report("The files show unknown words as such; keras_attention replaces their answers'.")
            translator.unknown = "keep"
        return unknown

    def recorded(self, source):
        """What the evaluation of the run `source` recorded of this predictor: `Recorded`."""
        return recorded_evaluation(source, self.predictor.search)

    def served(self, jit_compile=False):
        """A `tf.Module` with `endpoints`: what a SavedModel is made of."""
        return ServedTranslator(self.predictor, jit_compile)

    def function(self):
        """The `tf.function` that an ONNX file is made of, and its list of `tf.TensorSpec`."""
        return search_function(self.predictor.model, self.predictor.search), [SOURCE_IDS_SPEC]

    def answers(self, texts, source_ids):
        """`Answers` of the trained model to texts, whose ids are at hand."""
        return trained_answers(self.predictor, texts, source_ids)

    def readme(self, description, text, int8):
        """The instructions of the bundle; see `export/readme.py`."""
        return readme(description, text, int8)

    def description(self):
        """What a manifest says of this class of predictors alone."""
        translator, model = self.predictor, self.predictor.model
        sides = {"source": translator.source_tokenizer, "target": translator.target_tokenizer}
        return {
            "tokenizer": {side: _described(tokenizer) for side, tokenizer in sides.items()},
            "special_ids": {
                "pad": model.pad_id,
                "unknown": translator.source_tokenizer.unknown_id,
                "start": model.start_id,
                "end": model.end_id,
            },
            "search": keras.saving.serialize_keras_object(translator.search),
        }


class LabellerExporter:
    """Export of a labeller; see `TranslatorExporter`.

    Args:
        predictor: `keras_attention.Labeller`.
    """

    def __init__(self, predictor):
        self.predictor = predictor
        labels = predictor.target.labels
        if labels is not None and labels.several:
            raise UserError("A model of several labels a text cannot be exported yet.")
        self.task = TASKS_OF_PARTS[tuple(predictor.target.parts)]

    @property
    def end_id(self):
        return self.predictor.source.end_id

    def use(self, search):
        if search != SearchOptions():
            raise UserError("A model of labels and tags searches for nothing: leave these options.")

    def prepare(self, search, report):
        self.use(search)
        return "keep"

    def recorded(self, source):
        return recorded_evaluation(source, None)

    def served(self, jit_compile=False):
        return ServedLabeller(self.predictor, self.task, jit_compile)

    def function(self):
        return read_function(self.predictor, self.task)

    def answers(self, texts, source_ids):
        return trained_label_answers(self.predictor, self.task, texts, source_ids)

    def readme(self, description, text, int8):
        return label_readme(description, text, int8)

    def description(self):
        source, parts = self.predictor.source, self.predictor.target.parts
        return {
            "tokenizer": {"source": _described(source)},
            **{part: codec.names for part, codec in parts.items()},
            "special_ids": {"pad": source.pad_id, "unknown": source.unknown_id, "end": self.end_id},
        }


def _described(tokenizer):
    return {"kind": tokenizer.kind, "vocabulary_size": tokenizer.vocabulary_size}


def exporter_of(predictor):
    """The exporter of a predictor.

    Args:
        predictor: `keras_attention.Translator` or `keras_attention.Labeller`.
    """
    kind = LabellerExporter if isinstance(predictor, Labeller) else TranslatorExporter
    return kind(predictor)
