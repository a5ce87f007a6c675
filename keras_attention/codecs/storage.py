"""What a codec keeps on disk: one folder with a `codec.json`, or the `tokenizer.json` of text."""

import json
import os
from pathlib import Path

from keras_attention.errors import UserError

FORMAT = 1
CODEC_FILE = "codec.json"
TOKENIZER_FILE = "tokenizer.json"


def read_config(folder, file, noun):
    """The checked content of a codec's configuration file.

    Args:
        folder: path of the codec's folder.
        file: str. Name of the configuration file.
        noun: str. What the folder should hold, for the message of an error.

    Returns:
        Dict with `format`, `kind` and the options of that kind.

    Raises:
        UserError: the file is missing or broken, or of another format.
    """
    path = Path(folder) / file
    try:
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"No {noun} in {str(folder)!r}: cannot read {file} ({error.strerror})."
        ) from error
    except RecursionError:
        raise broken(path, "it is nested too deeply", noun) from None
    except ValueError as error:
        raise broken(path, error, noun) from error
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise broken(path, f"it names no kind of {noun}", noun)
    if config.get("format") != FORMAT:
        raise UserError(
            f"Expected format={FORMAT} in {str(path)!r}. Received: format={config.get('format')!r}."
        )
    return config


def broken(path, reason, noun):
    """The error of a file that cannot be understood, in one line."""
    return UserError(f"The {noun} file {str(path)!r} is broken: {' '.join(str(reason).split())}.")


def write_atomically(path, content):
    """Write bytes so that `path` holds either its old or its whole new content."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
