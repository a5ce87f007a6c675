"""Strings in, strings out: a model, its tokenizers and a search."""

import dataclasses
import warnings

import keras
import numpy as np

from keras_attention.decoding import Beam, Greedy, Sample
from keras_attention.decoding.search import search_from_config
from keras_attention.errors import UserError, first_line
from keras_attention.json_shapes import Optional
from keras_attention.models import CompiledSearch
from keras_attention.predictors.predictor import Predictor
from keras_attention.predictors.rows import too_long
from keras_attention.translations import TranslationScore
from keras_attention.translator_parts import check_translator_parts


class Translator(Predictor):
    """A trained model that takes strings and returns strings.

    Args:
        model: model with `generate(source, search, prefix)`, such as
            `keras_attention.models.Seq2Seq`, that reads token ids; of a model that reads frames of
            features call `generate` itself.
        source_tokenizer: tokenizer of `keras_attention.text`.
        target_tokenizer: tokenizer of `keras_attention.text`.
        search: a search of `keras_attention.decoding`.
        max_source_length: int. Tokens a text may have, the end token included; a longer one is an
            error, never cut.
        batch_size: int. Texts decoded at a time.
        unknown: what becomes of unknown words of the translation, which the model can only name as
            such: `"keep"` shows them as U+FFFD; `"copy"` puts the source word there that the model
            looked at; a dict of target word by source word translates that word, and copies one
            that it does not hold (Luong et al., 2015). For two word tokenizers. It is done here,
            not in the model: an exported file shows them, and the predictors of
            `keras_attention.export` replace them.

    Call arguments:
        texts: list of str, or one str.
        prefixes: list of str, or one str, if given: what each translation begins with, in whole
            tokens of the target; an empty one leaves it free.

    Output:
        List of str, or one str. A text without any token translates to an empty text. Where the
        constraints of the search allow no translation, the text is empty, or as far as it came;
        `explain` tells by the score, and `nbest` has no such hypothesis.
    """

    def __init__(
        self,
        model,
        source_tokenizer,
        target_tokenizer,
        search,
        max_source_length=512,
        batch_size=64,
        unknown="keep",
    ):
        check_translator_parts(model, {"source": source_tokenizer, "target": target_tokenizer})
        super().__init__(None, source_tokenizer, target_tokenizer, max_source_length, batch_size)
        self.model = model
        self.search = search
        self.unknown = unknown
        self._compiled = {}

    @property
    def source_tokenizer(self):
        """The codec of the texts, a tokenizer."""
        return self.source

    @source_tokenizer.setter
    def source_tokenizer(self, tokenizer):
        self.source = tokenizer

    @property
    def target_tokenizer(self):
        """The codec of the translations, a tokenizer."""
        return self.target

    @target_tokenizer.setter
    def target_tokenizer(self, tokenizer):
        self.target = tokenizer

    @property
    def unknown(self):
        """What becomes of unknown words; see the class."""
        return self._unknown

    @unknown.setter
    def unknown(self, unknown):
        self._unknown_words = self._make_unknown_words(unknown)
        self._unknown = unknown

    def __call__(self, texts, prefixes=None):
        return self._answers(self.texts_of, texts, prefixes)

    def explain(self, texts, prefixes=None):
        """Translations with scores, tokens and alignments.

        Args:
            texts: list of str, or one str.
            prefixes: list of str, or one str, as in a call.

        Returns:
            List of `Explanation`, or one.
        """
        return self._answers(self.explanations, texts, prefixes)

    def nbest(self, texts, prefixes=None, prefix=""):
        """All hypotheses that the search kept, best first.

        Args:
            texts: list of str, or one str.
            prefixes: list of str, or one str, as in a call.
            prefix: str. What every translation begins with, in place of `prefixes`.

        Returns:
            For each text a list of `keras_attention.Hypothesis`, pairs `(text, score)`
            that know whether they are `finished`; or one such list for one str. It is as long as
            there are hypotheses: the constraints of the search may leave fewer, or none.
        """
        return self._answers(
            self.hypotheses,
            texts,
            prefix if prefixes is None else prefixes,
            self.search.all_beams(),
        )

    def predict(self, texts, prefix=""):
        """The translation of each text, and why.

        Args:
            texts: list of str.
            prefix: str. What every translation begins with, in whole tokens of the target.

        Returns:
            List of `keras_attention.Explanation`.

        Raises:
            UserError: a text has more tokens than the model takes, or the prefix cannot be had.
        """
        return self.explain(list(texts), prefix)

    def score(self, texts, translations):
        """How probable given translations are.

        A translation is scored as the search scores it, token by token, so that what the search
        found gets the score that the search gave it.

        Args:
            texts: list of str, or one str.
            translations: list of str, or one str, one a text. The tokens of the target vocabulary
                that they consist of are those that the target tokenizer reads them as.

        Returns:
            List of `TranslationScore`, or one.

        Raises:
            UserError: a text has more tokens than the model takes, or none; a translation has more
                than the search makes, or a part that the target vocabulary lacks.
        """
        if isinstance(texts, str):
            return self.score([texts], [translations])[0]
        texts, translations = list(texts), list(translations)
        _check_strings("translations", translations, len(texts))
        for place, (side, phrase) in self.unscorable(texts, translations).items():
            raise UserError(f"{side} {place + 1} {phrase}")
        sources, targets = self.source_ids(texts), self._encoded_targets(translations)
        end, limit = [self.model.end_id], self.search.max_length
        forced = [row + end if len(row) < limit else row for row in targets]
        plain = self._search_all(texts, sources, Greedy(limit), forced)
        scored = plain
        if not isinstance(self.search, Greedy | Sample):  # Whose score is the log-probability.
            scored = self._search_all(texts, sources, _for_one_path(self.search), forced)
        results = ([row.result for row in found] for found in (plain, scored))
        rows = zip(sources, translations, targets, *results, strict=True)
        return [self._translation_score(*row) for row in rows]

    def unscorable(self, texts, translations):
        """The pairs that `score` refuses, and why.

        Args:
            texts, translations: lists of str, as long as each other.

        Returns:
            Dict by position of `(side, phrase)`, such as `("Text", "has 18 tokens ...")`.
        """
        found = {}
        sources, targets = self.encoded(texts), self._encoded_targets(translations)
        for place, row in enumerate(zip(sources, translations, targets, strict=True)):
            source, translation, target = row
            phrase = self._target_problem(translation, target)
            if len(source) > self.max_source_length:
                found[place] = "Text", too_long(len(source), self.max_source_length)
            elif phrase:
                found[place] = "Translation", phrase
            elif len(source) == 1 and target:
                found[place] = "Text", "has no token: its one translation is the empty one."
        return found

    def _translation_score(self, source, translation, target, plain, scored):
        if len(source) == 1:  # The empty translation of an empty text is certain.
            return TranslationScore(translation, 0.0, 0.0, [], np.zeros(0, "float32"), True)
        finished = len(target) < self.search.max_length
        total = float(plain.scores[0])
        token_scores = np.asarray(plain.token_scores[0, : len(target)])
        tokens = target
        if finished:
            tokens = [*target, self.model.end_id]
            token_scores = np.append(token_scores, np.float32(total - token_scores.sum()))
        return TranslationScore(
            text=translation,
            score=float(scored.scores[0]),
            log_probability=total,
            target_tokens=self._tokens(self.target_tokenizer, [tokens])[0],
            token_scores=token_scores,
            finished=finished,
        )

    # From texts to what a search finds, and from that to answers -------------------------

    def _answers(self, make, texts, prefixes=None, search=None):
        is_one = isinstance(texts, str)
        if is_one:
            texts, prefixes = [texts], [prefixes] if prefixes else None
        answers = make(self.find(texts, prefixes, search))
        return answers[0] if is_one else answers

    def find(self, texts, prefixes=None, search=None, source_ids=None):
        """What a search finds for each text; `explanations` and `hypotheses` make answers of it.

        Args:
            texts: list of str.
            prefixes: list of str, or one str for all, as in a call.
            search: a search of `keras_attention.decoding`; the translator's if not given.
            source_ids: what `source_ids` returned for the texts, if it is at hand.

        Returns:
            List of `Found`.
        """
        texts, search = list(texts), self.search if search is None else search
        sources = self.source_ids(texts) if source_ids is None else source_ids
        return self._search_all(texts, sources, search, self._prefix_ids(prefixes, len(texts)))

    def search_texts(self, texts, prefixes=None, search=None, source_ids=None):
        """The name that `find` had in version 0.1."""
        warnings.warn(
            "`Translator.search_texts` is called `find` now.", DeprecationWarning, stacklevel=2
        )
        return self.find(texts, prefixes, search, source_ids)

    def explanations(self, found):
        """The best translation of each text, and why.

        Args:
            found: list of `Found`.

        Returns:
            List of `Explanation`.
        """
        rows = super().explanations(found)
        places = [place for place, row in enumerate(found) if row.ends_at_once]
        # A custom search need not know the property.
        if not places or getattr(self.search, "empty_score_is_log_probability", False):
            return rows
        for place, score in zip(places, self._end_scores([found[p] for p in places]), strict=True):
            # Without it nothing is known of how probable an empty translation is.
            change = {"token_scores": None} if score is None else {"end_score": score}
            rows[place] = dataclasses.replace(rows[place], **change)
        return rows

    def _end_scores(self, found):
        """The log-probability of the end token of each empty translation; None if unknown."""
        forced = [[self.model.end_id]] * len(found)
        texts, sources = [row.text for row in found], [row.source_ids for row in found]
        ended = self._search_all(texts, sources, Greedy(self.search.max_length), forced)
        return [float(row.result.scores[0]) for row in ended]

    def _prefix_ids(self, prefixes, count):
        """Ids of what each translation begins with, or None."""
        if prefixes is None or prefixes == "":
            return None
        prefixes = [prefixes] * count if isinstance(prefixes, str) else list(prefixes)
        _check_strings("prefixes", prefixes, count)
        rows = self._encoded_targets(prefixes)
        for number, (prefix, row) in enumerate(zip(prefixes, rows, strict=True), start=1):
            phrase = self._target_problem(prefix, row)
            if phrase:
                raise UserError(f"Prefix {number} {phrase}")
        return rows

    def _encoded_targets(self, texts):
        """Ids of given translations or of their beginnings, without the end token."""
        return self.target.encode(texts).to_list() if texts else []

    def _target_problem(self, text, ids):
        """Why the search cannot make a given text, or None."""
        from keras_attention.text.unknown_parts import listed, unknown_parts  # Needs TensorFlow.

        if self.target_tokenizer.unknown_id in ids:
            parts = listed(unknown_parts(self.target_tokenizer, text))
            return f"has what the target vocabulary lacks: {parts}."
        if len(ids) > self.search.max_length:
            return f"has {len(ids)} tokens; the search makes at most {self.search.max_length}."
        return None

    def _make_unknown_words(self, unknown):
        if unknown == "keep":
            return None
        # Needs TensorFlow, which a user of the layers may lack; these tokenizers have it.
        from keras_attention.text.unknown_words import UnknownWords, check_unknown

        dictionary = {} if check_unknown(unknown) == "copy" else unknown
        return UnknownWords(self.source_tokenizer, self.target_tokenizer, dictionary)

    def _shown(self, found, beam, text, tokens=()):
        """Text and tokens of a hypothesis without unknown words, if they are to be replaced."""
        ids = found.result.ids[beam, : found.length(beam)]
        if self.unknown == "keep" or self.target.unknown_id not in ids:
            return text, tokens
        tokens = self._unknown_words.tokens(found.text, ids, found.result.alignments[beam])
        return self._unknown_words.text(ids, tokens), tokens

    def _search_all(self, texts, sources, search, prefixes=None):
        """`Found` of each text, each beginning with the ids of its prefix if there are any."""
        more = {} if prefixes is None else {"prefix": (prefixes, search.max_length)}
        return self.compute(self.engine_of(search), texts, sources, **more)

    def engine_of(self, search):
        """The function from source ids to what a search finds.

        Args:
            search: a search of `keras_attention.decoding`.
        """
        key = str(keras.saving.serialize_keras_object(search))
        if key not in self._compiled:
            self._compiled[key] = CompiledSearch(self.model, search)
        return self._compiled[key].generate

    # On disk -----------------------------------------------------------------------------

    config_file = "translator.json"
    codec_folders = ("source_tokenizer", "target_tokenizer")
    noun = "translator"
    shape = {
        **Predictor.shape,
        "search": {"class_name": str, "config": dict},
        "unknown": Optional((str, {str: str})),
    }

    def settings(self):
        search = keras.saving.serialize_keras_object(self.search)
        return {"search": search, **super().settings(), "unknown": self.unknown}

    @staticmethod
    def load_codec(folder):
        from keras_attention import text  # Needs TensorFlow, which a user of layers may lack.

        return text.load(folder)

    @classmethod
    def from_parts(cls, model, source, target, settings, path):
        try:
            search = search_from_config(settings["search"])
        except UserError as error:
            raise UserError(f"{path} cannot be used: {error}") from error
        # What `save` did not write fails in Keras or in the search, each with errors of its own.
        except Exception as error:
            raise UserError(f"{path} is damaged: {first_line(error)}.") from error
        if not (callable(search) and hasattr(search, "max_length")):
            raise UserError(f"{path} is damaged: expected a search. Received: {search!r}.")
        options = {name: settings[name] for name in ("max_source_length", "batch_size")}
        unknown = settings.get("unknown", "keep")
        return cls(model, source, target, search, **options, unknown=unknown)


def _for_one_path(search):
    """A search with the same scores that keeps one hypothesis, where the kind of search is known.

    It follows a given path, so that nothing else need be kept, and its constraints say nothing.
    """
    if not isinstance(search, Beam):
        return search
    return Beam(
        width=1,
        length_penalty=search.length_penalty,
        coverage_penalty=search.coverage_penalty,
        max_length=search.max_length,
        length_normalization=search.length_normalization,
    )


def _check_strings(name, texts, count):
    if len(texts) != count or not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"Expected `{name}` to be {count} strings, one a text. Received: {name}={texts!r}"
        )
