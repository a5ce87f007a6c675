"""Texts of many scripts, and one trained tokenizer of each kind."""

import datetime
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import babel.dates
import pytest

from keras_attention import text

LOCALES = [
    "am", "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr",
    "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "km", "kn", "ko", "lo",
    "lt", "mr", "my", "nb", "nl", "pa", "pl", "pt", "ro", "ru", "si", "sv", "sw", "ta", "te",
    "th", "tr", "uk", "ur", "vi", "zh", "zu",
]  # fmt: skip
DAYS = [datetime.date(1901, 1, 31), datetime.date(1989, 7, 14), datetime.date(2099, 12, 8)]
HAND_MADE = ["", " ", "a##b #c ## ### don't (x)  ,y", "one\ntwo\tthree", "zero\x00byte", "#", "##"]
KINDS = ("character", "byte", "word", "wordpiece", "sentencepiece")
CORE_KINDS = KINDS[:-1]


@pytest.fixture(scope="session")
def dates():
    """Dates as 50 locales write them."""
    return [
        babel.dates.format_date(day, form, locale=locale)
        for locale in LOCALES
        for form in ("full", "long", "medium")
        for day in DAYS
    ]


@pytest.fixture(scope="session")
def tokenizers(dates):
    """A tokenizer of each kind that knows all characters of the dates."""
    options = {"sentencepiece": {"vocabulary_size": 1200}, "wordpiece": {"vocabulary_size": 1500}}
    corpus = [*dates, *HAND_MADE]
    return {kind: text.train(kind, corpus, **options.get(kind, {})) for kind in KINDS}


@pytest.fixture(params=KINDS)
def tokenizer(request, tokenizers):
    """Each kind of tokenizer in turn."""
    return tokenizers[request.param]


@pytest.fixture(params=CORE_KINDS)
def core_tokenizer(request, tokenizers):
    """Each kind of tokenizer that is made of core TensorFlow operations."""
    return tokenizers[request.param]
