"""Unicode normalisation and case, the same in every runtime that runs the graph."""

import tensorflow as tf

from keras_attention.text import unicode_tables as tables
from keras_attention.text.code_points import decode_strings, encode_strings, expand
from keras_attention.text.composition import composed

NORMALIZATIONS = ("none", "nfc", "nfkc")


def check_normalization(normalization):
    """Return `normalization` if it is a known one, raise a `ValueError` otherwise."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"Expected normalization to be one of {NORMALIZATIONS}. "
            f"Received: normalization={normalization!r}."
        )
    return normalization


def normalize(strings, lowercase=False, normalization="none"):
    """Make strings valid UTF-8, then normalise them, then lower their case.

    `"nfc"` and `"nfkc"` give what `unicodedata.normalize("NFC", text)` and `"NFKC"` give, for all
    text: `"nfc"` makes one spelling of an accented letter, `"nfkc"` also of letters that only look
    different (full width, ligatures, superscripts). Lower case is
    `str.lower` without its one rule that looks at the neighbours: a capital sigma becomes "σ",
    never "ς". (`tf.strings.lower` is not used: with UTF-8 it follows the locale of the process,
    so a Turkish server would read "I" as "ı", and it cuts text at a NUL.)

    Args:
        strings: string tensor of shape `(batch,)`.
        lowercase: whether to apply the full Unicode lower-case mapping.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.

    Returns:
        A string tensor of the same shape.
    """
    if not lowercase and normalization == "none":
        return tf.strings.unicode_transcode(strings, "UTF-8", "UTF-8", errors="replace")
    points = decode_strings(strings)
    if normalization != "none":
        points = composed(points, normalization.upper())
    if lowercase:
        points = expand(points, tables.lower_cases())
    return encode_strings(points)
