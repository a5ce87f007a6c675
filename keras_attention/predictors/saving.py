"""A predictor in a folder: its Keras model, its codecs and its settings."""

from pathlib import Path

import keras

from keras_attention.errors import UserError, first_line
from keras_attention.files import atomic_folder, read_json, write_json
from keras_attention.json_shapes import AtLeast, mismatch

FORMAT = 1


class Saved:
    """What a predictor needs to be written into a folder and read again.

    Attributes:
        kind: str. What its config file calls the class; None where the name of that file says it.
        model: the Keras model behind the engine; None in predictors of a file or a function.
        config_file: str. Name of the file of the settings.
        codec_folders: names of the folders of the source and target codec.
        noun: str. What errors call it.
        shape: dict, of the config file: see `json_shapes`.
    """

    config_file = "predictor.json"
    kind = None
    kinds = {}  # Classes by their kind: all subclasses that have one.
    model = None
    codec_folders = ("source_codec", "target_codec")
    noun = "predictor"
    shape = {"max_source_length": AtLeast(1), "batch_size": AtLeast(1)}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if vars(cls).get("kind"):
            Saved.kinds[cls.kind] = cls

    def settings(self):
        """What the config file holds beside its format: JSON values."""
        return {"max_source_length": self.max_source_length, "batch_size": self.batch_size}

    @staticmethod
    def load_codec(folder):
        """The codec in a folder."""
        from keras_attention import codecs  # Needs TensorFlow, which a user of layers may lack.

        return codecs.load(folder)

    @classmethod
    def from_parts(cls, model, source, target, settings, path):
        """A predictor of what `load` read.

        Args:
            model: Keras model.
            source, target: codecs.
            settings: dict, as `settings` returned it.
            path: path of the config file, for the message of an error.
        """
        raise NotImplementedError(f"{cls.__name__} must define `from_parts` to be loaded.")

    def save(self, folder):
        """Writes model, codecs and settings into `folder`, whole or not at all.

        Args:
            folder: path. It is made, or it is empty, or one that `save` wrote, which is replaced.

        Raises:
            UserError: the folder holds something else, which would be lost; or there is no Keras
                model to save, only a file.
        """
        if self.model is None:
            raise UserError("Only what has a Keras model can be saved: copy the exported bundle.")
        folder = Path(folder)
        taken = folder.is_dir() and any(folder.iterdir())
        if folder.is_file() or (taken and not (folder / self.config_file).exists()):
            raise UserError(f"{folder} holds something else than a saved {self.noun}; it is kept.")
        with atomic_folder(folder) as temporary:
            self.model.save(temporary / "model.keras")
            for codec, name in zip((self.source, self.target), self.codec_folders, strict=True):
                codec.save(temporary / name)
            kind = {} if self.kind is None else {"kind": self.kind}
            write_json(temporary / self.config_file, {"format": FORMAT, **kind, **self.settings()})

    @classmethod
    def load(cls, folder):
        """What `save` wrote.

        Args:
            folder: path of the folder.

        Raises:
            UserError: the folder is missing, damaged, or of something else.
        """
        folder = Path(folder)
        path = folder / cls.config_file
        config = read_json(path, f"a saved {cls.noun}")
        found = config.get("format") if isinstance(config, dict) else None
        if type(found) is not int or found != FORMAT:
            raise UserError(
                f"{folder} was written by another version: expected format {FORMAT}. "
                f"Received: format={found}"
            )
        if config.get("kind") != cls.kind:
            raise UserError(f"{folder} holds no {cls.noun}. Received: kind={config.get('kind')!r}")
        wrong = mismatch(config, cls.shape)
        if wrong:
            raise UserError(f"{path} is damaged: {wrong}.")
        try:
            model = keras.saving.load_model(folder / "model.keras", compile=False)
        # A damaged archive fails in Keras, zipfile or h5py, each with errors of its own.
        except Exception as error:
            raise UserError(
                f"{folder / 'model.keras'} cannot be read: {first_line(error)}"
            ) from error
        source, target = (cls.load_codec(folder / name) for name in cls.codec_folders)
        return cls.from_parts(model, source, target, config, path)
