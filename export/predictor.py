"""One way to ask a trained model, whatever file it lies in."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from keras_attention import text as tokenizers
from keras_attention.decoding import SearchOptions, SearchResult, changed_search
from keras_attention.errors import UserError, first_line
from keras_attention.text.tokenizer import as_strings
from keras_attention.translations import Explanation, Hypothesis
from keras_attention.translator import Translator, too_long

from .evaluation import recorded_evaluation
from .layout import (
    MANIFEST,
    ONNX,
    ONNX_INT8,
    SAVED_MODEL,
    SOURCE_TOKENIZER,
    TARGET_TOKENIZER,
    TOKENIZERS,
    open_bundle,
    read_manifest,
)
from .signatures import (
    ALIGNMENT,
    EXPLAIN,
    FINISHED,
    NBEST,
    NO_SCORE,
    SCORE,
    SEARCH,
    SOURCE_IDS,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    TEXT,
    TOKEN_SCORES,
    TRANSLATION,
    check_ports,
)
from .to_onnx import open_session

BATCH_SIZE = 64
NO_PREFIX = "An exported file takes no prefixes: ask the run that it was made of."


class Predictor:
    """What answers texts with translations.

    Attributes:
        rejection: dict with `threshold` and `quantile`, as `evaluation.json` and the manifest hold
            it; None where the run or the bundle records none.
        why_no_rejection: str. One sentence, where one is recorded, but of another search.

    Call arguments:
        texts: list of str.
        prefix: str, what each translation begins with. Exported files take none.
    """

    rejection = None
    why_no_rejection = None

    def predict(self, texts, prefix=""):
        """The translation of each text, and why.

        Args:
            texts, prefix: see the class.

        Returns:
            List of `keras_attention.Explanation`.

        Raises:
            UserError: a text has more tokens than the model takes, or the prefix cannot be had.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `predict`.")

    def nbest(self, texts, prefix=""):
        """All hypotheses of each text, best first.

        Args:
            texts, prefix: see the class.

        Returns:
            For each text a list of `keras_attention.Hypothesis`.

        Raises:
            UserError: a text has more tokens than the model takes, the prefix cannot be had, or the
                file does not hold them.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `nbest`.")

    def too_long(self, texts):
        """The texts that have more tokens than the model takes.

        Args:
            texts: list of str.

        Returns:
            Dict of phrases by position, such as `"has 18 tokens with the end token; ..."`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `too_long`.")


class KerasPredictor(Predictor):
    """Predictions of a trained model as Keras saved it.

    Args:
        translator: `keras_attention.Translator`.
        rejection, why_no_rejection: see `Predictor`.
    """

    def __init__(self, translator, rejection=None, why_no_rejection=None):
        self.translator = translator
        self.rejection = rejection
        self.why_no_rejection = why_no_rejection

    def predict(self, texts, prefix=""):
        """See `Predictor.predict`."""
        return self.translator.explain(list(texts), _for_each(prefix, texts))

    def nbest(self, texts, prefix=""):
        """See `Predictor.nbest`."""
        return self.translator.nbest(list(texts), _for_each(prefix, texts))

    def too_long(self, texts):
        """See `Predictor.too_long`."""
        lengths = [len(ids) for ids in self.translator.encoded(texts)]
        return _too_long_ones(lengths, self.translator.max_source_length)


def _for_each(prefix, texts):
    return [prefix] * len(texts) if prefix else None


def _too_long_ones(lengths, limit):
    return {
        place: too_long(length, limit) for place, length in enumerate(lengths) if length > limit
    }


class OnnxPredictor(KerasPredictor):
    """Predictions of the ONNX file of a bundle; its tokenizers run in TensorFlow.

    Args:
        bundle: path of the bundle's folder.
        unknown: as for `keras_attention.Translator`; what the manifest says if None.
    """

    file = ONNX

    def __init__(self, bundle, unknown=None):
        manifest = open_bundle(bundle, (self.file, TOKENIZERS))
        translator = BundleTranslator(bundle, onnx_search(bundle, manifest, self.file), unknown)
        super().__init__(translator, manifest["rejection"])


class OnnxInt8Predictor(OnnxPredictor):
    """Predictions of the ONNX file of a bundle that has 8-bit integers as weights.

    Args:
        bundle, unknown: see `OnnxPredictor`.
    """

    file = ONNX_INT8

    def __init__(self, bundle, unknown=None):
        if ONNX_INT8 not in read_manifest(bundle)["files"]:
            raise UserError(
                f"{bundle} has no ONNX file with 8-bit weights: export the run with --int8."
            )
        super().__init__(bundle, unknown)


class RecordedSearch:
    """A search that lies in a file: what is known of it without its class.

    Args:
        config: dict, the search's own.
    """

    def __init__(self, config):
        self.config = config
        self.max_length = config["max_length"]
        self.coverage_penalty = config.get("coverage_penalty", 0.0)

    def all_beams(self):
        """The search that returns every hypothesis it keeps: itself, or one that is in no file."""
        width = self.config.get("width", 1)
        if self.config.get("n_best", 1) == width:
            return self
        return RecordedSearch({**self.config, "n_best": width})


class BundleTranslator(Translator):
    """A translator whose model and search are one exported file.

    Args:
        bundle: path of the bundle's folder.
        find: function from source ids to a `SearchResult` of NumPy arrays.
        unknown: as for `keras_attention.Translator`; what the manifest says if None.
    """

    def __init__(self, bundle, find, unknown=None):
        bundle = Path(bundle)
        manifest = read_manifest(bundle)
        super().__init__(
            model=SimpleNamespace(end_id=manifest["special_ids"]["end"]),
            source_tokenizer=tokenizers.load(bundle / SOURCE_TOKENIZER),
            target_tokenizer=tokenizers.load(bundle / TARGET_TOKENIZER),
            search=RecordedSearch(manifest["search"]["config"]),
            max_source_length=manifest["max_source_length"],
            unknown=manifest["unknown"] if unknown is None else unknown,
        )
        self.find = find

    def score(self, texts, translations):
        """Not offered: see `Translator.score`."""
        raise UserError("An exported file scores no given translations: ask the run it is made of.")

    def explanations(self, found):
        """See `Translator.explanations`."""
        return [
            without_unknown_probability(row, self.search) for row in super().explanations(found)
        ]

    def _end_scores(self, found):
        return [None] * len(found)  # The file scores no given translations.

    def _compiled_search(self, search):
        if search is not self.search:
            raise UserError(
                "The file holds one search; all hypotheses are in the SavedModel, where unknown "
                "words are kept."
            )
        return SimpleNamespace(generate=self._generate)

    def _generate(self, source_ids, prefix=None):
        if prefix is not None:
            raise UserError(NO_PREFIX)
        return self.find(np.asarray(source_ids))


def without_unknown_probability(explanation, search):
    """An explanation from a file, without `token_scores` where its probability cannot be told.

    The score of an empty translation is the log-probability of its end token, unless a coverage
    penalty is in it.

    Args:
        explanation: `keras_attention.Explanation`.
        search: `RecordedSearch`.
    """
    is_known = explanation.score == 0 or explanation.score < NO_SCORE / 2  # No text, or no answer.
    if explanation.target_tokens or is_known or not search.coverage_penalty:
        return explanation
    return dataclasses.replace(explanation, token_scores=None)


def onnx_search(bundle, manifest, file=ONNX):
    """The function from source ids to a `SearchResult` that is an ONNX file of a bundle."""
    path = Path(bundle) / file
    session = _opened(open_session, path)
    there = {output.name for output in session.get_outputs()}
    inputs = {port.name for port in session.get_inputs()}
    check_ports(path, SEARCH, manifest["signatures"][SEARCH], inputs, there)
    # A bundle of version 0.1 has no scores of tokens.
    names = [name for name in TRANSLATION.endpoints[SEARCH].outputs if name in there]
    return lambda source_ids: SearchResult(*session.run(names, {SOURCE_IDS: source_ids}))


class SavedModelPredictor(Predictor):
    """Predictions of the SavedModel of a bundle.

    Args:
        bundle: path of the bundle's folder.
        unknown: as for `keras_attention.Translator`; what the manifest says if None.
    """

    def __init__(self, bundle, unknown=None):
        bundle = Path(bundle)
        manifest = open_bundle(bundle, (SAVED_MODEL, TOKENIZERS))
        if manifest["needs_tensorflow_text"]:
            import tensorflow_text  # noqa: F401  Registers the operations of SentencePiece.
        self.saved_model = _opened(tf.saved_model.load, bundle / SAVED_MODEL)
        signatures = getattr(self.saved_model, "signatures", {})
        _check_endpoints(bundle / SAVED_MODEL, manifest, signatures)
        self.search = RecordedSearch(manifest["search"]["config"])
        self.max_source_length = manifest["max_source_length"]
        self.rejection = manifest["rejection"]
        self.source_tokenizer = tokenizers.load(bundle / SOURCE_TOKENIZER)
        unknown = manifest["unknown"] if unknown is None else unknown
        # The endpoints that take strings keep unknown words, so the ids are asked for.
        self.by_ids = None
        if unknown != "keep":
            self.by_ids = BundleTranslator(bundle, self._find, unknown)

    def _find(self, source_ids):
        outputs = self.saved_model.signatures[SEARCH](source_ids=tf.constant(source_ids, tf.int32))
        names = [name for name in TRANSLATION.endpoints[SEARCH].outputs if name in outputs]
        return SearchResult(*(outputs[name].numpy() for name in names))

    def predict(self, texts, prefix=""):
        """See `Predictor.predict`."""
        if prefix:
            raise UserError(NO_PREFIX)
        if self.by_ids is not None:
            return self.by_ids.explain(list(texts))
        rows = self._rows(EXPLAIN, texts)
        explanations = (_explanation(row, self.search.max_length) for row in rows)
        return [without_unknown_probability(row, self.search) for row in explanations]

    def nbest(self, texts, prefix=""):
        """See `Predictor.nbest`."""
        if prefix:
            raise UserError(NO_PREFIX)
        if self.by_ids is not None:
            return self.by_ids.nbest(list(texts))
        return [_hypotheses(row) for row in self._rows(NBEST, texts)]

    def too_long(self, texts):
        """See `Predictor.too_long`."""
        rows = self.source_tokenizer.encode(list(texts)).to_list() if len(texts) else []
        return _too_long_ones([len(row) + 1 for row in rows], self.max_source_length)

    def _rows(self, endpoint, texts):
        """What an endpoint says of each text, a dict of its outputs."""
        texts = list(texts)
        for begin in range(0, len(texts), BATCH_SIZE):
            batch = texts[begin : begin + BATCH_SIZE]
            try:
                outputs = self.saved_model.signatures[endpoint](text=as_strings(batch))
            except tf.errors.InvalidArgumentError as error:
                raise _told_too_long(error, begin) or error from error
            columns = {name: value.numpy() for name, value in outputs.items()}
            for row in range(len(batch)):
                yield {name: value[row] for name, value in columns.items()}


def _check_endpoints(path, manifest, signatures):
    for endpoint, expected in manifest["signatures"].items():
        inputs = outputs = None
        if endpoint in signatures:
            function = signatures[endpoint]
            inputs, outputs = function.structured_input_signature[1], function.structured_outputs
        check_ports(path, endpoint, expected, inputs, outputs)


def _explanation(row, max_length):
    source_tokens = [token.decode() for token in row[SOURCE_TOKENS] if token]
    target_length = max(np.flatnonzero(row[ALIGNMENT].any(axis=1)), default=-1) + 1
    return Explanation(
        text=row[TEXT].decode(),
        score=float(row[SCORE]),
        source_tokens=source_tokens,
        target_tokens=[token.decode() for token in row[TARGET_TOKENS][:target_length]],
        alignment=row[ALIGNMENT][:target_length, : len(source_tokens)],
        # A bundle of version 0.1 has none.
        token_scores=row[TOKEN_SCORES][:target_length] if TOKEN_SCORES in row else None,
        # Nor this; a sentence that ended has a token less than the search makes.
        finished=bool(row.get(FINISHED, target_length < max_length and row[SCORE] > NO_SCORE / 2)),
    )


def _hypotheses(row):
    """The hypotheses that exist."""
    finished = row.get(FINISHED, [None] * len(row[TEXT]))  # An older bundle does not tell.
    return [
        Hypothesis(text.decode(), float(score), ended if ended is None else bool(ended))
        for text, score, ended in zip(row[TEXT], row[SCORE], finished, strict=True)
        if score > NO_SCORE / 2
    ]


def _told_too_long(error, begin):
    """The one sentence the graph says, counted from the first text of all."""
    sentence = re.search(r"Text (\d+) (has \d+ tokens .* takes at most \d+\.)", error.message)
    return sentence and UserError(f"Text {begin + int(sentence[1])} {sentence[2]}")


def _opened(opener, path):
    if not path.exists():
        raise UserError(f"{path} is missing.")
    try:
        return opener(path if path.is_file() else str(path))
    except Exception as error:  # TensorFlow and onnxruntime raise whatever a damaged file leads to.
        raise UserError(f"{path} cannot be opened: {first_line(error)}") from error


FORMATS = {
    "saved_model": SavedModelPredictor,
    "onnx": OnnxPredictor,
    "onnx_int8": OnnxInt8Predictor,
}


def open_predictor(path, format=None, search=None, unknown=None):
    """What answers texts, from wherever a trained model lies.

    Args:
        path: path of a run directory, of a translator's folder, or of an exported bundle.
        format: `"saved_model"`, `"onnx"` or `"onnx_int8"`: which file of a bundle; by default the
            SavedModel.
        search: `SearchOptions` in place of recorded ones. The files of a bundle hold their search.
        unknown: as for `keras_attention.Translator`; what was recorded if None.

    Returns:
        A `Predictor`.

    Raises:
        UserError: there is no such thing at `path`, it takes no other search, or its unknown words
            cannot be replaced.
    """
    search = search or SearchOptions()
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise UserError(f"`format` must be one of {', '.join(FORMATS)}. Received: format={format}")
    if (path / MANIFEST).exists():
        if search != SearchOptions():
            raise UserError(
                f"{path} is an exported bundle, whose files hold their search: give the options of "
                "the search to `keras-attention export`."
            )
        return FORMATS[format or "saved_model"](path, unknown)
    if format is not None:
        raise UserError(f"{path} is not an exported bundle: it has no {MANIFEST}.")
    translator = open_translator(path, search)
    if unknown is not None:
        translator.unknown = unknown
    recorded = recorded_evaluation(path, translator.search)
    return KerasPredictor(translator, recorded.rejection, recorded.why_not)


def open_translator(path, search=None):
    """The translator of a run, or the one that lies in a folder of its own.

    Args:
        path: path of a run directory, or of a translator's folder.
        search: `SearchOptions` in place of recorded ones.

    Raises:
        UserError: there is none at `path`, or it takes no such search.
    """
    if (Path(path) / MANIFEST).exists():
        raise UserError(
            f"{path} is an exported bundle, whose files score no given translations: name the run "
            "that it was made of."
        )
    translator = Translator.load(translator_folder(path))
    translator.search = changed_search(translator.search, search or SearchOptions())
    return translator


def translator_folder(path):
    """The folder of the translator in a run directory, or `path` if that is one.

    Args:
        path: path of a run directory or of a translator's folder.

    Raises:
        UserError: it is neither, or the run has not saved a translator yet.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    if (path / "translator.json").exists():
        return path
    if (path / "translator" / "translator.json").exists():
        return path / "translator"
    if (path / "recipe.json").exists():
        raise UserError(f"{path} has no translator yet: its training has not finished an epoch.")
    raise UserError(
        f"{path} is neither a run directory, nor a saved translator, nor an exported bundle."
    )
