"""Strings in, strings out: a model, its tokenizers and a search."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from keras_attention.decoding.search import search_from_config
from keras_attention.errors import UserError
from keras_attention.files import atomic_folder, read_json, write_json
from keras_attention.models import CompiledSearch

FORMAT = 1
LENGTH_STEP = 8  # Source lengths are padded to multiples, so that few shapes are compiled.


@dataclasses.dataclass(frozen=True)
class Explanation:
    """One translated text and why.

    Attributes:
        text: str. The translation.
        score: float. What the search ranked it by: its log-probability, with the search's
            penalties. -1e30 where the constraints of the search allow no translation: the text is
            then empty, or as far as it came.
        source_tokens: list of str, ending in the end token.
        target_tokens: list of str.
        alignment: float array `(target, source)`; row by row the attention over source tokens.
        token_scores: float array `(target,)`, the log-probability of each target token; None where
            an exported file does not tell it.
    """

    text: str
    score: float
    source_tokens: list
    target_tokens: list
    alignment: np.ndarray
    token_scores: np.ndarray = None


class Translator:
    """A trained model that takes strings and returns strings.

    Args:
        model: model with `generate(source, search, prefix)`, such as
            `keras_attention.models.Seq2Seq`.
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
        rows = self._explain(texts, prefixes, with_tokens=False)
        return [explanation.text for explanation in rows]

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
        return self._explain(texts, prefixes, with_tokens=True)

    def nbest(self, texts, prefixes=None):
        """All hypotheses that the search kept, best first.

        Args:
            texts: list of str, or one str.
            prefixes: list of str, or one str, as in a call.

        Returns:
            For each text a list of `(text, score)`, or one such list for one str. It is as long as
            there are hypotheses: the constraints of the search may leave fewer, or none.
        """
        if isinstance(texts, str):
            return self.nbest([texts], _one(prefixes))[0]
        texts = list(texts)
        sources = self.source_ids(texts)
        prefixes = self._prefix_ids(prefixes, len(texts))
        results = self._search_all(sources, self.search.all_beams(), prefixes)
        rows = []
        for source, ids, result in zip(texts, sources, results, strict=True):
            if len(ids) == 1:
                rows.append([("", 0.0)] * len(result.ids))
                continue
            decoded = [
                self._known(source, result, beam, text)[0]
                for beam, text in enumerate(self._decode(result.ids))
            ]
            hypotheses = zip(decoded, map(float, result.scores), result.exists, strict=True)
            rows.append([(text, score) for text, score, exists in hypotheses if exists])
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
        texts = list(texts)
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise UserError(f"Text {position + 1} must be a string. Received: {text!r}")
        if not texts:
            return []
        end = [self.model.end_id]
        rows = self.source_tokenizer.encode(texts).to_list()
        rows = [np.asarray(row + end, "int32") for row in rows]
        for position, row in enumerate(rows):
            if len(row) > self.max_source_length:
                raise UserError(
                    f"Text {position + 1} has {len(row)} tokens with the end token; this model "
                    f"takes at most {self.max_source_length}."
                )
        return rows

    def _prefix_ids(self, prefixes, count):
        """Ids of what each translation begins with, or None."""
        if prefixes is None:
            return None
        prefixes = list(prefixes)
        if len(prefixes) != count or not all(isinstance(prefix, str) for prefix in prefixes):
            raise UserError(
                f"Expected `prefixes` to be {count} strings, one a text. "
                f"Received: prefixes={prefixes!r}"
            )
        rows = self.target_tokenizer.encode(prefixes).to_list() if prefixes else []
        for position, row in enumerate(rows):
            if len(row) > self.search.max_length:
                raise UserError(
                    f"Prefix {position + 1} has {len(row)} tokens; the search makes at most "
                    f"{self.search.max_length}."
                )
        return rows

    def _explain(self, texts, prefixes, with_tokens):
        texts = list(texts)
        sources = self.source_ids(texts)
        prefixes = self._prefix_ids(prefixes, len(texts))
        results = self._search_all(sources, self.search, prefixes)
        best = [np.asarray(result.ids[0]) for result in results]
        decoded = self._decode(pad(best, length=self.search.max_length)) if best else []
        explanations = []
        for source, ids, result, text in zip(texts, sources, results, decoded, strict=True):
            empty = len(ids) == 1
            length = 0 if empty else int(result.lengths[0])
            tokens = []
            if with_tokens:
                tokens = self._tokens(self.target_tokenizer, result.ids[0, :length])
            if not empty:
                text, tokens = self._known(source, result, 0, text, tokens)
            scores = result.token_scores
            explanations.append(
                Explanation(
                    text="" if empty else text,
                    score=0.0 if empty else float(result.scores[0]),
                    source_tokens=self._tokens(self.source_tokenizer, ids) if with_tokens else [],
                    target_tokens=tokens,
                    alignment=np.asarray(result.alignments[0, :length, : len(ids)]),
                    token_scores=None if scores is None else np.asarray(scores[0, :length]),
                )
            )
        return explanations

    def _make_unknown_words(self, unknown):
        if unknown == "keep":
            return None
        # Needs TensorFlow, which a user of the layers may lack; these tokenizers have it.
        from keras_attention.text.unknown_words import UnknownWords, check_unknown

        dictionary = {} if check_unknown(unknown) == "copy" else unknown
        return UnknownWords(self.source_tokenizer, self.target_tokenizer, dictionary)

    def _known(self, source, result, beam, text, tokens=()):
        """Text and tokens of a hypothesis without unknown words, if they are to be replaced."""
        ids = result.ids[beam, : int(result.lengths[beam])]
        if self.unknown == "keep" or self.target_tokenizer.unknown_id not in ids:
            return text, tokens
        tokens = self._unknown_words.tokens(source, ids, result.alignments[beam])
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

    def _tokens(self, tokenizer, ids):
        return [token.decode() for token in tokenizer.tokens(np.asarray(ids)).numpy()]

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
        config = read_json(folder / "translator.json", "a saved translator")
        found = config.get("format") if isinstance(config, dict) else None
        if found != FORMAT:
            raise UserError(
                f"{folder} was written by another version: expected format {FORMAT}. "
                f"Received: format={found}"
            )
        try:
            model = keras.saving.load_model(folder / "model.keras", compile=False)
        # A damaged archive fails in Keras, zipfile or h5py, each with errors of its own.
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{folder / 'model.keras'} cannot be read: {reason}") from error
        try:
            options = {
                "search": search_from_config(config["search"]),
                "max_source_length": config["max_source_length"],
                "batch_size": config["batch_size"],
                "unknown": config.get("unknown", "keep"),
            }
        except UserError as error:
            raise UserError(f"{folder / 'translator.json'} cannot be used: {error}") from error
        except (KeyError, TypeError, ValueError) as error:  # Not what `save` wrote.
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{folder / 'translator.json'} is damaged: {reason}.") from error
        return cls(
            model,
            text.load(folder / "source_tokenizer"),
            text.load(folder / "target_tokenizer"),
            **options,
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
