"""The embedded data: dates as people write them in 40 locales, and the same dates in ISO 8601.

"3. März 2021", "2021年3月3日", "среда, 3 марта 2021 г." → "2021-03-03". Made from CLDR through
Babel, without limit, and for a seed the same on every machine that has the same Babel. No text
stands for two dates: forms in which the month is a bare number are left out unless they run from
the year to the day.
"""

import bisect
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random

from .dates_forms import Form, forms_of, native_digits

_LOCALES_BY_SCRIPT = {
    "Latin": "en de fr es it pt ca ro nl sv da nb fi et lv lt pl cs sk hu tr id vi",
    "Cyrillic": "ru uk bg sr",
    "Greek": "el",
    "Arabic": "ar fa",
    "Hebrew": "he",
    "Devanagari": "hi",
    "Bengali": "bn",
    "Tamil": "ta",
    "Thai": "th",
    "Georgian": "ka",
    "Armenian": "hy",
    "Han": "zh ja",
    "Hangul": "ko",
}
LOCALES: tuple[str, ...] = tuple(" ".join(_LOCALES_BY_SCRIPT.values()).split())
SPLITS = ("train", "validation", "test")
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2100, 12, 31)

_WEIGHTS = {
    "full": 4,
    "long": 4,
    "medium": 3,
    "short_month": 1,
    "short_weekday": 1,
    "no_weekday": 1,
    "padded": 1,
    "other_order": 2,
    "phrase": 3,
}
_NATIVE_DIGITS, _LOWER, _BARE, _SPACES = 0.4, 0.2, 0.15, 0.1  # shares of the surface changes
_PUNCTUATION = dict.fromkeys(map(ord, ",،."))
TYPED_SPACES = {0xA0: " ", 0x202F: " "}  # the no-break spaces of CLDR, as a keyboard writes them


def split_of(day: date) -> str:
    """The split a calendar date belongs to, whatever the seed: 90 % train, 5 % each of the others.

    Args:
        day: a calendar date.

    Returns:
        `"train"`, `"validation"` or `"test"`.

    Example:

    >>> split_of(date(2021, 3, 3))
    'train'
    """
    digest = hashlib.sha256(day.isoformat().encode()).digest()
    return {0: "validation", 1: "test"}.get(int.from_bytes(digest[:8]) % 20, "train")


@functools.cache
def dates_of(split: str) -> tuple[date, ...]:
    """All calendar dates of a split, 1900 to 2100, in order.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
    """
    if split not in SPLITS:
        raise ValueError(f"Expected one of {', '.join(SPLITS)}. Received: split={split!r}")
    days = range((LAST_DATE - FIRST_DATE).days + 1)
    dates = (FIRST_DATE + timedelta(days=day) for day in days)
    return tuple(day for day in dates if split_of(day) == split)


def lower(text: str, locale: str) -> str:
    """Lower case as the locale writes it: Turkish keeps its dotted and dotless i apart."""
    if locale == "tr":
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


def _with_extra_space(text: str, draw: Callable[[], float]) -> str:
    """One more space, at either end or beside a space that is there."""
    places = [0, len(text), *(place for place, letter in enumerate(text) if letter == " ")]
    place = places[int(draw() * len(places))]
    return f"{text[:place]} {text[place:]}"


def vary(text: str, locale: str, draw: Callable[[], float]) -> str:
    """What hands do to any form: own digits, lower case, no punctuation, one space too many."""
    digits = native_digits(locale)
    if digits and draw() < _NATIVE_DIGITS:
        text = text.translate(digits)
    if draw() < _LOWER:
        text = lower(text, locale).translate(TYPED_SPACES)
    if draw() < _BARE:
        text = text.translate(_PUNCTUATION).translate(TYPED_SPACES)
    if draw() < _SPACES:
        text = _with_extra_space(text.translate(TYPED_SPACES), draw)
    return text


@functools.cache
def _weighted_forms(locale: str) -> tuple[tuple[Form, ...], tuple[float, ...]]:
    """The forms of a locale and their cumulated shares."""
    forms = forms_of(locale)
    return forms, cumulated_shares(forms)


def cumulated_shares(forms: tuple[Form, ...]) -> tuple[float, ...]:
    """For `drawn`: the shares of forms, summed up to 1; forms of one name divide its weight."""
    names = [form.name for form in forms]
    weights = [_WEIGHTS[name] / names.count(name) for name in names]
    total = sum(weights)
    return tuple(part / total for part in itertools.accumulate(weights))


def drawn(shares: tuple[float, ...], draw: Callable[[], float]) -> int:
    """The place of one of several shares, drawn by them."""
    return min(bisect.bisect(shares, draw()), len(shares) - 1)


def generate(split: str, size: int | None = None, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Dates as a person writes them, with their ISO 8601 form.

    Every run of `len(LOCALES)` pairs holds each locale once, in a new order, so that a table by
    locale counts them alike. A shorter stream is the beginning of a longer one.

    Args:
        split: `"train"`, `"validation"` or `"test"`; they share no calendar date.
        size: number of pairs, or None for a stream without end.
        seed: the same seed gives the same pairs, in every process.

    Returns:
        An iterator of `(source, target, locale)`.

    Example:

    >>> source, target, locale = next(generate("train", seed=7))
    >>> len(target), locale in LOCALES
    (10, True)
    """
    dates = dates_of(split)
    if size is not None and size < 0:
        raise ValueError(f"Expected a size of zero or more, or None. Received: size={size}")
    # Of all methods, `random()` alone is promised to stay the same in later versions of Python.
    return _pairs(dates, size, Random(f"{split} {seed}").random)


def _pairs(
    dates: tuple[date, ...], size: int | None, draw: Callable[[], float]
) -> Iterator[tuple[str, str, str]]:
    order = list(LOCALES)
    for index in itertools.count() if size is None else range(size):
        turn = index % len(order)
        if turn == 0:
            order.sort(key=lambda locale: draw())
        locale = order[turn]
        day = dates[int(draw() * len(dates))]
        forms, shares = _weighted_forms(locale)
        form = forms[drawn(shares, draw)]
        yield vary(form.render(day), locale, draw), day.isoformat(), locale
