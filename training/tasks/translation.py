"""Translation: texts to texts."""

import math
import time

from keras_attention import Translator
from keras_attention.decoding import SearchOptions, changed_search, make_search
from keras_attention.errors import UserError
from keras_attention.losses import SequenceCrossEntropy
from keras_attention.metrics import TokenAccuracy

from .. import build
from ..bleu_tokenizers import check_scores, report_tokenizer
from ..data.pipeline import short_enough, tokenize
from ..data.splits import load_splits, other_splits
from ..data.unknown_tokens import report_unknown
from ..recipes.recipe import Recipe
from ..rejection import rejection
from ..scores import exact_match, score_texts
from .task import Task

SAMPLES = 64


class Translation(Task):
    """Texts to texts, by an encoder-decoder and a search: see `Recipe`."""

    name = "translation"
    recipe_class = Recipe
    predictor_class = Translator
    noun = "pairs"
    scoring = "Decoding"
    folder = "translator"
    codec_folder = "tokenizers"

    def check(self, recipe):
        check_scores(recipe.score)

    def load_splits(self, recipe, report):
        return load_splits(recipe.data, recipe.fit.seed, report)

    def load_other_splits(self, recipe, changes, report):
        return other_splits(recipe.data, changes, recipe.fit.seed, report)

    def codecs(self, recipe, examples):
        return build.make_tokenizers(recipe.text, examples)

    def describe_codecs(self, source, target):
        return (
            f"Vocabularies of source and target: {source.vocabulary_size:,} and "
            f"{target.vocabulary_size:,} tokens."
        )

    def encode(self, examples, source, target, recipe):
        text = recipe.text
        return tokenize(examples, source, target, text.max_source_length, text.max_target_length)

    def report_data(self, splits, source, target, recipe, report):
        texts = splits.validation.sources, splits.validation.targets
        report_unknown("validation", texts, (source, target), report)
        limit, test = recipe.text.max_source_length, splits.test
        too_long = len(test) - len(short_enough(test, source, limit))
        if too_long == len(test):
            raise UserError(
                f"test: All {len(test)} sources are longer than the model takes ({limit} tokens)."
            )
        report(
            f"test: {len(test):,} pairs; counted as not translated: {too_long:,} too long "
            f"({too_long / len(test):.1%}); left out: {test.dropped:,} {self.incomplete}."
        )

    def report_scored(self, splits, recipe, report):
        report_tokenizer(splits, recipe.score, report)

    def model(self, recipe, source, target):
        return build.make_model(recipe.model, source.vocabulary_size, target.vocabulary_size)

    def loss(self, recipe):
        return SequenceCrossEntropy(label_smoothing=recipe.fit.label_smoothing)

    def metrics(self, recipe):
        return [TokenAccuracy()]

    def uniform_loss(self, source, target):
        return math.log(target.vocabulary_size)

    def predictor(self, model, source, target, recipe):
        search = make_search(recipe.search, recipe.text.max_target_length)
        return Translator(
            model, source, target, search, max_source_length=recipe.text.max_source_length
        )

    def validation_predictor(self, predictor, recipe):
        # The greedy search is as fast as training; the recipe's own is for the saved translator.
        return Translator(
            predictor.model,
            predictor.source_tokenizer,
            predictor.target_tokenizer,
            make_search(SearchOptions(), recipe.text.max_target_length),
            max_source_length=predictor.max_source_length,
            batch_size=256,
        )

    def with_options(self, predictor, recipe):
        search = make_search(recipe.search, recipe.text.max_target_length)
        is_other = predictor.search != search
        if is_other:
            predictor.search = search
        return predictor, is_other

    def with_search(self, predictor, search):
        predictor.search = changed_search(predictor.search, search or SearchOptions())
        return predictor, predictor.search

    def validation_scores(self, predictor, examples, options):
        translations = predictor(examples.sources)
        scores = score_texts(translations, examples.targets, options.bleu_tokenizer, ter=False)
        return {name: scores[name] for name in ("exact_match", options.metric)}

    def score(self, predictor, examples, options):
        fits = short_enough(examples, predictor.source_tokenizer, predictor.max_source_length)
        began = time.perf_counter()
        explanations = predictor.explain([examples.sources[row] for row in fits])
        seconds = time.perf_counter() - began
        # A source that is longer than the model takes counts as translated to an empty text.
        translations = [""] * len(examples)
        for row, explanation in zip(fits, explanations, strict=True):
            translations[row] = explanation.text
        too_long = len(examples) - len(fits)
        result = {
            "pairs": len(examples),
            "too_long": too_long,
            "too_long_share": too_long / len(examples),
            **score_texts(translations, examples.targets, options.bleu_tokenizer),
            "sentences_per_second": len(fits) / seconds if fits else 0.0,
        }
        result["rejection"] = rejection(explanations)
        if examples.groups is not None:
            result["groups"] = _by_group(translations, examples)
        rows = zip(examples.sources, examples.targets, translations, strict=True)
        result["samples"] = [
            {"source": source, "reference": reference, "translation": translation}
            for source, reference, translation in list(rows)[:SAMPLES]
        ]
        return result

    def table(self, scores):
        return {
            "pairs": f"{scores['pairs']:,}",
            "too long": f"{scores['too_long']:,} ({scores['too_long'] / scores['pairs']:.1%})",
            "exact match": f"{scores['exact_match']:.2%}",
            "BLEU": f"{100 * scores['bleu']:.2f}",
            "chrF": f"{100 * scores['chrf']:.2f}",
            "TER": f"{100 * scores['ter']:.2f}",
        }

    def footnote(self, scores):
        return scores["signatures"]["bleu"]

    def samples(self, examples):
        return {"texts": examples.sources[:SAMPLES]}


def _by_group(translations, pairs):
    table = {}
    for group in sorted(set(pairs.groups)):
        rows = [row for row, label in enumerate(pairs.groups) if label == group]
        table[group] = {
            "pairs": len(rows),
            "exact_match": exact_match(
                [translations[row] for row in rows], [pairs.targets[row] for row in rows]
            ),
        }
    return table
