"""What people add to CLDR when they write a date by hand: ordinals and set phrases by language.

A phrase is a template of ``{day}``, ``{month}`` and ``{year}``. The month is written as in CLDR's
long date (in the genitive where the language has one), the day through `ORDINALS` where it is
listed there.
"""

from collections.abc import Callable


def _english(day: int) -> str:
    suffix = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _swedish(day: int) -> str:
    return f"{day}:a" if day in (1, 2, 21, 22, 31) else f"{day}:e"


def _hungarian(day: int) -> str:
    if day == 1:
        return "1-jén"
    back_vowels = day in (2, 3, 6, 8, 13, 16, 18, 20, 23, 26, 28, 30)
    return f"{day}-{'án' if back_vowels else 'én'}"


def _bengali(day: int) -> str:
    suffix = {1: "লা", 2: "রা", 3: "রা", 4: "ঠা"}.get(day, "ই" if day < 19 else "শে")
    return f"{day}{suffix}"


def _first(written: str) -> Callable[[int], str]:
    """Only the first of a month is an ordinal, as in *1er mars* but *2 mars*."""
    return lambda day: written if day == 1 else str(day)


def _suffix(suffix: str) -> Callable[[int], str]:
    return lambda day: f"{day}{suffix}"


ORDINALS: dict[str, Callable[[int], str]] = {
    "bn": _bengali,
    "ca": _first("1r"),
    "el": _first("1η"),
    "en": _english,
    "es": _first("1.º"),
    "fr": _first("1er"),
    "hu": _hungarian,
    "it": _first("1º"),
    "nl": _suffix("e"),
    "pt": _first("1º"),
    "ru": _suffix("-го"),
    "sv": _swedish,
    "uk": _suffix("-го"),
}

PHRASES: dict[str, tuple[str, ...]] = {
    "bg": ("{day} {month} {year} година",),
    "bn": ("{day} {month} {year}", "{day} {month}, {year}"),
    "ca": ("{day} {month} del {year}", "{day} {month} de {year}"),
    "cs": ("dne {day}. {month} {year}",),
    "da": ("den {day}. {month} {year}",),
    "de": ("den {day}. {month} {year}", "am {day}. {month} {year}"),
    "el": ("{day} {month} {year}",),
    "en": (
        "{month} {day}, {year}",
        "{day} {month} {year}",
        "{day} of {month} {year}",
        "the {day} of {month}, {year}",
    ),
    "es": ("{day} de {month} de {year}", "{day} de {month} del {year}", "{day} {month} {year}"),
    "fr": ("{day} {month} {year}", "le {day} {month} {year}"),
    "he": ("ה-{day} ב{month} {year}",),
    "hi": ("{day} {month}, {year}",),
    "hu": ("{year}. {month} {day}",),
    "hy": ("{year} թվականի {month} {day}",),
    "id": ("tanggal {day} {month} {year}",),
    "it": ("{day} {month} {year}", "il {day} {month} {year}"),
    "ja": ("{year}年 {month}月 {day}日",),
    "ka": ("{year} წლის {day} {month}",),
    "ko": ("{year}년{month}{day}일",),
    "nb": ("den {day}. {month} {year}",),
    "nl": ("{day} {month} {year}",),
    "pl": ("{day} {month} {year} r.", "{day} {month} {year} roku", "dnia {day} {month} {year} r."),
    "pt": ("{day} de {month} de {year}", "{day} {month} {year}"),
    "ru": ("{day} {month} {year} года", "{day} {month} {year}"),
    "sk": ("dňa {day}. {month} {year}",),
    "sr": ("{day}. {month} {year}. године",),
    "sv": ("{day} {month} {year}", "den {day} {month} {year}"),
    "th": ("วันที่ {day} {month} {year}",),
    "uk": ("{day} {month} {year} року", "{day} {month} {year}"),
    "vi": ("ngày {day} {month} năm {year}",),
    "zh": ("{year}年{month}月{day}号", "{year}年 {month}月 {day}日"),
}

# The digit zero of each numbering system that people still write dates in; the nine others follow
# it in Unicode. Babel formats dates in Latin digits whatever the locale's own digits are.
ZEROS: dict[str, str] = {
    "arab": "\N{ARABIC-INDIC DIGIT ZERO}",
    "arabext": "\N{EXTENDED ARABIC-INDIC DIGIT ZERO}",
    "beng": "\N{BENGALI DIGIT ZERO}",
    "deva": "\N{DEVANAGARI DIGIT ZERO}",
    "thai": "\N{THAI DIGIT ZERO}",
}
