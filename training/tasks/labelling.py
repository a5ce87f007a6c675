"""Labelling: texts to a label each, to a tag for each word, or to both."""

import math
import time

import numpy as np

from keras_attention.analysis.erasure import erasure
from keras_attention.errors import UserError
from keras_attention.evidence_words import words_of
from keras_attention.models import ClassificationHead
from keras_attention.predictors import Labeller

from ..data.encoded_labels import encode_labelled
from ..data.label_report import check_scored, report_labels
from ..data.labelled_splits import labelled_splits, other_labelled_splits
from ..data.pipeline import short_enough
from ..data.unknown_tokens import report_unknown
from ..label_build import make_codecs, make_label_model
from ..label_scores import score_labels, score_tags, sentence_accuracy
from ..recipes.labelling import LabellingRecipe
from ..rejection import rejection
from ..score_reports import label_rows, write_score_pictures
from .task import Task

SAMPLES = 64
TINY = 1e-30  # Added to probabilities, which may be 0.
# What a table shows of the scores, by the name of its column.
COLUMNS = {
    "accuracy": "accuracy",
    "macro F1": "macro_f1",
    "calibration error": "calibration_error",
    "F1 of spans": "span_f1",
    "tags": "tag_accuracy",
    "label and tags": "sentence_accuracy",
}


class Labelling(Task):
    """Texts to labels, tags, or both, by an encoder and heads: see `LabellingRecipe`."""

    name = "labelling"
    recipe_class = LabellingRecipe
    predictor_class = Labeller
    noun = "texts"
    incomplete = "without a text or a label"

    def check(self, recipe):
        score_labels(["a"], ["a"])  # Says which library is missing.
        score_tags([["O"]], [["O"]])

    def load_splits(self, recipe, report):
        return labelled_splits(recipe.data, recipe.fit.seed, report)

    def load_other_splits(self, recipe, changes, report):
        return other_labelled_splits(recipe.data, changes, recipe.fit.seed, report)

    def check_splits(self, splits, recipe, report):
        report_labels(splits, report, scheme=recipe.text.tag_scheme)
        has_tags, has_labels = splits.train.tags is not None, splits.train.labels is not None
        metric = self._metric(recipe, has_labels, has_tags)
        has_scores = {
            "accuracy": has_labels,
            "macro_f1": has_labels,
            "tag_accuracy": has_tags,
            "span_f1": has_tags and recipe.text.tag_scheme != "plain",
            "sentence_accuracy": has_labels and has_tags,
        }
        if not has_scores[metric]:
            raise UserError(f"--metric {metric} does not fit this data: it has no such answers.")

    def inputs(self, examples):
        return examples.texts

    def codecs(self, recipe, examples):
        return make_codecs(recipe.text, examples)

    def describe_codecs(self, source, target):
        sizes = [f"{len(codec.names):,} {part}" for part, codec in target.parts.items()]
        return f"Vocabulary of {source.vocabulary_size:,} tokens; {' and '.join(sizes)}."

    def encode(self, examples, source, target, recipe):
        return encode_labelled(examples, source, target, recipe.text.max_source_length)

    def report_data(self, splits, source, target, recipe, report):
        report_unknown("validation", (splits.validation.texts,), (source,), report)
        limit, test = recipe.text.max_source_length, splits.test
        too_long = len(test) - len(short_enough(test, source, limit))
        if too_long == len(test):
            raise UserError(
                f"test: All {len(test)} texts are longer than the model takes ({limit} tokens)."
            )
        report(
            f"test: {len(test):,} texts; counted as wrong: {too_long:,} too long "
            f"({too_long / len(test):.1%})."
        )

    def model(self, recipe, source, target):
        return make_label_model(recipe.model, recipe.fit, source.vocabulary_size, target)

    def loss(self, recipe):
        return "auto"

    def metrics(self, recipe):
        return "auto"

    def uniform_loss(self, source, target):
        return sum(math.log(max(2, len(codec.names))) for codec in target.parts.values())

    def metric(self, recipe, source, target):
        return self._metric(recipe, target.labels is not None, target.tags is not None)

    def _metric(self, recipe, has_labels, has_tags):
        if recipe.score.metric != "auto":
            return recipe.score.metric
        if has_labels:
            return "sentence_accuracy" if has_tags else "accuracy"
        return "tag_accuracy" if recipe.text.tag_scheme == "plain" else "span_f1"

    def predictor(self, model, source, target, recipe):
        limit = recipe.text.max_source_length
        return Labeller(model, source, target, max_source_length=limit, batch_size=256)

    def finish(self, predictor, splits, recipe, report):
        if predictor.target.labels is None:
            return False
        head = next(
            head for head in predictor.model.heads.values() if isinstance(head, ClassificationHead)
        )
        before = float(head.temperature)
        head.temperature.assign(1.0)  # What was fitted before does not count.
        answers = Answers(predictor, splits.validation)
        # Logits but for a constant, which no softmax sees.
        probabilities = np.stack([row.result.probabilities for row in answers.found])
        logits = np.log(probabilities + TINY)
        labels = [splits.validation.labels[place] for place in answers.places]
        temperature = head.calibrate(logits, predictor.target.labels.encode(labels).numpy())
        report(f"The logits of labels are divided by {temperature:.3f}, fitted on validation.")
        return abs(temperature - before) > 1e-6

    def drawn(self, predictor, examples, options):
        if predictor.target.labels is None:  # Tags have no alignment.
            return []
        return super().drawn(predictor, examples, options)

    def validation_scores(self, predictor, examples, options):
        scores, _ = _scores(predictor, examples)
        return {name: scores[name] for name in COLUMNS.values() if name in scores}

    def score(self, predictor, examples, options):
        scores, answers = _scores(predictor, examples)
        explanations = predictor.explanations(answers.found)
        if answers.labels is not None and options.evidence_texts:
            texts = [row.text for row in answers.found if len(words_of(row.text)) > 1]
            if len(texts) > 1:
                chosen = texts[: options.evidence_texts]
                scores["evidence"] = erasure(predictor, chosen).as_dict()
        result = {
            "texts": len(examples),
            "too_long": answers.too_long,
            "too_long_share": answers.too_long / len(examples),
            **scores,
            "texts_per_second": len(answers.found) / answers.seconds,
            "rejection": rejection(explanations),
        }
        if examples.groups is not None:
            result["groups"] = _by_group(answers.is_right, examples)
        result["samples"] = [
            {**examples.row(place), "answer": answers.shown(place)}
            for place in range(min(SAMPLES, len(examples)))
        ]
        return result

    def table(self, scores):
        return {
            "texts": f"{scores['texts']:,}",
            "too long": f"{scores['too_long']:,} ({scores['too_long_share']:.1%})",
            **{column: f"{scores[name]:.2%}" for column, name in COLUMNS.items() if name in scores},
        }

    def details(self, scores):
        rows = label_rows(scores["labels"]) if "labels" in scores else []
        return rows or label_rows(scores["tags"]["kinds"])

    def draw_scores(self, run_dir, result):
        for split, scores in result.items():
            if "labels" in scores:
                write_score_pictures(run_dir, split, scores)

    def footnote(self, scores):
        return scores["evidence"]["report"] if "evidence" in scores else ""

    def samples(self, examples):
        return {"texts": examples.texts[:SAMPLES]}


class Answers:
    """What a labeller says of examples; a text that it does not take has no answer.

    Args:
        predictor: `Labeller`.
        examples: `LabelledTexts`.

    Attributes:
        right_tags: the tags of the examples in the scheme of the model; None where it gives none.

    Raises:
        UserError: the examples lack what the model gives, or have a label that it cannot give.
    """

    def __init__(self, predictor, examples):
        check_scored(examples, predictor.target)
        places = short_enough(examples, predictor.source, predictor.max_source_length)
        self.places = places
        self.too_long = len(examples) - len(places)
        began = time.perf_counter()
        self.found = predictor.find([examples.texts[place] for place in places])
        self.seconds = time.perf_counter() - began
        self.labels = self.tags = self.probabilities = self.right_tags = None
        if predictor.target.labels is not None:
            self.labels, self.probabilities = [""] * len(examples), [0.0] * len(examples)
            labels = predictor.texts_of(self.found)
            for place, label, found in zip(places, labels, self.found, strict=True):
                self.labels[place] = label
                self.probabilities[place] = float(found.result.scores)
        if predictor.target.tags is not None:
            self.right_tags = [predictor.target.tags.rewritten(row) for row in examples.tags]
            self.tags = [[] for _ in range(len(examples))]
            for place, (tags, _) in zip(places, predictor.tags_of(self.found), strict=True):
                self.tags[place] = tags
        self.is_right = [
            (self.labels is None or self.labels[place] == examples.labels[place])
            and (self.tags is None or self.tags[place] == self.right_tags[place])
            for place in range(len(examples))
        ]

    def shown(self, place):
        """The answer to one example: a label, tags, or a dict of both."""
        parts = {"label": self.labels, "tags": self.tags}
        parts = {name: rows[place] for name, rows in parts.items() if rows is not None}
        return parts if len(parts) > 1 else next(iter(parts.values()))


def _scores(predictor, examples):
    """Scores of examples, and the `Answers` that they are of."""
    answers, scores = Answers(predictor, examples), {}
    if answers.labels is not None:
        scores |= score_labels(answers.labels, examples.labels, answers.probabilities)
        calibration = scores["calibration"]
        scores["calibration_error"] = calibration["error"] if calibration else 1.0
    if answers.tags is not None:
        scheme, reference = predictor.target.tags.scheme, answers.right_tags
        scores["tags"] = score_tags(answers.tags, reference, scheme)
        scores["tag_accuracy"] = scores["tags"]["accuracy"]
        if scheme != "plain":
            scores["span_f1"] = scores["tags"]["f1"]
        if answers.labels is not None:
            scores["sentence_accuracy"] = sentence_accuracy(
                answers.labels, examples.labels, answers.tags, reference
            )
    return scores, answers


def _by_group(is_right, examples):
    table = {}
    for group in sorted(set(examples.groups)):
        rows = [row for row, name in enumerate(examples.groups) if name == group]
        share = sum(is_right[row] for row in rows) / len(rows)
        table[group] = {"texts": len(rows), "right": share}
    return table
