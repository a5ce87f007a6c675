"""Where pieces stand in the user's text, against references in plain Python."""

import itertools
import random
import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import text
from keras_attention.text.code_points import decode_strings
from keras_attention.text.normalization import normalize_points
from keras_attention.text.tokenizer import Traced

FORMS = {
    "none": str,
    "nfc": lambda s: unicodedata.normalize("NFC", s),
    "nfkc": lambda s: unicodedata.normalize("NFKC", s),
}
LETTERS = (
    "abß İIΣé e\u0301\u0323 ﬁ ｆＷ１ 年月 กิ ÅA\u030a ½ ㎏ 😀👍🏽 \u3000\u00a0\t.,'-( "
    "\u1100\u1161\u11a8가\u11a8 \u0344 ﷺ ¨ ☃"
)
TEXTS = [
    "",
    " ",
    "   ",
    "a",
    " a",
    "a ",
    "a  b",
    "Dr. Who's (late) , isn't he?",
    "\t tab\tin word \n",
    "cafe\u0301 CAFÉ",
    "oﬃce ﬁle ﬁ",
    "Ｆｕｌｌ　ｗｉｄｔｈ １２",
    "😀 smile 👍🏽 a😀b",
    "Straße GROẞ İstanbul ΣΑΣ",
    "a\u0323\u0301b a\u0301\u0323b x\u0327\u0301",
    "年3月 2021年",
    "각\u1100\u1161\u11a8 가\u11a8",
    "½ ㎏ ﷺ a¨b",
    "<br>x <br> ☃n☃a☃ive ☃",
    "x\u00a0y \u00a0 z",
    "e\u0301" * 40,
    "\u0301a \u0301",
    "zero\x00byte",
    "x" * 230 + "y z",
]


def lowered(string):
    return "".join(character.lower() for character in string)


def as_read(tokenizer, string):
    string = FORMS[tokenizer.normalization](string)
    return lowered(string) if tokenizer.lowercase else string


@pytest.fixture(scope="module")
def all_tokenizers():
    """Each kind of tokenizer, with the options that change its pieces and where they stand.

    Their functions run without a graph: tracing them takes seconds each.
    """
    corpus = [*TEXTS, " ".join(LETTERS), "the other office is in New York", "an old coffee house"]
    corpus = [string.replace("☃", "") for string in corpus]  # Stays unknown.
    folded = {"normalization": "nfkc", "lowercase": True}
    symbols = {"user_defined_symbols": ["<br>"]}
    tokenizers = [
        text.train("character", corpus, normalization="nfc"),
        text.train("character", corpus, **folded),
        text.ByteTokenizer(lowercase=True),
        text.train("word", corpus[:-3], **folded),
        text.train("word", corpus[:-3], split_punctuation=False),
        text.train("wordpiece", corpus * 2, vocabulary_size=220, **folded, **symbols),
        text.train("wordpiece", corpus[3:7], vocabulary_size=300, byte_fallback=True),
        text.train("sentencepiece", corpus, vocabulary_size=300, **folded, **symbols),
        text.train("sentencepiece", corpus[3:7], vocabulary_size=310, byte_fallback=True),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Traced, "__call__", lambda traced, value: traced._function.python_function(value)
        )
        yield tokenizers


def pieces_of(tokenizer, ids, names):
    """The text of each id as it was read, None where it does not tell: unknown, or one byte."""
    for index, name in zip(ids, names, strict=False):
        name = name.decode()
        if index == tokenizer.unknown_id or (name.startswith("<0x") and len(name) == 6):
            yield None
        elif tokenizer.kind == "sentencepiece":
            yield name.replace("▁", " ").strip(" ") if set(name) != {"▁"} else None
        elif tokenizer.kind in ("word", "wordpiece") and getattr(
            tokenizer, "split_punctuation", True
        ):
            attached = name.startswith("##") and len(name) > 2
            yield None if name == "▁" else name[2 if attached else 0 :]
        else:
            yield name


def check(tokenizer, strings):
    encoded = tokenizer.encode_source(strings)
    rows, names = encoded.to_list(), tokenizer.tokens(encoded).numpy()
    places = tokenizer.offsets(strings)
    assert places.dtype == tf.int32 and places.shape[-1] == 2
    for string, ids, row, labels in zip(strings, rows, places.to_list(), names, strict=True):
        what = (tokenizer.kind, tokenizer.normalization, string, row)
        assert len(row) == len(ids), what
        assert row[-1] == [len(string)] * 2, what
        begins, ends = [pair[0] for pair in row], [pair[1] for pair in row]
        assert begins == sorted(begins) and ends == sorted(ends), what
        assert all(0 <= begin <= end <= len(string) for begin, end in row), what
        mark = tokenizer.kind == "sentencepiece"  # Of a space before the text, which has none.
        assert all(begin < end for begin, end in row[int(mark) : -1]), what
        covered = {place for begin, end in row for place in range(begin, end)}
        missing = [c for place, c in enumerate(string) if place not in covered]
        assert all(as_read(tokenizer, character).isspace() for character in missing), what
        for piece, (begin, end) in zip(pieces_of(tokenizer, ids[:-1], labels), row, strict=False):
            if piece is None:
                continue
            source = string[begin:end]
            held = as_read(tokenizer, source)
            # One of several pieces of a character, or of marks that are normalised together.
            changes = held != source or unicodedata.combining(source[0])
            is_part = piece in held and changes and source == source.strip(" ")
            assert piece == held or is_part, (piece, held, what)


def words_by_hand(tokenizer, string, row):
    """The rule of the documentation, piece by piece."""
    seen, numbers = set(), []
    for begin, end in row:
        inside = [place for place in range(begin, end) if string[place] != " "]
        word = string[: inside[0]].count(" ") if inside else None
        numbers.append(-1 if word is None or word in seen else word)
        seen.add(word)
    return numbers


def check_words(tokenizer, strings):
    places = tokenizer.offsets(strings).to_list()
    for string, row, numbers in zip(
        strings, places, tokenizer.word_numbers(strings).to_list(), strict=True
    ):
        assert numbers == words_by_hand(tokenizer, string, row)
        has_token = [number for number in numbers if number >= 0]
        words = string.split(" ")
        solid = [n for n, word in enumerate(words) if as_read(tokenizer, word).strip()]
        assert set(solid) <= set(has_token)
        assert len(has_token) == len(set(has_token))


def test_where_pieces_and_words_stand(all_tokenizers):
    generator = random.Random(7)
    strings = ["".join(generator.choices(LETTERS, k=generator.randrange(19))) for _ in range(100)]
    for tokenizer in all_tokenizers:
        check(tokenizer, [*TEXTS, *strings])
        check_words(tokenizer, [*TEXTS, *strings])
        assert tokenizer.offsets([]).shape[0] == 0


@pytest.mark.parametrize("form", ["nfc", "nfkc"])
def test_what_normalised_characters_come_from(form):
    """Each comes from the smallest part that is normalised by itself, and all of a part is used."""
    normalized, generator = FORMS[form], random.Random(3)
    marks = "\u0301\u0323\u0327\u0305\u1161\u11a8"
    strings = ["".join(generator.choices(LETTERS + 2 * marks, k=17)) for _ in range(200)]
    strings += ["", "a\u0301\u0323", "가\u11a8"]
    points, begins, ends = normalize_points(
        decode_strings(tf.constant(strings)), normalization=form
    )
    begins, ends, place, first = begins.numpy(), ends.numpy(), 0, 0
    for string in strings:
        whole = normalized(string)
        cuts = range(len(string) + 1)
        cuts = [n for n in cuts if normalized(string[:n]) + normalized(string[n:]) == whole]
        for begin, end in itertools.pairwise(cuts):
            count = len(normalized(string[begin:end]))
            here = slice(place, place + count)
            used = {n for pair in zip(begins[here], ends[here], strict=True) for n in range(*pair)}
            assert used == set(range(first + begin, first + end)), ascii(string)
            place += count
        first += len(string)
    assert place == len(begins) == len(points.flat_values)


def test_bytes_of_a_character_stand_where_it_does(all_tokenizers):
    wordpiece, sentencepiece = (
        t
        for t in all_tokenizers
        if getattr(t, "byte_fallback", False) or (t.kind == "sentencepiece" and not t.lowercase)
    )
    for tokenizer in (wordpiece, sentencepiece):
        names = [name.decode() for name in tokenizer.tokens(tokenizer.encode(["☃n"]))[0].numpy()]
        assert names[:4] == ["▁", "<0xE2>", "<0x98>", "<0x83>"]
        mark = [0, 1] if tokenizer is wordpiece else [0, 0]
        places = [mark, [0, 1], [0, 1], [0, 1], [1, 2], [2, 2]]
        assert tokenizer.offsets(["☃n"]).to_list() == [places]
        first = 0 if tokenizer is wordpiece else 1
        numbers = [0 if place == first else -1 for place in range(6)]
        assert tokenizer.word_numbers(["☃n"]).to_list() == [numbers]
        ids = tokenizer.encode_source(["☃n"])
        assert tokenizer.begins_word(ids).numpy().tolist() == [[n == 0 for n in numbers]]


def test_in_a_graph(tokenizer):
    """On the tokenizers of other tests, which fold nothing; a word is what ids say as well."""
    strings = ["Dr. Who's late , 3 März", "", "a##b #c", "年3月 x"]

    @tf.function(input_signature=[tokenizer.spec])
    def places(strings):
        return tokenizer.offsets(strings), tokenizer.word_numbers(strings)

    offsets, numbers = places(tf.constant(strings))
    assert [len(row) for row in offsets.to_list()] == [
        len(row) for row in tokenizer.encode_source(strings).to_list()
    ]
    check_words(tokenizer, strings)
    assert numbers.to_list() == tokenizer.word_numbers(strings).to_list()
    assert offsets.to_list() == tokenizer.offsets(strings).to_list()
    assert tokenizer.word_starts(strings).to_list() == (numbers >= 0).to_list()
    ids = tokenizer.encode_source(strings)
    begins = tokenizer.begins_word(ids)
    assert begins.dtype == tf.bool and begins.shape == ids.to_tensor().shape
    known = [1, 2] if tokenizer.kind == "word" else [0, 1, 2, 3]  # It does not know all words.
    wanted = numbers.to_tensor(-1).numpy() >= 0
    np.testing.assert_array_equal(begins.numpy()[known], wanted[known])
    assert tokenizer.begins_word(tf.constant([[0, 2, 3]])).numpy().tolist() == [[False] * 3]
