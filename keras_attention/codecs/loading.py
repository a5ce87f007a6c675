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
    if (Path(folder) / TOKENIZER_FILE).exists():
        from keras_attention.text import load as load_tokenizer  # Tokenizers are built on codecs.

        return load_tokenizer(folder)
    kind = read_config(folder, CODEC_FILE, "codec")["kind"]
    kinds = {name: found for name, found in Codec.kinds.items() if found.config_file == CODEC_FILE}
    if kind not in kinds:
        known = ", ".join(kinds) or "those that are imported, which are none"
        raise UserError(f"Expected a kind of codec among {known}. Received: {kind!r}.")
    return kinds[kind].load(folder)
