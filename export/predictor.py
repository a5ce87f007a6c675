"""One way to run a trained model, whatever file it lies in."""

from pathlib import Path

from keras_attention import text as tokenizers
from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.errors import UserError
from keras_attention.predictors import Predictor as Predictor
from keras_attention.predictors import Translator
from keras_attention.text.inputs import as_strings
from keras_attention.translations import Hypothesis

from .engines import onnx_engine, open_saved_model, saved_model_engine
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
from .signatures import FINISHED, NBEST, NO_SCORE, SCORE, TEXT

NO_PREFIX = "An exported file takes no prefixes: ask the run that it was made of."


def KerasPredictor(translator, rejection=None, why_no_rejection=None):  # It was a class.
    """A translator that knows what its evaluation recorded.

    Args:
        translator: `keras_attention.Translator`.
        rejection, why_no_rejection: see `Predictor`.

    Returns:
        `translator` itself.
    """
    translator.rejection = rejection
    translator.why_no_rejection = why_no_rejection
    return translator


class RecordedSearch:
    """A search that lies in a file: what is known of it without its class.

    Args:
        config: dict, the search's own.
    """

    def __init__(self, config):
        self.config = config
        self.max_length = config["max_length"]

    @property
    def empty_score_is_log_probability(self):
        """Whether the score of an empty sentence is the log-probability of its end token."""
        return not self.config.get("coverage_penalty", 0.0)

    def all_beams(self):
        """The search that returns every hypothesis it keeps: itself, or one that is in no file."""
        width = self.config.get("width", 1)
        if self.config.get("n_best", 1) == width:
            return self
        return RecordedSearch({**self.config, "n_best": width})


class FilePredictor(Translator):
    """Translations of one file of a bundle, whose engine takes ids; its tokenizers run here.

    A subclass says in `open_engine` how the file is opened.

    Args:
        bundle: path of the bundle's folder.
        unknown: as for `keras_attention.Translator`; what the manifest says if None.
    """

    file = None

    def __init__(self, bundle, unknown=None):
        bundle = Path(bundle)
        manifest = open_bundle(bundle, (self.file, TOKENIZERS))
        super().__init__(
            model=None,
            source_tokenizer=tokenizers.load(bundle / SOURCE_TOKENIZER),
            target_tokenizer=tokenizers.load(bundle / TARGET_TOKENIZER),
            search=RecordedSearch(manifest["search"]["config"]),
            max_source_length=manifest["max_source_length"],
            unknown=manifest["unknown"] if unknown is None else unknown,
        )
        self.rejection = manifest["rejection"]
        self.engine = self.open_engine(bundle / self.file, manifest)

    def open_engine(self, path, manifest):
        """The engine that a file is.

        Args:
            path: path of the file.
            manifest: dict, that of the bundle.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `open_engine`.")

    def engine_of(self, search):
        """See `Translator.engine_of`."""
        if search is not self.search:
            raise UserError(
                "The file holds one search; all hypotheses are in the SavedModel, where unknown "
                "words are kept."
            )
        return self.engine

    def score(self, texts, translations):
        """Not offered: see `Translator.score`."""
        raise UserError("An exported file scores no given translations: ask the run it is made of.")

    def _prefix_ids(self, prefixes, count):
        if prefixes is not None and prefixes != "":
            raise UserError(NO_PREFIX)

    def _end_scores(self, found):
        return [None] * len(found)  # The file scores no given translations.


class OnnxPredictor(FilePredictor):
    """Translations of the ONNX file of a bundle.

    Args:
        bundle, unknown: see `FilePredictor`.
    """

    file = ONNX

    def open_engine(self, path, manifest):
        """See `FilePredictor.open_engine`."""
        return onnx_engine(path, manifest)


class OnnxInt8Predictor(OnnxPredictor):
    """Translations of the ONNX file of a bundle that has 8-bit integers as weights.

    Args:
        bundle, unknown: see `FilePredictor`.
    """

    file = ONNX_INT8

    def __init__(self, bundle, unknown=None):
        if ONNX_INT8 not in read_manifest(bundle)["files"]:
            raise UserError(
                f"{bundle} has no ONNX file with 8-bit weights: export the run with --int8."
            )
        super().__init__(bundle, unknown)


class SavedModelPredictor(FilePredictor):
    """Translations of the SavedModel of a bundle.

    Args:
        bundle, unknown: see `FilePredictor`.
    """

    file = SAVED_MODEL

    def open_engine(self, path, manifest):
        """See `FilePredictor.open_engine`."""
        self.saved_model = open_saved_model(path, manifest)
        return saved_model_engine(self.saved_model)

    def hypotheses_of(self, texts):
        """All hypotheses of texts, which one endpoint of the SavedModel alone gives.

        Args:
            texts: list of str.

        Returns:
            List of lists of `Hypothesis`.
        """
        rows = []
        for begin in range(0, len(texts), self.batch_size):
            batch = as_strings(texts[begin : begin + self.batch_size])
            outputs = self.saved_model.signatures[NBEST](**{TEXT: batch})
            columns = {name: value.numpy() for name, value in outputs.items()}
            for row in range(len(batch)):
                rows.append(_hypotheses({name: value[row] for name, value in columns.items()}))
        return rows

    def _answers(self, make, texts, prefixes=None, search=None):
        has_them = search is None or search is self.search
        if has_them or self.unknown != "keep":  # The endpoint keeps unknown words.
            return super()._answers(make, texts, prefixes, search)
        texts = [texts] if (is_one := isinstance(texts, str)) else list(texts)
        self._prefix_ids(prefixes, len(texts))
        self.source_ids(texts)  # Says which text is too long.
        rows = self.hypotheses_of(texts)
        return rows[0] if is_one else rows


def _hypotheses(row):
    """The hypotheses that exist."""
    finished = row.get(FINISHED, [None] * len(row[TEXT]))  # An older bundle does not tell.
    return [
        Hypothesis(text.decode(), float(score), ended if ended is None else bool(ended))
        for text, score, ended in zip(row[TEXT], row[SCORE], finished, strict=True)
        if score > NO_SCORE / 2
    ]


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
