"""The embedded data with labels and tags: one right answer a text, and the right one."""

import re
from collections import Counter
from datetime import date

import pytest

from keras_attention.training.data.dates_data import LOCALES, split_of
from keras_attention.training.data.dates_forms import forms_of
from keras_attention.training.data.labelled_dates import date_parts, languages
from tests.training.test_dates import key


@pytest.fixture(scope="module")
def texts():
    return languages("train", 8_000, seed=3, forms=True)


def blind_key(text):
    """The key of a text without its year."""
    return re.sub(r"\d{3,}", "year", key(text))


def test_every_language_equally_often(texts):
    assert Counter(label.split(" ")[0] for label in texts.labels) == dict.fromkeys(LOCALES, 200)
    assert [label.split(" ")[1] for label in texts.labels] == texts.groups
    few = languages("train", 40, seed=3)
    assert few.texts == texts.texts[:40] and set(few.labels) == set(LOCALES)
    assert languages("train", 40, seed=4).texts != few.texts


def test_no_other_language_writes_the_text(texts):
    writers = {}
    days = [
        date(year, month, day) for year in range(2001, 2012) for month, day in ((9, 7), (4, 23))
    ]
    assert len({(day.month, day.weekday()) for day in days}) == 14
    for day in days:
        for locale in LOCALES:
            for form in forms_of(locale):
                found = writers.setdefault(blind_key(form.render(day)), {})
                found.setdefault(locale, form.name)
    shared = {text for text, found in writers.items() if len(found) > 1}
    assert "7 september year" in shared  # English, Dutch, Swedish, Indonesian, ...
    labels = {}
    for text, label in zip(map(blind_key, texts.texts), texts.labels, strict=True):
        assert labels.setdefault(text, label) == label
    known = set(writers) & set(labels)
    assert len(known) > 20 and not shared & known
    for text in known:
        assert [labels[text]] == [" ".join(found) for found in writers[text].items()]


def test_splits_share_no_date():
    examples = date_parts("test", 400)
    days = [
        text for text, locale in zip(examples.texts, examples.groups, strict=True) if locale == "zh"
    ]
    for text in days:  # 2021年 3月 3日
        numbers = [int(word[:-1]) for word in text.replace("号", "日").split(" ")]
        assert split_of(date(*numbers)) == "test"


def test_tags_of_parts():
    examples = date_parts("train", 4_000, seed=2, labels=True)
    assert examples.labels == examples.groups
    assert set(examples.labels) == set(LOCALES)
    for text, tags, locale in zip(examples.texts, examples.tags, examples.labels, strict=True):
        begun = [tag[2:] for tag in tags if tag.startswith("B-")]
        assert {"day", "month", "year"} <= set(begun)
        assert len(begun) == len(set(begun))  # Each part is there once.
        year = text.split(" ")[tags.index("B-year")]
        digits = "".join(character for character in year if character.isdigit())
        assert 1900 <= int(digits) <= 2100, (text, locale)
    rows = dict(zip(examples.texts, examples.tag_rows, strict=True))
    vietnamese = [tags for text, tags in rows.items() if "tháng" in text.lower()]
    assert vietnamese and all("B-month I-month" in tags for tags in vietnamese)
