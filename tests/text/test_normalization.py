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


def python_nfkc(string):
    return unicodedata.normalize("NFKC", string)


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
JAMO = [chr(p) for p in (*range(0x10FE, 0x1115), *range(0x115F, 0x1178), *range(0x11A6, 0x11C5))]


def test_nfkc_of_every_character():
    check(nfkc, EVERY_CHARACTER, python_nfkc)


def test_nfkc_of_random_sequences():
    generator = random.Random(5)
    pools = [TRICKY, PAIRS, JAMO, ["가", "각", "a", "\u0301", "\u0323", " "], EVERY_CHARACTER]
    strings = [
        "".join(generator.choice(generator.choice(pools)) for _ in range(generator.randrange(11)))
        for _ in range(30_000)
    ]
    check(nfkc, strings, python_nfkc)


@settings(max_examples=100, deadline=None)
@given(strings=st.lists(st.text(max_size=31), max_size=7))
def test_nfkc_of_any_text(strings):
    check(nfkc, strings, python_nfkc)


def test_nfkc_does_not_mix_rows():
    # A mark at the head of a row must not join the end of the row before.
    check(nfkc, ["e", "\u0301", "", "\u1161\u11a8", "\u1100", "\u1161"], python_nfkc)


def test_nfkc_of_a_thousand_marks():
    check(nfkc, ["a" + "\u0301\u0323" * 499, "b"], python_nfkc)


def test_nfkc_of_the_dates(dates):
    decomposed = [unicodedata.normalize("NFD", date) for date in dates]
    check(nfkc, decomposed, python_nfkc)
    check(nfkc, dates, python_nfkc)


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
    with pytest.raises(ValueError, match=r"normalization to be one of.*normalization='nfc'"):
        text.ByteTokenizer(normalization="nfc")
