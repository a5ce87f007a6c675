"""Sub-word vocabularies that spell what they lack as bytes, and symbols that they never cut."""

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_attention import UserError, text

CORPUS = ["the cat sat on the mat", "a cat, a mat", "the <br> hat <br>s"] * 5
SYMBOLS = ["<br>", "@User", "<br><br>"]
KINDS = ("wordpiece", "sentencepiece")
UNSEEN = ["😀", "a😀b the", "the 😀😀 cat", "é 日本 ��", "x👩‍👩‍👧y", "\x00z"]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """Each kind with byte fallback, as a file brings it back."""
    folder = tmp_path_factory.mktemp("tokenizers")
    for kind in KINDS:
        options = {"byte_fallback": True, "user_defined_symbols": SYMBOLS}
        trained = text.train(kind, CORPUS, vocabulary_size=330, **options)
        trained.save(folder / kind)
    return {kind: text.load(folder / kind) for kind in KINDS}


def back(tokenizer, strings):
    return [item.decode("utf-8") for item in tokenizer.decode(tokenizer.encode(strings)).numpy()]


def as_read_back(tokenizer, string):
    if tokenizer.kind == "wordpiece":  # One space for each run of white space.
        return " ".join(string.split())
    return string.lstrip(" ").replace("▁", " ")


@pytest.mark.parametrize("kind", KINDS)
def test_emoji_and_other_scripts_come_back(tokenizers, kind):
    tokenizer = tokenizers[kind]
    strings = [*UNSEEN, *CORPUS]
    assert back(tokenizer, strings) == [as_read_back(tokenizer, string) for string in strings]
    # Without it they do not.
    plain = text.train(kind, CORPUS, vocabulary_size=70)
    assert back(plain, ["a 😀"]) == ["a \ufffd"]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(strings=st.lists(st.text(max_size=19), max_size=5))
def test_any_text_comes_back(tokenizers, strings):
    for tokenizer in tokenizers.values():
        assert back(tokenizer, strings) == [as_read_back(tokenizer, item) for item in strings]
        ids = tokenizer.encode(strings).flat_values.numpy()
        assert ((ids >= 4) & (ids < tokenizer.vocabulary_size)).all()  # None is unknown.


def test_wordpiece_spells_utf8_behind_the_start_of_a_word():
    tokenizer = text.WordPieceTokenizer(["a", "##a"], byte_fallback=True)
    start, byte = 6, 7  # Behind 4 special ids and 2 pieces.
    emoji = [byte + value for value in "😀".encode()]
    assert tokenizer.vocabulary_size == 4 + 2 + 1 + 256
    rows = tokenizer.encode(["a😀", "a 😀a", "é߿ࠀ\uffff\U00010000\U0010ffff", "a"]).to_list()
    assert rows[0] == [4, *emoji]
    assert rows[1] == [4, start, *emoji, 5]
    assert rows[2] == [start] + [byte + value for value in "é߿ࠀ\uffff\U00010000\U0010ffff".encode()]
    assert rows[3] == [4]
    names = tokenizer.tokens([rows[1]]).numpy().tolist()
    assert names == [[b"a", "▁".encode(), b"<0xF0>", b"<0x9F>", b"<0x98>", b"<0x80>", b"##a"]]
    assert tokenizer.encode([]).shape[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_broken_bytes_are_decoded_as_replacement_characters(tokenizers, kind):
    tokenizer = tokenizers[kind]
    (ids,) = tokenizer.encode(["a 😀 the"]).to_list()
    spelt = [
        index for index, name in enumerate(tokenizer.tokens([ids]).numpy()[0]) if b"0x" in name
    ]
    assert len(spelt) == 4
    cut = [id for index, id in enumerate(ids) if index != spelt[-1]]
    (decoded,) = tokenizer.decode([cut]).numpy().tolist()
    words = decoded.decode("utf-8").split()  # It is valid UTF-8.
    assert (words[0], words[2]) == ("a", "the") and set(words[1]) == {"\ufffd"}
    every = tf.range(tokenizer.vocabulary_size)[None]
    assert tokenizer.decode(every).numpy()[0].decode("utf-8")
    assert tokenizer.decode(every[:, ::-1]).numpy()[0].decode("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_user_defined_symbols_are_one_token(tokenizers, kind):
    tokenizer = tokenizers[kind]
    strings = ["the <br> cat", "cat<br>", "a<br><br>b", "@User: a", "<br"]
    names = [
        [name.decode().removeprefix("##").strip("▁") for name in row]
        for row in tokenizer.tokens(tokenizer.encode(strings)).numpy()
    ]
    assert [sum(name in SYMBOLS for name in row) for row in names] == [1, 1, 1, 1, 0]
    assert "<br><br>" in names[2]
    assert back(tokenizer, strings) == strings


def test_symbols_are_normalised_as_the_text_is():
    for kind in KINDS:
        tokenizer = text.train(
            kind, CORPUS, vocabulary_size=60, lowercase=True, user_defined_symbols=["<BR>"]
        )
        ids = tokenizer.encode(["<BR>", "<br>"]).to_list()
        assert ids[0] == ids[1]
        assert "<br>" in [
            name.decode().strip("▁") for name in tokenizer.tokens([ids[0]]).numpy()[0]
        ]


@pytest.mark.parametrize("symbols", [["a b"], [""], "", [3], ["é", "e\u0301"]])
def test_symbols_that_are_none(symbols):
    with pytest.raises(ValueError, match="`user_defined_symbols`"):
        text.train("wordpiece", CORPUS, normalization="nfc", user_defined_symbols=symbols)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_without_room_for_bytes(kind):
    with pytest.raises(UserError, match="byte.?fallback.*200|200.*byte.?fallback"):
        text.train(kind, CORPUS, vocabulary_size=200, byte_fallback=True)


def test_padded_ids():
    tokenizer = text.CharacterTokenizer(["a", "b"])
    ids = tokenizer.encode(["ab", "b", ""], padded=True)
    assert ids.numpy().tolist() == [[4, 5], [5, 0], [0, 0]] and ids.dtype == tf.int32
    assert tokenizer.encode([], padded=True).shape == (0, 0)


def test_characters_that_stand_for_symbols_are_no_symbols(tokenizers):
    """A text of the private area that stands for symbols inside is not read as one of them."""
    tokenizer = tokenizers["wordpiece"]
    first = "\U0010f000"
    (with_symbol, with_character) = tokenizer.encode(
        [f"the {SYMBOLS[0]}", f"the {first}"]
    ).to_list()
    assert not set(with_symbol[1:]) & set(with_character[1:])
    assert back(tokenizer, [f"the {first}", "the \U0010ffff"]) == ["the \ufffd", "the \U0010ffff"]


def test_symbols_that_leave_no_room_for_pieces():
    symbols = [f"<{number}>" for number in range(30)]
    options = {"byte_fallback": False, "user_defined_symbols": symbols}
    with pytest.raises(UserError, match="64 ids before the first piece"):
        text.train("wordpiece", CORPUS, vocabulary_size=64, **options)
    assert text.train("wordpiece", CORPUS, vocabulary_size=90, **options).vocabulary_size <= 90
