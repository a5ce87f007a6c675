"""One way to run a trained model, whatever file it lies in."""

from pathlib import Path

from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.errors import UserError
from keras_attention.predictors import Predictor as Predictor
from keras_attention.predictors import Translator
from keras_attention.predictors.loading import predictor_folder

from .exporter import exporter_of
from .file_labellers import LABELLERS
from .file_translators import TRANSLATORS
from .file_translators import FilePredictor as FilePredictor
from .file_translators import OnnxInt8Predictor as OnnxInt8Predictor
from .file_translators import OnnxPredictor as OnnxPredictor
from .file_translators import RecordedSearch as RecordedSearch
from .file_translators import SavedModelPredictor as SavedModelPredictor
from .layout import MANIFEST, read_manifest
from .signatures import TRANSLATION


def KerasPredictor(predictor, rejection=None, why_no_rejection=None):  # It was a class.
    """A predictor that knows what its evaluation recorded.

    Args:
        predictor: `keras_attention.Predictor`.
        rejection, why_no_rejection: see `Predictor`.

    Returns:
        `predictor` itself.
    """
    predictor.rejection = rejection
    predictor.why_no_rejection = why_no_rejection
    return predictor


FORMATS = tuple(TRANSLATORS)


def open_predictor(path, format=None, search=None, unknown=None):
    """What answers texts, from wherever a trained model lies.

    Args:
        path: path of a run directory, of a folder that `Predictor.save` wrote, or of a bundle.
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
        format = format or "saved_model"
        if read_manifest(path)["task"] == TRANSLATION.name:
            return TRANSLATORS[format](path, unknown)
        _refuse_unknown(unknown)
        return LABELLERS[format](path)
    if format is not None:
        raise UserError(f"{path} is not an exported bundle: it has no {MANIFEST}.")
    predictor = Predictor.load(predictor_folder(path))
    exporter = exporter_of(predictor)
    exporter.use(search)
    if unknown is not None:
        if not isinstance(predictor, Translator):
            _refuse_unknown(unknown)
        predictor.unknown = unknown
    recorded = exporter.recorded(path)
    return KerasPredictor(predictor, recorded.rejection, recorded.why_not)


def _refuse_unknown(unknown):
    if unknown is not None:
        raise UserError("What becomes of unknown words is for translations: leave it out.")


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
    translator = Predictor.load(predictor_folder(path))
    if not isinstance(translator, Translator):
        raise UserError(f"{path} is no translator: it scores no given translations.")
    translator.search = changed_search(translator.search, search or SearchOptions())
    return translator
