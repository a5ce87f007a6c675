"""What `make demo` translates at its end."""

import re
from datetime import date

import house

from keras_attention.training.data.dates_data import split_of

MEANINGS = {
    "montag, 3. november 2059": date(2059, 11, 3),
    "August 28th, 2048": date(2048, 8, 28),
    "mercredi 1 décembre 2004": date(2004, 12, 1),
    "sábado, 31 de mayo de 2092": date(2092, 5, 31),
    "четверг, 11 октября 1917 г.": date(1917, 10, 11),
    "Πέμπτη 27 Οκτωβρίου 2011": date(2011, 10, 27),
    "1947年5月10日土曜日": date(1947, 5, 10),
    "2048년 4월 3일 (금)": date(2048, 4, 3),
    "الثلاثاء ٨ مايو ١٩٥١": date(1951, 5, 8),
    "सोमवार, २२ जून १९४२": date(1942, 6, 22),
}


def test_the_demo_translates_days_that_are_never_trained_on():
    makefile = (house.ROOT / "Makefile").read_text(encoding="utf-8")
    texts = re.search(r"define DATES\n(.*?)\nendef", makefile, flags=re.DOTALL)[1].splitlines()
    assert texts == list(MEANINGS)
    assert {split_of(day) for day in MEANINGS.values()} == {"test"}
