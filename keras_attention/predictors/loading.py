"""Any saved predictor by the folder it lies in."""

from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.files import read_json
from keras_attention.predictors.saving import Saved

# Name of the config file, and of the folder of a run directory that holds it.
FOLDERS = {"predictor.json": "predictor", "translator.json": "translator"}


def predictor_folder(path):
    """The folder of the predictor in a run directory, or `path` if that is one.

    Args:
        path: path of a run directory or of a folder that `save` wrote.

    Raises:
        UserError: it is neither, or the run has not saved a model yet.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    for file, name in FOLDERS.items():
        for folder in (path, path / name):
            if (folder / file).exists():
                return folder
    if (path / "recipe.json").exists():
        raise UserError(f"{path} has no model yet: its training has not finished an epoch.")
    if (path / "manifest.json").exists():
        raise UserError(
            f"{path} is an exported bundle: open it with keras_attention.export.open_predictor."
        )
    raise UserError(
        f"{path} is neither a run directory, nor a saved predictor, nor an exported bundle."
    )


def predictor_class(folder):
    """The class of the predictor that lies in a folder.

    Args:
        folder: path, as `predictor_folder` returns it.

    Raises:
        UserError: the config file is damaged, or of a class that is not imported.
    """
    if (folder / "translator.json").exists():
        from keras_attention.predictors.translator import Translator  # It is built on this module.

        return Translator
    config = read_json(folder / "predictor.json", "a saved predictor", {"kind": str})
    if config["kind"] not in Saved.kinds:
        raise UserError(
            f"Expected a kind of predictor among {', '.join(Saved.kinds)}. "
            f"Received: {config['kind']!r} in {folder}."
        )
    return Saved.kinds[config["kind"]]
