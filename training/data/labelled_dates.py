"""The embedded data with labels, tags and questions: in which language and form a date is written,
and where its day, month, year and weekday stand.

"am 3. März 2021" → the label `de`, in the form `phrase`, with the tags `O B-day B-month B-year`.
Made like `dates`: without limit, for a seed the same in every process, and no calendar date stands
in two splits. Each text has one right answer: what two languages write alike is left out, and the
form is the first one of the language that may write the text.
"""

import functools
import re
from collections.abc import Callable, Iterator
from datetime import date
from random import Random

from .dates_data import (
    LOCALES,
    TYPED_SPACES,
    cumulated_shares,
    dates_of,
    drawn,
    vary,
)
from .dates_forms import Form, forms_of
from .dates_words import ZEROS
from .labelled import LabelledTexts
from .questions import Questions

# Forms of one language, each with the name of the first form that writes the same; their shares.
Choice = tuple[tuple[Form, ...], tuple[str, ...], tuple[float, ...]]

_LATIN_DIGITS = {ord(zero) + digit: str(digit) for zero in ZEROS.values() for digit in range(10)}
_IGNORED = str.maketrans("ı", "i", "\u0307,،.")
# Characters of private use stand before and after each part while its text is varied.
_BEGIN = {"year": "\ue000", "month": "\ue001", "day": "\ue002", "weekday": "\ue003"}
_KINDS = {mark: kind for kind, mark in _BEGIN.items()}
_END = "\ue004"


def languages(split: str, size: int, seed: int = 0, forms: bool = False) -> LabelledTexts:
    """Dates as people write them, each with its language as label and its form as group.

    Args:
        split: `"train"`, `"validation"` or `"test"`; they share no calendar date.
        size: number of texts.
        seed: the same seed gives the same texts, in every process.
        forms: whether the label names the form too, as in `"de phrase"`.

    Returns:
        `LabelledTexts`; every run of as many texts as there are languages holds each once.

    Example:

    >>> examples = languages("test", size=40)
    >>> len(examples), sorted(examples.labels)[:3]
    (40, ['ar', 'bg', 'bn'])
    """
    texts, labels, groups = [], [], []
    for locale, day, form, name, draw in _drawn_dates(split, size, seed, _unshared):
        texts.append(vary(form.render(day), locale, draw))
        labels.append(f"{locale} {name}" if forms else locale)
        groups.append(name)
    return LabelledTexts(texts, labels, groups=groups)


def date_parts(split: str, size: int, seed: int = 0, labels: bool = False) -> LabelledTexts:
    """Dates as people write them, with the tags `day`, `month`, `year` and `weekday` in BIO.

    Forms in which one word holds two parts, such as `2021年3月3日`, are left out.

    Args:
        split: `"train"`, `"validation"` or `"test"`; they share no calendar date.
        size: number of texts.
        seed: the same seed gives the same texts, in every process.
        labels: whether each text has its language as label too.

    Returns:
        `LabelledTexts`; their groups are the languages.

    Example:

    >>> examples = date_parts("test", size=40)
    >>> sorted({tag for tags in examples.tags for tag in tags} - {"O"})[:4]
    ['B-day', 'B-month', 'B-weekday', 'B-year']
    """
    texts, tags, locales = [], [], []
    for locale, day, form, _, draw in _drawn_dates(split, size, seed, _divisible):
        words = _tagged_words(vary(_marked(form, day), locale, draw))
        texts.append(" ".join(word for word, _ in words))
        tags.append([tag for _, tag in words])
        locales.append(locale)
    return LabelledTexts(texts, locales if labels else None, tags, locales)


def date_questions(split: str, size: int, seed: int = 0) -> Questions:
    """Questions for a part of a date as people write it, and where in the text it stands.

    A question for the weekday of a date that has none is one without an answer.

    Args:
        split: `"train"`, `"validation"` or `"test"`; they share no calendar date.
        size: number of questions.
        seed: the same seed gives the same questions, in every process.

    Returns:
        `Questions`.

    Example:

    >>> examples = date_questions("test", size=40)
    >>> sorted(set(examples.questions))
    ['Which day?', 'Which month?', 'Which weekday?', 'Which year?']
    """
    questions, texts, answers, begins = [], [], [], []
    for locale, day, form, _, draw in _drawn_dates(split, size, seed, _all_forms):
        marked = vary(_marked(form, day), locale, draw)
        kind = list(_BEGIN)[int(draw() * len(_BEGIN))]
        before, begun, behind = marked.partition(_BEGIN[kind])
        part = behind.partition(_END)[0]
        questions.append(f"Which {kind}?")
        texts.append(_unmarked(marked))
        answers.append([part] if begun else [])
        begins.append([len(_unmarked(before))] if begun else [])
    ids = [f"{split}-{number}" for number in range(1, size + 1)]
    return Questions(questions, texts, answers, begins, ids)


def _drawn_dates(
    split: str, size: int, seed: int, choice_of: Callable[[date], dict[str, Choice]]
) -> Iterator[tuple[str, date, Form, str, Callable[[], float]]]:
    """Locales in turn, each with a date and one of the forms that it may be written in."""
    dates = dates_of(split)
    draw = Random(f"{split} {seed}").random
    order = list(LOCALES)
    for index in range(size):
        turn = index % len(order)
        if turn == 0:
            order.sort(key=lambda locale: draw())
        locale, choice = order[turn], None
        while choice is None:  # On some days another language writes all forms alike.
            day = dates[int(draw() * len(dates))]
            choice = choice_of(day).get(locale)
        forms, names, shares = choice
        place = drawn(shares, draw)
        yield locale, day, forms[place], names[place], draw


# The language of a text -----


def _unshared(day: date) -> dict[str, Choice]:
    """By locale, the forms that write a date as no other locale does."""
    return _unshared_on(day.month, day.day, day.weekday())


@functools.cache
def _unshared_on(month: int, day: int, weekday: int) -> dict[str, Choice]:
    named: dict[str, list[tuple[Form, str]]] = {}
    for forms in (_unshared_forms(month, day), _unshared_forms(month, day, weekday)):
        for locale, form, name in forms:
            named.setdefault(locale, []).append((form, name))
    return {locale: _choice(forms) for locale, forms in named.items()}


@functools.cache
def _unshared_forms(
    month: int, day: int, weekday: int | None = None
) -> list[tuple[str, Form, str]]:
    """Locale, form and name of the forms without a weekday, or of those with this one."""
    # Years differ in four digits that stand apart: what two locales share, they share in all.
    some = _date_on(month, day, weekday)
    written = [
        (locale, form, _varied_alike(form.render(some)))
        for locale in LOCALES
        for form in forms_of(locale)
        if ("{weekday}" in form.template) == (weekday is not None)
    ]
    writers: dict[str, dict[str, str]] = {}  # The first form of each locale that writes a text.
    for locale, form, text in written:
        writers.setdefault(text, {}).setdefault(locale, form.name)
    return [
        (locale, form, writers[text][locale])
        for locale, form, text in written
        if len(writers[text]) == 1
    ]


@functools.cache
def _date_on(month: int, day: int, weekday: int | None) -> date:
    dates = (date(year, month, day) for year in range(1904, 2100, 4))  # Leap years, all weekdays.
    return next(some for some in dates if weekday in (None, some.weekday()))


def _varied_alike(text: str) -> str:
    """What stays of a text under every change that `vary` may make to it."""
    plain = text.translate(_LATIN_DIGITS).casefold().translate(_IGNORED)
    return " ".join(plain.split())


def _choice(named: list[tuple[Form, str]]) -> Choice:
    forms, names = zip(*named, strict=True)
    return forms, names, cumulated_shares(forms)


# The parts of a date -----


def _divisible(day: date) -> dict[str, Choice]:
    """By locale, the forms in which no word holds two parts of a date, whatever the date is."""
    return _divisible_forms()


@functools.cache
def _divisible_forms() -> dict[str, Choice]:
    some = date(2001, 1, 1)
    return {
        locale: _choice([(form, form.name) for form in forms_of(locale) if _divides(form, some)])
        for locale in LOCALES
    }


def _divides(form: Form, day: date) -> bool:
    return all(len(_parts(word)) < 2 for word in _words(_marked(form, day)))


def _marked(form: Form, day: date) -> str:
    """The text of a date with marks around its parts; of one that is not there, no marks."""
    words = {kind: text and f"{_BEGIN[kind]}{text}{_END}" for kind, text in form.words(day).items()}
    return form.template.format(**words)


def _words(marked: str) -> list[str]:
    return marked.translate(TYPED_SPACES).split()


def _parts(word: str) -> list[str]:
    return [_KINDS[character] for character in word if character in _KINDS]


def _tagged_words(marked: str) -> list[tuple[str, str]]:
    """Each word with its tag; a part of two words, such as the month in "tháng 3", goes on."""
    tagged, inside = [], None
    for word in _words(marked):
        begun = _parts(word)
        kind = begun[0] if begun else inside
        tag = "O" if kind is None else f"{'B' if begun else 'I'}-{kind}"
        inside = None if _END in word else kind
        tagged.append((_unmarked(word), tag))
    return tagged


def _unmarked(marked: str) -> str:
    return re.sub("[\ue000-\ue004]", "", marked)


def _all_forms(day: date) -> dict[str, Choice]:
    """By locale, all forms, whatever the date is."""
    return _all_choices()


@functools.cache
def _all_choices() -> dict[str, Choice]:
    return {locale: _choice([(form, form.name) for form in forms_of(locale)]) for locale in LOCALES}
