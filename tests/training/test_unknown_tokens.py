"""What a vocabulary does not know is counted, shown, and something to do is named."""

import pytest

from keras_attention import text
from keras_attention.training.data.unknown_tokens import report_unknown, unknown_units


def lines_of(sources, targets, *tokenizers):
    lines = []
    report_unknown("validation", (sources, targets), tokenizers, lines.append)
    return lines


def test_shares_of_source_and_target():
    source, target = (text.CharacterTokenizer.train([letters]) for letters in ("abc ", "xyz"))
    lines = lines_of(["a🙂b", "c d", "ddc"], ["x" * 399 + "q"], source, target)
    assert lines == [
        "validation: 44.44% of the source tokens are unknown to the vocabulary, most often "
        "'d' (3), '🙂' U+1F642 (1). Try the tokenizer byte, which knows every character.",
        "validation: 0.25% of the target tokens are unknown to the vocabulary, most often 'q' (1).",
    ]


def test_nothing_to_report():
    tokenizer = text.CharacterTokenizer.train(["abc"])
    assert lines_of(["abc"], ["🙂"], tokenizer, text.ByteTokenizer()) == []


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("cafe\u0301", "--normalization nfc, which"),
        ("caf\u00e9 \uff41", "--normalization nfkc, which"),
        ("CAF\u00c9", "--lowercase, which"),
        ("xyz", "the tokenizer byte"),
    ],
)
def test_advice_is_tried_before_it_is_given(content, advice):
    tokenizer = text.CharacterTokenizer.train(["caf\u00e9 "])
    (line,) = lines_of([content], ["caf\u00e9"], tokenizer, tokenizer)
    assert f" Try {advice}" in line
    done = text.CharacterTokenizer.train(["CAF\u00c9 a"], lowercase=True, normalization="nfkc")
    (line,) = lines_of(["xyz"], ["caf\u00e9"], done, done)
    assert "Try the tokenizer byte" in line


def test_unknown_words():
    texts = ["Anna met Otto, Otto.", "Otto!"]
    tokenizer = text.WordTokenizer(["met", "##,", "##."])
    assert unknown_units(texts, tokenizer) == {"Otto": 3, "Anna": 1, "!": 1}
    tokenizer = text.WordTokenizer(["met", "Otto."], split_punctuation=False)
    assert unknown_units(texts, tokenizer) == {"Otto,": 1, "Anna": 1, "Otto!": 1}
    (line,) = lines_of(texts, ["met"], tokenizer, tokenizer)
    assert line.startswith("validation: 60.00% of the source tokens are unknown")
    assert line.endswith(" Try a larger --vocabulary-size, or the tokenizer sentencepiece.")


def test_words_with_unknown_pieces():
    tokenizer = text.WordPieceTokenizer(["a", "##b", "##.", "#"])
    # "b" is known inside a word, or behind the full stop, and not at the beginning of one.
    assert unknown_units(["ab .b", "b a b", "##", "aé"], tokenizer) == {
        ".": 1,
        "b": 2,
        "#": 1,
        "aé": 1,
    }


def test_unknown_characters_of_sentencepiece():
    tokenizer = text.train("sentencepiece", ["an apple", "a plan"] * 9, vocabulary_size=14)
    (line,) = lines_of(["a plané 🙂🙂"], ["a plan"], tokenizer, tokenizer)
    assert "most often '🙂' U+1F642 (2), 'é' (1). Try --byte-fallback" in line
    tokenizer = text.train(
        "sentencepiece", ["an apple", "a plan"] * 9, vocabulary_size=270, byte_fallback=True
    )
    assert lines_of(["a plané 🙂🙂"], ["a plan"], tokenizer, tokenizer) == []
