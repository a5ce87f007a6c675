"""The files of a bundle as labellers."""

from pathlib import Path

import tensorflow as tf

from keras_attention.predictors import Labeller
from keras_attention.predictors.labelling import LabelResult

from .engines import open_onnx, open_saved_model, opened_parts
from .labelling import FIELDS
from .layout import ONNX, ONNX_INT8, SAVED_MODEL
from .signatures import READ, SOURCE_IDS, WORDS


class FileLabeller(Labeller):
    """Labels of one file of a bundle, whose engine takes ids; its codecs run here.

    A subclass says in `open_file` how the file is opened.

    Args:
        bundle: path of the bundle's folder.
    """

    file = None
    kind = None  # It is in a bundle, not in a folder that `save` wrote.

    def __init__(self, bundle):
        manifest, source, target = opened_parts(bundle, self.file)
        super().__init__(None, source, target, manifest["max_source_length"])
        self.rejection = manifest["rejection"]
        read = self.open_file(Path(bundle) / self.file, manifest)

        def engine(source_ids, words=None):
            given = {SOURCE_IDS: source_ids}
            if words is not None:
                given[WORDS] = words != 0
            found = read(given)
            return LabelResult(**{FIELDS[name]: array for name, array in found.items()})

        self.engine = engine

    def open_file(self, path, manifest):
        """The endpoint `read` of a file: a function from dict to dict of arrays.

        Args:
            path: path of the file.
            manifest: dict, that of the bundle.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `open_file`.")


class OnnxLabeller(FileLabeller):
    """Labels of the ONNX file of a bundle.

    Args:
        bundle: path of the bundle's folder.
    """

    file = ONNX

    def open_file(self, path, manifest):
        session, names = open_onnx(path, manifest, READ)
        return lambda given: dict(zip(names, session.run(names, given), strict=True))


class OnnxInt8Labeller(OnnxLabeller):
    """Labels of the ONNX file of a bundle that has 8-bit integers as weights.

    Args:
        bundle: path of the bundle's folder.
    """

    file = ONNX_INT8


class SavedModelLabeller(FileLabeller):
    """Labels of the SavedModel of a bundle.

    Args:
        bundle: path of the bundle's folder.
    """

    file = SAVED_MODEL

    def open_file(self, path, manifest):
        self.saved_model = open_saved_model(path, manifest)
        read = self.saved_model.signatures[READ]

        def call(given):
            found = read(**{name: tf.constant(array) for name, array in given.items()})
            return {name: array.numpy() for name, array in found.items()}

        return call


LABELLERS = {
    "saved_model": SavedModelLabeller,
    "onnx": OnnxLabeller,
    "onnx_int8": OnnxInt8Labeller,
}
