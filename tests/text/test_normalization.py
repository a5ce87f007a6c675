"""Normalisation against Python's own."""

import random
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention import text
from keras_attention.text.normalization import normalize


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def nfc(strings):
    return normalize(strings, normalization="nfc")


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def nfkc(strings):
    return normalize(strings, normalization="nfkc")


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def lower(strings):
    return normalize(strings, lowercase=True)


def check(function, strings, reference):
    received = [item.decode("utf-8") for item in function(tf.constant(strings, tf.string)).numpy()]
    wrong = [
        (string, item)
        for string, item in zip(strings, received, strict=True)
        if item != reference(string)
    ]
    assert not wrong, ascii(wrong[:5])


def python_nfc(string):
    return unicodedata.normalize("NFC", string)


def python_nfkc(string):
    return unicodedata.normalize("NFKC", string)


FORMS = pytest.mark.parametrize(
    "form, python_form", [(nfc, python_nfc), (nfkc, python_nfkc)], ids=["nfc", "nfkc"]
)
EVERY_CHARACTER = [chr(p) for p in range(0x110000) if not 0xD800 <= p < 0xE000]
TRICKY = [
    character
    for character in EVERY_CHARACTER[:0x30000]
    if unicodedata.combining(character) or not unicodedata.is_normalized("NFKC", character)
]
PAIRS = [
    unicodedata.normalize("NFD", character)
    for character in EVERY_CHARACTER[:0x30000]
    if not unicodedata.is_normalized("NFD", character)
]
# Their singleton, excluded or many-part decompositions never come back in one piece.
NOT_COMPOSED_AGAIN = ["\u212b", "\u0958", "\u0344", "\U0001d15e", "\ufb1d"]
JAMO = [chr(p) for p in (*range(0x10FE, 0x1115), *range(0x115F, 0x1178), *range(0x11A6, 0x11C5))]


@FORMS
def test_form_of_every_character(form, python_form):
    check(form, EVERY_CHARACTER, python_form)


@FORMS
def test_form_of_random_sequences(form, python_form):
    generator = random.Random(5)
    pools = [
        TRICKY,
        PAIRS,
        JAMO,
        NOT_COMPOSED_AGAIN,
        ["가", "각", "a", "\u0301", "\u0323", " "],
        EVERY_CHARACTER,
    ]
    strings = [
        "".join(generator.choice(generator.choice(pools)) for _ in range(generator.randrange(11)))
        for _ in range(30_000)
    ]
    check(form, strings, python_form)


@settings(max_examples=100, deadline=None)
@given(strings=st.lists(st.text(max_size=31), max_size=7))
def test_form_of_any_text(strings):
    check(nfc, strings, python_nfc)
    check(nfkc, strings, python_nfkc)


@FORMS
def test_form_does_not_mix_rows(form, python_form):
    # A mark at the head of a row must not join the end of the row before.
    check(form, ["e", "\u0301", "", "\u1161\u11a8", "\u1100", "\u1161"], python_form)


@FORMS
def test_form_of_a_thousand_marks(form, python_form):
    check(form, ["a" + "\u0301\u0323" * 499, "b"], python_form)


@FORMS
def test_form_of_the_dates(dates, form, python_form):
    decomposed = [unicodedata.normalize("NFD", date) for date in dates]
    check(form, decomposed, python_form)
    check(form, dates, python_form)


def test_lower_case_of_every_character():
    check(lower, EVERY_CHARACTER, str.lower)


def test_lower_case_of_texts(dates):
    check(lower, [date.upper().replace("Σ", "s") for date in dates], str.lower)


def test_capital_sigma_never_becomes_final():
    check(lower, ["ΟΔΟΣ ΜΑΡΤΙΟΣ"], lambda string: string.lower().replace("ς", "σ"))


def test_both_at_once_and_invalid_bytes():
    received = normalize(tf.constant([b"\xef\xbc\xa1\xff\x00"]), True, "nfkc").numpy().tolist()
    assert received == ["a\ufffd\x00".encode()]


@pytest.mark.parametrize("strings", [[], [""], ["", ""]])
def test_nothing_to_normalise(strings):
    strings = tf.constant(strings, tf.string)
    assert nfc(strings).numpy().tolist() == strings.numpy().tolist()
    assert nfkc(strings).numpy().tolist() == strings.numpy().tolist()
    assert lower(strings).numpy().tolist() == strings.numpy().tolist()


@pytest.mark.parametrize("kind", ["character", "byte", "word", "wordpiece", "sentencepiece"])
def test_the_tokenizer_normalises_when_it_learns_and_when_it_encodes(kind):
    options = {"lowercase": True, "normalization": "nfkc"}
    tokenizer = text.train(kind, ["２１ ＭＡＩ 21 mai"] * 3, **options)
    plain = tokenizer.encode(["21 mai"]).to_list()
    assert tokenizer.encode(["２１ ＭＡＩ"]).to_list() == plain
    assert tokenizer.unknown_id not in plain[0]
    assert tokenizer.decode(plain).numpy().tolist() == [b"21 mai"]
    assert tokenizer.normalize(["２１ ＭＡＩ"]).numpy().tolist() == [b"21 mai"]


def test_unknown_normalization():
    with pytest.raises(ValueError, match=r"normalization to be one of.*normalization='nfd'"):
        text.ByteTokenizer(normalization="nfd")


def test_nfc_is_one_spelling_and_keeps_what_only_looks_different():
    tokenizer = text.CharacterTokenizer(["é", "A", "Ａ"], normalization="nfc")
    assert tokenizer.encode(["e\u0301A", "éＡ"]).to_list() == [[4, 5], [4, 6]]
