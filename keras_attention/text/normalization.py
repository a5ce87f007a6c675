"""Unicode normalisation and case, the same in every runtime that runs the graph."""

import tensorflow as tf

from keras_attention.text import unicode_tables as tables
from keras_attention.text.code_points import decode_strings, encode_strings, expand
from keras_attention.text.composition import Sourced, composed, unchanged

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
    return encode_strings(
        normalize_points(decode_strings(strings), lowercase, normalization).points
    )


def normalize_points(points, lowercase=False, normalization="none"):
    """Normalise code points and tell which characters each one comes from.

    Args:
        points: int32 `tf.RaggedTensor` of shape `(batch, None)`, the characters of texts.
        lowercase: see `normalize`.
        normalization: see `normalize`.

    Returns:
        A `Sourced`. All code points that a character becomes, such as the "f" and the "i" of a
        ligature, come from that whole character.
    """
    result = Sourced(points, *unchanged(points))
    if normalization != "none":
        result = composed(points, normalization.upper())
    if lowercase:
        lower, source = expand(result.points, tables.lower_cases())
        result = Sourced(lower, tf.gather(result.begins, source), tf.gather(result.ends, source))
    return result
