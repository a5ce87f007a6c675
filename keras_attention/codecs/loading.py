"""Codecs by the kind that stands in their folder."""

from pathlib import Path

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.storage import CODEC_FILE, TOKENIZER_FILE, read_config
from keras_attention.errors import UserError


def load(folder):
    """Read the codec of a folder, whatever its kind.

    Args:
        folder: path of a folder that `Codec.save` wrote. A kind that you defined must be imported
            before.

    Returns:
        A `Codec`; of text, a `keras_attention.text.Tokenizer`.

    Raises:
        UserError: the folder is missing or broken, or of an unknown kind.
    """
    # Tokenizers make themselves known when they are imported; they are built on codecs.
    import keras_attention.text  # noqa: F401

    is_text = (Path(folder) / TOKENIZER_FILE).exists()
    file, noun = (TOKENIZER_FILE, "tokenizer") if is_text else (CODEC_FILE, "codec")
    kind = read_config(folder, file, noun)["kind"]
    kinds = {name: found for name, found in Codec.kinds.items() if found.config_file == file}
    if kind not in kinds:
        raise UserError(f"Expected a kind of {noun} among {', '.join(kinds)}. Received: {kind!r}.")
    return kinds[kind].load(folder)
