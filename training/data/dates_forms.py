"""The ways to write a date in one locale, each a template and the words that fill it.

The words and the patterns are CLDR's, read once through Babel; a form then renders a date without
Babel, some hundred times faster than `babel.dates.format_date`, to the same text.

Stand-alone month names are not used: once Babel (2.18, issue 1234) has resolved those of Hebrew, it
answers with them for every locale that inherits its own.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from keras_attention.errors import UserError

from .dates_words import ORDINALS, PHRASES, ZEROS

_SKELETONS = {"short_month": "yMMMd", "short_weekday": "yMMMEd"}
_MONTHS = tuple(date(2001, month, 1) for month in range(1, 13))
_WEEKDAYS = tuple(date(2001, 1, 1) + timedelta(days=day) for day in range(7))  # from a Monday
_NUMBERS = tuple(str(day) for day in range(1, 32))


@dataclass(frozen=True)
class Form:
    """One way to write a date: `template.format(...)` of the words for its parts.

    Attributes:
        name: `full`, `long`, `medium`, `short_month` and `short_weekday` are CLDR's;
            `no_weekday`, `padded`, `other_order` and `phrase` are what people make of them.
        template: text with the fields `{year}`, `{month}`, `{day}` and `{weekday}`.
        months: twelve texts.
        days: thirty-one texts.
        weekdays: seven texts, from Monday.
    """

    name: str
    template: str
    months: tuple[str, ...]
    days: tuple[str, ...] = _NUMBERS
    weekdays: tuple[str, ...] = ("",) * 7

    def render(self, day: date) -> str:
        """The text of a date."""
        return self.template.format(**self.words(day))

    def words(self, day: date) -> dict[str, str]:
        """The text of each part of a date, by the name of its field."""
        return {
            "year": str(day.year),
            "month": self.months[day.month - 1],
            "day": self.days[day.day - 1],
            "weekday": self.weekdays[day.weekday()],
        }

    @property
    def is_unambiguous(self) -> bool:
        """Whether the month is a word, or the order is year, month, day."""
        order = re.findall(r"\{(year|month|day)\}", self.template)
        if sorted(order) != ["day", "month", "year"]:
            return False
        month_is_word = all(re.search(r"[^\W\d]", month) for month in self.months)
        return month_is_word or order == ["year", "month", "day"]


def _babel_dates() -> Any:
    try:
        import babel.dates
    except ImportError as error:
        raise UserError(
            'The `dates` data needs Babel: pip install "keras-attention[training]".'
        ) from error
    return babel.dates


def form_of_pattern(name: str, pattern: str, locale: str) -> Form | None:
    """The form of a CLDR date pattern such as `d 'de' MMMM y`.

    Args:
        name: the name of the form.
        pattern: a date pattern of CLDR.
        locale: a locale known to Babel.

    Returns:
        The form, or None for a pattern that leaves the date in doubt: a numeric month that does not
        follow the year, or a year of two digits.
    """
    dates = _babel_dates()
    template, words = "", {}
    for kind, value in dates.tokenize_pattern(pattern):
        if kind == "chars":
            template += value.replace("{", "{{").replace("}", "}}")
            continue
        letter, width = value
        field = letter * width
        if letter in "ML":
            words["months"] = tuple(dates.format_date(d, field, locale) for d in _MONTHS)
        elif letter in "Eec":
            words["weekdays"] = tuple(dates.format_date(d, field, locale) for d in _WEEKDAYS)
        elif letter == "d":
            words["days"] = tuple(day.zfill(width) for day in _NUMBERS)
        elif letter == "G":
            template += dates.format_date(_MONTHS[0], field, locale)
            continue
        elif field != "y":
            return None
        template += {"y": "{year}", "d": "{day}", "M": "{month}", "L": "{month}"}.get(
            letter, "{weekday}"
        )
    form = Form(name, template, **{"months": _NUMBERS[:12], **words})
    return form if form.is_unambiguous else None


def _cldr_patterns(locale: str) -> Iterator[tuple[str, str]]:
    _babel_dates()
    from babel import Locale

    data = Locale.parse(locale)
    for name in ("full", "long", "medium"):
        yield name, data.date_formats[name].pattern
    for name, skeleton in _SKELETONS.items():
        if skeleton in data.datetime_skeletons:
            yield name, data.datetime_skeletons[skeleton].pattern


def _padded(text: str) -> str:
    return text.zfill(2) if text.isdecimal() else text


def _without_weekday(template: str) -> str:
    inner = re.sub(r"[\s,،]*\(?\{weekday\}\)?[\s,،]*", " ", template)
    return inner.strip()


def _other_order(long: Form, locale: str) -> str | None:
    """Month first where the locale begins with the day, else day first."""
    if any(re.search(r"\d", month) for month in long.months):
        return None  # "tháng 3" beside a day would be two numbers in a row
    if locale == "ca":
        return None  # its months carry a "de" that cannot come first
    if not long.template.startswith("{day}"):
        return "{day} {month} {year}"
    return "{month} {day}، {year}" if locale in ("ar", "fa") else "{month} {day}, {year}"


def _hand_forms(cldr: dict[str, Form], locale: str) -> Iterator[Form]:
    full, long = cldr["full"], cldr["long"]
    yield Form("no_weekday", _without_weekday(full.template), full.months, full.days)
    for form in (long, cldr.get("medium", long)):
        months, days = (tuple(map(_padded, words)) for words in (form.months, form.days))
        yield Form("padded", form.template, months, days)
    if template := _other_order(long, locale):
        yield Form("other_order", template, long.months)
    ordinal = ORDINALS.get(locale, str)
    for template in PHRASES.get(locale, ()):
        days = tuple(ordinal(day) for day in range(1, 32))
        yield Form("phrase", template, long.months, days)


@functools.cache
def forms_of(locale: str) -> tuple[Form, ...]:
    """All forms of a locale, CLDR's first; no two of them write every date alike.

    Args:
        locale: a locale known to Babel.
    """
    cldr = {}
    for name, pattern in _cldr_patterns(locale):
        if form := form_of_pattern(name, pattern, locale):
            cldr[name] = form
    unique: dict[tuple, Form] = {}
    for form in (*cldr.values(), *_hand_forms(cldr, locale)):
        unique.setdefault((form.template, form.months, form.days, form.weekdays), form)
    return tuple(form for form in unique.values() if form.is_unambiguous)


@functools.cache
def native_digits(locale: str) -> dict[int, str] | None:
    """For `str.translate`: the locale's own digits, or None where people write Latin ones."""
    _babel_dates()
    from babel import Locale

    data = Locale.parse(locale)
    zero = ZEROS.get(data.other_numbering_systems.get("native", data.default_numbering_system))
    return {ord("0") + digit: chr(ord(zero) + digit) for digit in range(10)} if zero else None
