"""Whether the first row of a table names its columns."""

import re
from functools import cache

# What columns of text are called, in single words; names of languages and their codes come on top.
_WORDS = """
source sources src target targets tgt trg input inputs output outputs text texts sentence sentences
phrase phrases translation translations translated original reference references ref hypothesis
question questions answer answers query response prompt completion instruction document article
summary title word words token tokens lemma form grapheme graphemes phoneme phonemes pronunciation
ipa spelling label labels category class intent tag tags id index key value column lang language
locale segment line string transcript transcription normalized raw clean noisy correct incorrect
corrected human machine mt post edit
deutsch englisch französisch français anglais español inglés italiano português nederlands polski
čeština svenska dansk norsk suomi magyar română türkçe ελληνικά русский українська العربية עברית
हिन्दी 中文 汉语 漢語 英文 英语 日本語 英語 한국어 영어 tiếng việt ไทย
"""
_NAMES = frozenset(_WORDS.split())
# Where a name is divided: source_text, source-text, Source text, sourceText, en.text
_BETWEEN_WORDS = re.compile(r"[\s_./:()-]+|(?<=[a-z])(?=[A-Z])")
_REGION = re.compile(r"(?<=\b[a-z]{2})[_-](?:[A-Z]{2}|[A-Z][a-z]{3})(?![a-z])")  # en_US, zh-Hans


def looks_like_header(rows: list[list[str]], columns: list[str | int]) -> bool:
    """Whether the first row holds names and not a pair.

    It does if the cells of all columns that are read are different names such as `source_text`,
    `English` or `pt`; or if the cells below it, in any column, are all numbers and its own is none.
    A header in other words is taken for a pair, so what was taken has to be reported.

    Args:
        rows: the cells of each row.
        columns: numbers, counted from 1, of the columns that are read.
    """
    if not rows:
        return False
    places = [int(column) - 1 for column in columns]
    cells = [rows[0][place].strip() for place in places if 0 <= place < len(rows[0])]
    distinct = len({cell.casefold() for cell in cells}) == len(cells) == len(columns)
    if distinct and all(map(_is_name, cells)):
        return True
    below = [row for row in rows[1:] if row]
    return len(below) > 1 and any(
        not _is_number(cell) and all(len(row) > place and _is_number(row[place]) for row in below)
        for place, cell in enumerate(rows[0])
        if cell.strip()
    )


def _is_name(cell: str) -> bool:
    words = _BETWEEN_WORDS.split(_REGION.sub("", cell))
    words = [word for word in (word.casefold().rstrip("0123456789") for word in words) if word]
    names, codes = _languages()
    others = [word for word in words if word not in _NAMES and word not in names]
    # Of codes one at most: "Is it so?" is made of codes, and is a sentence.
    return bool(words) and len(others) <= 1 and codes.issuperset(others)


@cache
def _languages() -> tuple[frozenset[str], frozenset[str]]:
    """English names of languages, and their codes of two letters, from CLDR."""
    from babel import Locale  # Takes a moment, and most tables need none.

    languages = Locale("en").languages
    codes = frozenset(code for code in languages if len(code) == 2)
    return frozenset(name.casefold() for name in languages.values()), codes


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
