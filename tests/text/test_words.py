"""Where words begin and end, against a reference in plain Python."""

import unicodedata

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention import text
from keras_attention.text.words import join_words, split_words

ALONE_NAMES = ("CJK", "HIRAGANA", "KATAKANA LETTER", "THAI", "LAO", "KHMER", "MYANMAR")


def reference(string):
    words = []
    attached = in_word = takes_marks = False
    for character in string:
        category = unicodedata.category(character)
        if character.isspace():
            attached = in_word = takes_marks = False
            continue
        symbol = category[0] in "PS"
        alone = symbol or unicodedata.name(character, "").startswith(ALONE_NAMES)
        if takes_marks and category[0] == "M":
            words[-1] += character
            continue
        if in_word and not alone:
            words[-1] += character
        else:
            words.append(("##" if attached else "") + character)
        attached = True
        in_word = not alone
        takes_marks = alone and not symbol
    return words


def split(strings):
    rows = split_words(tf.constant(strings, tf.string)).to_list()
    return [[word.decode("utf-8") for word in row] for row in rows]


def test_examples():
    assert split(["3. März 2021", " 2021年3月 ", "a##b # ##", "วันที่ 3", "", "データ"]) == [
        ["3", "##.", "März", "2021"],
        ["2021", "##年", "##3", "##月"],
        ["a", "###", "###", "##b", "#", "#", "###"],
        ["วั", "##น", "##ที่", "3"],
        [],
        ["デ", "##ー", "##タ"],
    ]


def test_dates_against_the_reference(dates):
    assert split(dates) == [reference(date) for date in dates]


@settings(max_examples=100, deadline=None)
@given(
    strings=st.lists(st.text("ab#.,'é\u0301年ก\u0e31ア \t\n\x1f\x85\u3000\u00a0x€", max_size=23))
)
def test_any_text_against_the_reference(strings):
    words = split(strings)
    assert words == [reference(string) for string in strings]
    joined = join_words(tf.ragged.constant(words, tf.string, 1).to_tensor("")).numpy().tolist()
    assert [item.decode() for item in joined] == [" ".join(item.split()) for item in strings]


def test_a_very_long_word_is_cut_and_comes_back():
    words = split(["x" * 230])[0]
    assert words == ["x" * 100, "##" + "x" * 100, "##" + "x" * 30]
    assert join_words(tf.constant([words])).numpy().tolist() == [b"x" * 230]


def test_vocabulary_is_ordered_by_frequency_then_code_point():
    corpus = ["b a, b", "c a b"]
    assert text.WordTokenizer.train(corpus).vocabulary == ["b", "a", "##,", "c"]
    assert text.WordTokenizer.train(corpus[::-1]).vocabulary == ["b", "a", "##,", "c"]
    assert text.WordTokenizer.train(corpus, vocabulary_size=6).vocabulary == ["b", "a"]
    assert text.WordTokenizer.train(corpus, minimum_count=3).vocabulary == ["b"]


def test_white_space_only():
    tokenizer = text.WordTokenizer.train(["##a b. b."], split_punctuation=False)
    assert tokenizer.vocabulary == ["b.", "##a"]
    ids = tokenizer.encode([" b.  ##a\tb"])
    assert ids.to_list() == [[4, 5, 1]]
    assert tokenizer.decode(ids).numpy().tolist() == ["b. ##a \ufffd".encode()]


def test_characters_are_ordered_by_frequency_then_code_point():
    train = text.CharacterTokenizer.train
    assert train(["cab", "ab", "b"]).vocabulary == ["b", "a", "c"]
    assert train(["ж", "ab"]).vocabulary == ["a", "b", "ж"]
    assert train(["cab", "ab"], vocabulary_size=6).vocabulary == ["a", "b"]
    assert train(["cab", "ab"], minimum_count=2).vocabulary == ["a", "b"]
