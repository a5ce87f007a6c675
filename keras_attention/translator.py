"""Strings in, strings out: a model, its tokenizers and a search."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from keras_attention.decoding import Beam, Greedy, Sample
from keras_attention.decoding.search import search_from_config
from keras_attention.errors import UserError, first_line
from keras_attention.files import atomic_folder, read_json, write_json
from keras_attention.json_shapes import AtLeast, Optional, mismatch
from keras_attention.models import CompiledSearch
from keras_attention.translations import Explanation, Hypothesis, TranslationScore
from keras_attention.translator_parts import check_translator_parts

FORMAT = 1
SHAPE = {  # Of translator.json.
    "search": {"class_name": str, "config": dict},
    "max_source_length": AtLeast(1),
    "batch_size": AtLeast(1),
    "unknown": Optional((str, {str: str})),
}
LENGTH_STEP = 8  # Source lengths are padded to multiples, so that few shapes are compiled.


class Found(NamedTuple):
    """One text and what a search found for it.

    Attributes:
        text: str.
        source_ids: int32 array `(source,)`, ending in the end token.
        result: `SearchResult` of one row, without the batch axis.
    """

    text: str
    source_ids: np.ndarray
    result: object

    @property
    def is_empty(self):
        """Whether the text has no token: its translation is empty, whatever the search found."""
        return len(self.source_ids) == 1

    @property
    def ends_at_once(self):
        """Whether the best translation of a text with tokens is the empty one."""
        return not self.is_empty and self.length() == 0 and bool(self.result.exists[0])

    def length(self, beam=0):
        """Tokens of a hypothesis."""
        return 0 if self.is_empty else int(self.result.lengths[beam])


class Translator:
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
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.search = search
        self.max_source_length = max_source_length
        self.batch_size = batch_size
        self.unknown = unknown
        self._compiled = {}

    @property
    def unknown(self):
        """What becomes of unknown words; see the class."""
        return self._unknown

    @unknown.setter
    def unknown(self, unknown):
        self._unknown_words = self._make_unknown_words(unknown)
        self._unknown = unknown

    def __call__(self, texts, prefixes=None):
        if isinstance(texts, str):
            return self([texts], _one(prefixes))[0]
        return self.texts_of(self.search_texts(texts, prefixes))

    def explain(self, texts, prefixes=None):
        """Translations with scores, tokens and alignments.

        Args:
            texts: list of str, or one str.
            prefixes: list of str, or one str, as in a call.

        Returns:
            List of `Explanation`, or one.
        """
        if isinstance(texts, str):
            return self.explain([texts], _one(prefixes))[0]
        return self.explanations(self.search_texts(texts, prefixes))

    def nbest(self, texts, prefixes=None):
        """All hypotheses that the search kept, best first.

        Args:
            texts: list of str, or one str.
            prefixes: list of str, or one str, as in a call.

        Returns:
            For each text a list of `keras_attention.Hypothesis`, pairs `(text, score)`
            that know whether they are `finished`; or one such list for one str. It is as long as
            there are hypotheses: the constraints of the search may leave fewer, or none.
        """
        if isinstance(texts, str):
            return self.nbest([texts], _one(prefixes))[0]
        return self.hypotheses(self.search_texts(texts, prefixes, self.search.all_beams()))

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
            return self.score([texts], _one(translations))[0]
        texts, translations = list(texts), list(translations)
        _check_strings("translations", translations, len(texts))
        for place, (side, phrase) in self.unscorable(texts, translations).items():
            raise UserError(f"{side} {place + 1} {phrase}")
        sources, targets = self.source_ids(texts), self._encoded_targets(translations)
        end, limit = [self.model.end_id], self.search.max_length
        forced = [row + end if len(row) < limit else row for row in targets]
        plain = self._search_all(sources, Greedy(limit), forced)
        scored = plain
        if not isinstance(self.search, Greedy | Sample):  # Whose score is the log-probability.
            scored = self._search_all(sources, _for_one_path(self.search), forced)
        rows = zip(sources, translations, targets, plain, scored, strict=True)
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

    def search_texts(self, texts, prefixes=None, search=None, source_ids=None):
        """What a search finds for each text; `explanations` and `hypotheses` make answers of it.

        Args:
            texts: list of str.
            prefixes: list of str, as in a call.
            search: a search of `keras_attention.decoding`; the translator's if not given.
            source_ids: what `source_ids` returned for the texts, if it is at hand.

        Returns:
            List of `Found`.
        """
        texts = list(texts)
        sources = self.source_ids(texts) if source_ids is None else source_ids
        prefixes = self._prefix_ids(prefixes, len(texts))
        results = self._search_all(sources, self.search if search is None else search, prefixes)
        return [Found(*row) for row in zip(texts, sources, results, strict=True)]

    def texts_of(self, found):
        """The best translation of each text.

        Args:
            found: list of `Found`.

        Returns:
            List of str.
        """
        if not found:
            return []
        decoded = self._decode(np.stack([row.result.ids[0] for row in found]))
        return [
            "" if row.is_empty else self._known(row, 0, text)[0]
            for row, text in zip(found, decoded, strict=True)
        ]

    def explanations(self, found):
        """The best translation of each text, and why.

        Args:
            found: list of `Found`.

        Returns:
            List of `Explanation`.
        """
        if not found:
            return []
        decoded = self._decode(np.stack([row.result.ids[0] for row in found]))
        target_ids = [row.result.ids[0, : row.length()] for row in found]
        target_tokens = self._tokens(self.target_tokenizer, target_ids)
        source_tokens = self._tokens(self.source_tokenizer, [row.source_ids for row in found])
        end_scores = self._end_scores(found)
        rows = zip(found, decoded, source_tokens, target_tokens, end_scores, strict=True)
        return [self._explanation(*row) for row in rows]

    def _end_scores(self, found):
        """Of each empty translation the log-probability of its end token, if its score is not that.

        A length penalty is 1 for one token; a coverage penalty, or a search of another kind, makes
        a score that the probability cannot be told from.
        """
        scores = [None] * len(found)
        if _scores_the_end_token(self.search):
            return scores
        places = [place for place, row in enumerate(found) if row.ends_at_once]
        if not places:
            return scores
        forced = [[self.model.end_id]] * len(places)
        sources = [found[place].source_ids for place in places]
        results = self._search_all(sources, Greedy(self.search.max_length), forced)
        for place, result in zip(places, results, strict=True):
            scores[place] = float(result.scores[0])
        return scores

    def _explanation(self, found, text, source_tokens, target_tokens, end_score):
        result, length = found.result, found.length()
        text, target_tokens = (
            ("", []) if found.is_empty else self._known(found, 0, text, target_tokens)
        )
        scores = result.token_scores
        return Explanation(
            text=text,
            score=0.0 if found.is_empty else float(result.scores[0]),
            source_tokens=source_tokens,
            target_tokens=target_tokens,
            alignment=np.asarray(result.alignments[0, :length, : len(found.source_ids)]),
            token_scores=None if scores is None else np.asarray(scores[0, :length]),
            finished=found.is_empty or bool(result.finished[0]),
            end_score=end_score,
        )

    def hypotheses(self, found):
        """The texts and scores of all hypotheses that were found of each text, best first.

        Args:
            found: list of `Found`.

        Returns:
            List of lists of `Hypothesis`.
        """
        rows = []
        for row in found:
            result = row.result
            if row.is_empty:
                rows.append([Hypothesis("", 0.0)] * len(result.ids))
                continue
            decoded = self._decode(result.ids)
            rows.append(
                [
                    Hypothesis(
                        text=self._known(row, beam, decoded[beam])[0],
                        score=float(result.scores[beam]),
                        finished=bool(result.finished[beam]),
                    )
                    for beam in np.flatnonzero(result.exists)
                ]
            )
        return rows

    def source_ids(self, texts):
        """Ids of each text, the end token included.

        Args:
            texts: list of str.

        Returns:
            List of int32 arrays.

        Raises:
            UserError: a text has more tokens than the model takes.
        """
        rows = self.encoded(texts)
        for number, row in enumerate(rows, start=1):
            if len(row) > self.max_source_length:
                raise UserError(f"Text {number} {too_long(len(row), self.max_source_length)}")
        return rows

    def encoded(self, texts):
        """Ids of each text, however long, the end token included: see `source_ids`."""
        texts = list(texts)
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise UserError(f"Text {number} must be a string. Received: {text!r}")
        if not texts:
            return []
        rows = self.source_tokenizer.encode(texts).to_list()
        return [np.asarray([*row, self.model.end_id], "int32") for row in rows]

    def _prefix_ids(self, prefixes, count):
        """Ids of what each translation begins with, or None."""
        if prefixes is None:
            return None
        prefixes = list(prefixes)
        _check_strings("prefixes", prefixes, count)
        rows = self._encoded_targets(prefixes)
        for number, (prefix, row) in enumerate(zip(prefixes, rows, strict=True), start=1):
            phrase = self._target_problem(prefix, row)
            if phrase:
                raise UserError(f"Prefix {number} {phrase}")
        return rows

    def _encoded_targets(self, texts):
        """Ids of given translations or of their beginnings, without the end token."""
        return self.target_tokenizer.encode(texts).to_list() if texts else []

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

    def _known(self, found, beam, text, tokens=()):
        """Text and tokens of a hypothesis without unknown words, if they are to be replaced."""
        ids = found.result.ids[beam, : found.length(beam)]
        if self.unknown == "keep" or self.target_tokenizer.unknown_id not in ids:
            return text, tokens
        tokens = self._unknown_words.tokens(found.text, ids, found.result.alignments[beam])
        return self._unknown_words.text(ids, tokens), tokens

    def _search_all(self, sources, search, prefixes=None):
        """Result of each row, in the order given; rows of like length share a batch."""
        order = np.argsort([len(row) for row in sources], kind="stable")
        results = [None] * len(sources)
        compiled = self._compiled_search(search)
        for begin in range(0, len(sources), self.batch_size):
            rows = order[begin : begin + self.batch_size]
            batch = _pad_to_step([sources[row] for row in rows], self.max_source_length)
            forced = {}
            if prefixes is not None:
                prefix = _pad_to_step([prefixes[row] for row in rows], search.max_length)
                forced = {"prefix": prefix}
            result = compiled.generate(batch, **forced)
            for index, row in enumerate(rows):
                fields = (None if field is None else field[index] for field in result)
                results[row] = type(result)(*fields)
        return results

    def _compiled_search(self, search):
        key = str(keras.saving.serialize_keras_object(search))
        if key not in self._compiled:
            self._compiled[key] = CompiledSearch(self.model, search)
        return self._compiled[key]

    def _decode(self, ids):
        return [text.decode() for text in self.target_tokenizer.decode(np.asarray(ids)).numpy()]

    def _tokens(self, tokenizer, rows):
        """The names of the ids of each row, a list of lists of str."""
        flat = np.concatenate([np.asarray(row, "int32") for row in rows])
        names = [token.decode() for token in tokenizer.tokens(flat).numpy()]
        ends = np.cumsum([len(row) for row in rows])
        return [names[end - len(row) : end] for row, end in zip(rows, ends, strict=True)]

    def save(self, folder):
        """Writes model, tokenizers and search into `folder`, whole or not at all.

        Args:
            folder: path. It is made, or it is empty, or a saved translator that is replaced.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        folder = Path(folder)
        taken = folder.is_dir() and any(folder.iterdir())
        if folder.is_file() or (taken and not (folder / "translator.json").exists()):
            raise UserError(f"{folder} holds something else than a saved translator; it is kept.")
        with atomic_folder(folder) as temporary:
            self.model.save(temporary / "model.keras")
            self.source_tokenizer.save(temporary / "source_tokenizer")
            self.target_tokenizer.save(temporary / "target_tokenizer")
            config = {
                "format": FORMAT,
                "search": keras.saving.serialize_keras_object(self.search),
                "max_source_length": self.max_source_length,
                "batch_size": self.batch_size,
                "unknown": self.unknown,
            }
            write_json(temporary / "translator.json", config)

    @classmethod
    def load(cls, folder):
        """Translator written by `save`.

        Args:
            folder: path of the folder.

        Raises:
            UserError: the folder is missing, damaged, or no translator's.
        """
        from keras_attention import text  # Needs TensorFlow, which a user of the layers may lack.

        folder = Path(folder)
        path = folder / "translator.json"
        config = read_json(path, "a saved translator")
        found = config.get("format") if isinstance(config, dict) else None
        if type(found) is not int or found != FORMAT:
            raise UserError(
                f"{folder} was written by another version: expected format {FORMAT}. "
                f"Received: format={found}"
            )
        wrong = mismatch(config, SHAPE)
        if wrong:
            raise UserError(f"{path} is damaged: {wrong}.")
        try:
            model = keras.saving.load_model(folder / "model.keras", compile=False)
        # A damaged archive fails in Keras, zipfile or h5py, each with errors of its own.
        except Exception as error:
            raise UserError(
                f"{folder / 'model.keras'} cannot be read: {first_line(error)}"
            ) from error
        try:
            search = search_from_config(config["search"])
        except UserError as error:
            raise UserError(f"{path} cannot be used: {error}") from error
        # What `save` did not write fails in Keras or in the search, each with errors of its own.
        except Exception as error:
            raise UserError(f"{path} is damaged: {first_line(error)}.") from error
        if not (callable(search) and hasattr(search, "max_length")):
            raise UserError(f"{path} is damaged: expected a search. Received: {search!r}.")
        options = {
            "search": search,
            "max_source_length": config["max_source_length"],
            "batch_size": config["batch_size"],
            "unknown": config.get("unknown", "keep"),
        }
        return cls(
            model,
            text.load(folder / "source_tokenizer"),
            text.load(folder / "target_tokenizer"),
            **options,
        )


def too_long(tokens, limit):
    """What an error says of a text with too many tokens, after its name."""
    return f"has {tokens} tokens with the end token; this model takes at most {limit}."


def _scores_the_end_token(search):
    """Whether the score of an empty translation is the log-probability of its end token."""
    if isinstance(search, Beam):
        return not search.coverage_penalty
    return isinstance(search, Greedy | Sample)


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


def _one(prefix):
    """The prefixes of a list of one text."""
    return None if prefix is None else [prefix]


def _pad_to_step(rows, limit):
    """Rows of at most `limit` ids, padded to one of few lengths, none of them above it."""
    longest = max(map(len, rows))
    return pad(rows, length=min(max(1, -(-longest // LENGTH_STEP)) * LENGTH_STEP, limit))


def pad(rows, length=None, pad_id=0):
    """Rows of ids as one array, padded on the right.

    Args:
        rows: list of int sequences.
        length: int. Width of the array; the longest row's if not given.
        pad_id: int.

    Returns:
        int32 array `(len(rows), length)`.
    """
    length = max(map(len, rows), default=0) if length is None else length
    array = np.full((len(rows), length), pad_id, "int32")
    for index, row in enumerate(rows):
        array[index, : len(row)] = row
    return array
