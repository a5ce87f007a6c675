"""One way to ask a trained model, whatever file it lies in."""

import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from keras_attention import text as tokenizers
from keras_attention.decoding import SearchResult
from keras_attention.errors import UserError
from keras_attention.text.tokenizer import as_strings
from keras_attention.translator import Explanation, Translator

from .layout import MANIFEST, ONNX, SAVED_MODEL, SOURCE_TOKENIZER, TARGET_TOKENIZER, read_manifest
from .signatures import (
    ALIGNMENT,
    EXPLAIN,
    SCORE,
    SEARCH,
    SIGNATURES,
    SOURCE_IDS,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    TEXT,
)
from .to_onnx import open_session

BATCH_SIZE = 64


class Predictor:
    """What answers texts with translations.

    Call arguments:
        texts: list of str.
    """

    def predict(self, texts):
        """The translation of each text, and why.

        Args:
            texts: list of str.

        Returns:
            List of `keras_attention.Explanation`.

        Raises:
            UserError: a text has more tokens than the model takes.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `predict`.")


class KerasPredictor(Predictor):
    """Predictions of a trained model as Keras saved it.

    Args:
        translator: `keras_attention.Translator`.
    """

    def __init__(self, translator):
        self.translator = translator

    def predict(self, texts):
        """See `Predictor.predict`."""
        return self.translator.explain(list(texts))


class OnnxPredictor(KerasPredictor):
    """Predictions of the ONNX file of a bundle; its tokenizers run in TensorFlow.

    Args:
        bundle: path of the bundle's folder.
    """

    def __init__(self, bundle):
        super().__init__(OnnxTranslator(bundle))


class OnnxTranslator(Translator):
    """A translator whose model and search are one ONNX file.

    Args:
        bundle: path of the bundle's folder.
    """

    def __init__(self, bundle):
        bundle = Path(bundle)
        manifest = read_manifest(bundle)
        super().__init__(
            model=SimpleNamespace(end_id=manifest["special_ids"]["end"]),
            source_tokenizer=tokenizers.load(bundle / SOURCE_TOKENIZER),
            target_tokenizer=tokenizers.load(bundle / TARGET_TOKENIZER),
            search=keras.saving.deserialize_keras_object(manifest["search"]),
            max_source_length=manifest["max_source_length"],
        )
        self.session = _opened(open_session, bundle / ONNX)

    def _compiled_search(self, search):
        if search is not self.search:
            raise UserError("The ONNX file holds one search; all hypotheses are in the SavedModel.")
        return SimpleNamespace(generate=self._generate)

    def _generate(self, source_ids):
        names = list(SIGNATURES[SEARCH]["outputs"])
        return SearchResult(*self.session.run(names, {SOURCE_IDS: np.asarray(source_ids)}))


class SavedModelPredictor(Predictor):
    """Predictions of the SavedModel of a bundle.

    Args:
        bundle: path of the bundle's folder.
    """

    def __init__(self, bundle):
        bundle = Path(bundle)
        if read_manifest(bundle)["needs_tensorflow_text"]:
            import tensorflow_text  # noqa: F401  Registers the operations of SentencePiece.
        self.saved_model = _opened(tf.saved_model.load, bundle / SAVED_MODEL)

    def predict(self, texts):
        """See `Predictor.predict`."""
        texts = list(texts)
        explanations = []
        for begin in range(0, len(texts), BATCH_SIZE):
            explanations.extend(self._predict_batch(texts[begin : begin + BATCH_SIZE], begin))
        return explanations

    def _predict_batch(self, texts, begin):
        try:
            outputs = self.saved_model.signatures[EXPLAIN](text=as_strings(texts))
        except tf.errors.InvalidArgumentError as error:
            raise _too_long(error, begin) or error from error
        columns = {name: value.numpy() for name, value in outputs.items()}
        return [
            _explanation({name: value[row] for name, value in columns.items()})
            for row in range(len(texts))
        ]


def _explanation(row):
    source_tokens = [token.decode() for token in row[SOURCE_TOKENS] if token]
    target_length = max(np.flatnonzero(row[ALIGNMENT].any(axis=1)), default=-1) + 1
    return Explanation(
        text=row[TEXT].decode(),
        score=float(row[SCORE]),
        source_tokens=source_tokens,
        target_tokens=[token.decode() for token in row[TARGET_TOKENS][:target_length]],
        alignment=row[ALIGNMENT][:target_length, : len(source_tokens)],
    )


def _too_long(error, begin):
    """The one sentence the graph says, counted from the first text of all."""
    sentence = re.search(r"Text (\d+) (has \d+ tokens .* takes at most \d+\.)", error.message)
    return sentence and UserError(f"Text {begin + int(sentence[1])} {sentence[2]}")


def _opened(opener, path):
    if not path.exists():
        raise UserError(f"{path} is missing.")
    try:
        return opener(path if path.is_file() else str(path))
    except Exception as error:  # TensorFlow and onnxruntime raise whatever a damaged file leads to.
        raise UserError(f"{path} cannot be opened: {str(error).splitlines()[0]}") from error


FORMATS = {"saved_model": SavedModelPredictor, "onnx": OnnxPredictor}


def open_predictor(path, format=None):
    """What answers texts, from wherever a trained model lies.

    Args:
        path: path of a run directory, of a translator's folder, or of an exported bundle.
        format: `"saved_model"` or `"onnx"`: which file of a bundle; by default the SavedModel.

    Returns:
        A `Predictor`.

    Raises:
        UserError: there is no such thing at `path`.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise UserError(f"`format` must be one of {', '.join(FORMATS)}. Received: format={format}")
    if (path / MANIFEST).exists():
        return FORMATS[format or "saved_model"](path)
    if format is not None:
        raise UserError(f"{path} is not an exported bundle: it has no {MANIFEST}.")
    return KerasPredictor(Translator.load(translator_folder(path)))


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
