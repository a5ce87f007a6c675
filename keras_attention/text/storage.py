"""What a tokenizer keeps on disk: one folder with a `tokenizer.json`."""

import json
import os
from pathlib import Path

from keras_attention.errors import UserError

CONFIG_FILE = "tokenizer.json"
FORMAT = 1


def read_config(folder):
    """The checked content of a folder's `tokenizer.json`."""
    path = Path(folder) / CONFIG_FILE
    try:
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"No tokenizer in {str(folder)!r}: cannot read {CONFIG_FILE} ({error.strerror})."
        ) from error
    except RecursionError:
        raise broken(path, "it is nested too deeply") from None
    except ValueError as error:
        raise broken(path, error) from error
    if not isinstance(config, dict) or not isinstance(config.get("kind"), str):
        raise broken(path, "it names no kind of tokenizer")
    if config.get("format") != FORMAT:
        raise UserError(
            f"Expected format={FORMAT} in {str(path)!r}. Received: format={config.get('format')!r}."
        )
    return config


def broken(path, reason):
    """The error of a file that cannot be understood, in one line."""
    return UserError(
        f"The tokenizer file {str(path)!r} is broken: {' '.join(str(reason).split())}."
    )


def write_atomically(path, content):
    """Write bytes so that `path` holds either its old or its whole new content."""
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
