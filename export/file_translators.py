"""The files of a bundle as translators."""

from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.predictors import Translator
from keras_attention.text.inputs import as_strings
from keras_attention.translations import Hypothesis

from .engines import onnx_engine, open_saved_model, opened_parts, saved_model_engine
from .layout import ONNX, ONNX_INT8, SAVED_MODEL
from .signatures import FINISHED, NBEST, NO_SCORE, SCORE, TEXT

NO_PREFIX = "An exported file takes no prefixes: ask the run that it was made of."


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
        manifest, source, target = opened_parts(bundle, self.file)
        super().__init__(
            model=None,
            source_tokenizer=source,
            target_tokenizer=target,
            search=RecordedSearch(manifest["search"]["config"]),
            max_source_length=manifest["max_source_length"],
            unknown=manifest["unknown"] if unknown is None else unknown,
        )
        self.rejection = manifest["rejection"]
        self.engine = self.open_engine(Path(bundle) / self.file, manifest)

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


TRANSLATORS = {
    "saved_model": SavedModelPredictor,
    "onnx": OnnxPredictor,
    "onnx_int8": OnnxInt8Predictor,
}
