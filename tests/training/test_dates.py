import re
import subprocess
import sys
import unicodedata
from datetime import date, timedelta
from itertools import islice

import babel.dates
import pytest
from babel import Locale

from keras_attention.training.data import dates_data as dates
from keras_attention.training.data.dates_forms import form_of_pattern, forms_of
from keras_attention.training.data.dates_words import ORDINALS

# A year of each kind: it begins on one of seven weekdays, and is a leap year or not.
YEARS = list(
    {
        (date(y, 1, 1).weekday(), date(y, 12, 31).timetuple().tm_yday): y for y in range(1900, 2101)
    }.values()
)


def days_of(year):
    first = date(year, 1, 1)
    return [first + timedelta(days=d) for d in range((date(year + 1, 1, 1) - first).days)]


def key(text):
    """What stays of a text under every change that `generate` may make to it."""
    text = "".join(str(unicodedata.digit(letter, letter)) for letter in text)
    text = re.sub("[,،.]", "", text).casefold().replace("\u0307", "").replace("ı", "i")
    return " ".join(text.split())


def conflicts(locales, year):
    """Texts of two dates of one year. Those of two years differ: one four-digit number each."""
    owners, found = {}, []
    for locale in locales:
        for form in forms_of(locale):
            for day in days_of(year):
                text = key(form.render(day))
                assert re.findall(r"\d{3,}", text) == [str(year)], text
                if owners.setdefault(text, day) != day:
                    found.append((text, day, owners[text]))
    return found


@pytest.mark.default_cases(4)
@pytest.mark.parametrize("year", YEARS)
def test_no_text_stands_for_two_dates(year):
    assert len(YEARS) == 14  # the others differ from one of these in the digits of the year only
    assert conflicts(dates.LOCALES, year) == []


def test_the_proof_would_notice_a_conflict():
    # "listopada" is November in Polish and October in Croatian.
    found = conflicts(("pl", "hr"), 2021)
    assert ("3 listopada 2021", date(2021, 10, 3), date(2021, 11, 3)) in found


def test_every_generated_text_is_covered_by_the_proof():
    for source, target, locale in dates.generate("train", 20_000, seed=5):
        day = date.fromisoformat(target)
        assert key(source) in {key(form.render(day)) for form in forms_of(locale)}


def test_locales_and_scripts():
    assert len(dates.LOCALES) == len(set(dates.LOCALES)) == 40
    scripts = set()
    for locale in dates.LOCALES:
        text = next(form for form in forms_of(locale) if form.name == "long").render(FIRST)
        scripts |= {unicodedata.name(letter).split()[0] for letter in text if letter.isalpha()}
    assert scripts >= {
        *("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL"),
        *("THAI", "GEORGIAN", "ARMENIAN", "CJK", "HANGUL"),
    }


FIRST = date(1900, 1, 1)


@pytest.mark.parametrize("locale", dates.LOCALES)
def test_plain_forms_are_those_of_babel(locale):
    sample = [date(1900 + 17 * n % 201, n % 12 + 1, 5 * n % 28 + 1) for n in range(84)]
    forms = {form.name: form for form in forms_of(locale)}
    assert {"full", "long"} <= forms.keys()
    for day in sample:
        for name in {"full", "long", "medium"} & forms.keys():
            expected = babel.dates.format_date(day, name, locale=locale)
            assert forms[name].render(day) == expected
        for name, skeleton in {"short_month": "yMMMd", "short_weekday": "yMMMEd"}.items():
            if name in forms:
                expected = babel.dates.format_skeleton(skeleton, day, locale=locale)
                assert forms[name].render(day) == expected


@pytest.mark.parametrize("locale", dates.LOCALES)
def test_a_medium_form_is_missing_only_where_it_is_numeric_or_like_the_long_one(locale):
    day = date(2021, 3, 4)
    medium = babel.dates.format_date(day, "medium", locale=locale)
    numeric = not any(letter.isalpha() for letter in re.sub("г", "", medium))
    texts = {form.render(day) for form in forms_of(locale)}
    assert (medium in texts) == (not numeric or medium.startswith("2021"))


def test_nothing_numeric_begins_with_day_or_month():
    number = re.compile(r"(?<!\d)\d{1,2}[\s./-]+\d{1,2}[\s./-]+\d{2,4}(?!\d)")
    for source, _, _ in dates.generate("train", 20_000, seed=2):
        assert not number.search(source), source


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("dd.MM.y", None),
        ("M/d/y", None),
        ("d/M/yy", None),
        ("d MMM yy", None),
        ("y-dd-MM", None),
        ("MMMM y", None),
        ("d. MMM", None),
        ("QQQ d MMM y", None),
        ("y/MM/dd", "2021/03/04"),
        ("y年M月d日", "2021年3月4日"),
        ("EEE d 'de' MMMM 'o''clock' y", "Thu 4 de March o'clock 2021"),
        ("{d} MMMM y", "{4} March 2021"),
    ],
)
def test_form_of_pattern(pattern, expected):
    form = form_of_pattern("long", pattern, "en")
    assert (form and form.render(date(2021, 3, 4))) == expected


@pytest.mark.parametrize(
    "locale, expected",
    [
        ("en", "1st 2nd 3rd 4th 10th 11th 12th 13th 20th 21st 22nd 23rd 30th 31st"),
        ("sv", "1:a 2:a 3:e 4:e 10:e 11:e 12:e 13:e 20:e 21:a 22:a 23:e 30:e 31:a"),
        ("hu", "1-jén 2-án 3-án 4-én 10-én 11-én 12-én 13-án 20-án 21-én 22-én 23-án 30-án 31-én"),
        ("fr", "1er 2 3 4 10 11 12 13 20 21 22 23 30 31"),
        ("bn", "1লা 2রা 3রা 4ঠা 10ই 11ই 12ই 13ই 20শে 21শে 22শে 23শে 30শে 31শে"),
        ("ru", "1-го 2-го 3-го 4-го 10-го 11-го 12-го 13-го 20-го 21-го 22-го 23-го 30-го 31-го"),
    ],
)
def test_ordinals(locale, expected):
    days = (1, 2, 3, 4, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31)
    assert [ORDINALS[locale](day) for day in days] == expected.split()


@pytest.mark.parametrize(
    "locale, texts",
    [
        ("en", {"March 3rd, 2021", "3rd of March 2021", "3 March 2021", "Wed, Mar 3, 2021"}),
        ("de", {"Mittwoch, 3. März 2021", "März 3, 2021", "am 3. März 2021", "03. März 2021"}),
        ("da", {"onsdag den 3. marts 2021", "den 3. marts 2021"}),
        ("zh", {"2021年3月3日星期三", "2021年3月3号", "2021年 3月 3日", "2021年03月03日"}),
        ("ru", {"3-го марта 2021 года", "среда, 3 марта 2021\u202fг."}),
        ("vi", {"ngày 3 tháng 3 năm 2021"}),
    ],
)
def test_forms_people_write(locale, texts):
    assert texts <= {form.render(date(2021, 3, 3)) for form in forms_of(locale)}


def test_surface_changes_appear():
    pairs = list(dates.generate("train", 20_000, seed=1))
    by_locale = {locale: [s for s, _, own in pairs if own == locale] for locale in dates.LOCALES}
    assert any(re.search(r"\bмарта\b", text) for text in by_locale["ru"])
    assert any(text == text.lower() and "january" in text for text in by_locale["en"])
    assert any(text.startswith(" ") for text in by_locale["zh"])
    assert any("  " in text for text in by_locale["de"])
    assert any(re.fullmatch(r"[A-Z][a-z]+ \d+ \d{4}", text) for text in by_locale["en"])  # no comma
    assert any("ağustos" in text for text in by_locale["tr"])
    for locale, digit in {"ar": "٠", "fa": "۰", "bn": "০", "hi": "०", "th": "๐"}.items():
        share = sum(digit in text for text in by_locale[locale]) / len(by_locale[locale])
        assert 0.1 < share < 0.5
    for locale in set(dates.LOCALES) - {"ar", "fa", "bn", "hi", "th"}:
        assert all(re.search(r"[12]\d\d\d", text, re.ASCII) for text in by_locale[locale])


def test_lower_case_is_that_of_the_locale():
    assert dates.lower("Salı I İ", "tr") == "salı ı i"
    assert dates.lower("ΟΔΟΣ March", "el") == "οδος march"


def test_splits_divide_the_calendar():
    parts = [dates.dates_of(split) for split in dates.SPLITS]
    assert sorted(day for part in parts for day in part) == [
        day for year in range(1900, 2101) for day in days_of(year)
    ]
    total = sum(map(len, parts))
    train, validation, test = (len(part) / total for part in parts)
    assert abs(train - 0.9) < 0.005 and abs(validation - 0.05) < 0.005 and abs(test - 0.05) < 0.005


@pytest.mark.parametrize("split, size", [("train", 401), ("validation", 83), ("test", 167)])
def test_generate_keeps_to_its_split_and_counts_locales_alike(split, size):
    pairs = list(dates.generate(split, size, seed=3))
    assert len(pairs) == size
    assert {dates.split_of(date.fromisoformat(target)) for _, target, _ in pairs} == {split}
    counts = [sum(own == locale for _, _, own in pairs) for locale in dates.LOCALES]
    assert max(counts) - min(counts) <= 1
    assert all(str(int(target[:4])) in key(source) for source, target, _ in pairs)


def test_no_source_is_in_two_splits():
    texts = [{key(s) for s, _, _ in dates.generate(split, 3000)} for split in dates.SPLITS]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]


def test_a_shorter_stream_begins_a_longer_one():
    longer = list(islice(dates.generate("train", seed=11), 500))
    assert list(dates.generate("train", 137, seed=11)) == longer[:137]
    assert list(dates.generate("train", 137, seed=12)) != longer[:137]
    assert list(dates.generate("test", 0)) == []


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_same_pairs_in_another_process(hash_seed):
    program = (
        "from keras_attention.training.data import dates_data as dates\n"
        "print(ascii(list(dates.generate('validation', 211, seed=9))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": hash_seed, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == ascii(list(dates.generate("validation", 211, seed=9)))


def test_hebrew_month_names_of_babel_do_not_leak():
    # Babel 2.18 answers in Hebrew for other locales once `LLLL` was asked for in it (issue 1234).
    babel.dates.format_date(FIRST, "LLLL", "he")
    forms_of.cache_clear()
    for locale in set(dates.LOCALES) - {"he"}:
        for form in forms_of(locale):
            assert not re.search("[\u0590-\u05ff]", form.render(FIRST))
    assert Locale.parse("he").date_formats["long"].pattern == "d בMMMM y"


@pytest.mark.parametrize("arguments", [("training",), ("train", -1)])
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=r"Expected .*Received: (split='training'|size=-1)"):
        dates.generate(*arguments)
