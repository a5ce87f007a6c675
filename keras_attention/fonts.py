"""Fonts for labels in any script: an installed font that has the glyphs, or the code point.

Nothing is downloaded and no setting of matplotlib is changed: for each label we ask the fonts that
matplotlib has found on this machine. A label that no font can write is spelled out in code points
("U+5E74"), because a row of empty boxes tells a reader nothing.
"""

import functools

import numpy as np

from keras_attention.labels import DOTTED_CIRCLE, code_point

_REGULAR = {("normal", 400), ("normal", "normal"), ("normal", "regular")}  # style, weight
# Fonts that answer for a character without drawing it: "Last Resort" has a box for every code
# point, and TeX's own (cmr10, STIXSizeOneSym, ...) put mathematics at the code points of letters.
_NOT_FOR_TEXT = ("Last Resort", "Adobe Blank", "cm", "STIXNon", "STIXSize")


def fit(label):
    """The text to draw for a label and the font families to draw it with.

    Args:
        label: string.

    Returns:
        `(text, families)`: the label with each character that no installed font has written as
        its code point, and a list of family names for `matplotlib.text.Text.set_fontfamily`.
    """
    usual = _families()[0]
    # One font for the whole label looks best, and scripts that join letters cannot do with two.
    families = [_family_of(label)] if label else [usual]
    if families == [None]:
        families = [family for family in map(_family_of, label) if family]
        label = _spelled_out(label)
    return label, list(dict.fromkeys([*families, usual]))


def _spelled_out(label):
    """A label whose characters without a glyph are code points, set off by spaces."""
    pieces = [
        character if _family_of(character) else f" {code_point(character)} " for character in label
    ]
    text = "".join(pieces).replace(DOTTED_CIRCLE + " ", " ")  # a code point needs no letter below
    return " ".join(text.split())


@functools.lru_cache(maxsize=4096)
def _family_of(text):
    """The first family whose font has every character of a text, or None."""
    wanted = np.array([ord(character) for character in set(text)], "uint32")
    for family in _families():
        if np.isin(wanted, _code_points(family)).all():
            return family
    return None


@functools.lru_cache(maxsize=1)
def _families():
    """Names of the families to try: the user's own, DejaVu Sans, then what is installed."""
    from matplotlib import font_manager

    usual = font_manager.FontProperties().get_name()
    installed = {
        font.name
        for font in font_manager.fontManager.ttflist
        if (font.style, font.weight) in _REGULAR and not font.name.startswith(_NOT_FOR_TEXT)
    }
    return list(dict.fromkeys([usual, "DejaVu Sans", *sorted(installed, key=_plainness)]))


def _plainness(family):
    """Sorts a font like the rest of the picture (sans serif, regular) before the others."""
    unlike = ("Serif", "Mono", "Condensed", "Narrow", "Light", "Display", "Black", "Unifont")
    return sum(word in family for word in unlike), "Sans" not in family, family


@functools.cache
def _code_points(family):
    """All code points that the regular font of a family has a glyph for."""
    from matplotlib import font_manager

    path = font_manager.findfont(font_manager.FontProperties(family=[family]))
    font = font_manager.get_font(path)
    # Bitmap fonts (colour emoji) are listed but cannot be drawn at the size of a label.
    return np.array(list(font.get_charmap()) if font.scalable else [], "uint32")
