"""Learning pieces and cutting words, against references in plain Python."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention import text
from keras_attention.errors import UserError
from keras_attention.text.byte_pairs import learn_pieces


def longest_match(word, pieces):
    """Greedy longest match, an unknown character at a time."""
    ids, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in pieces:
                ids.append(4 + pieces.index(piece))
                break
        else:
            ids.append(1)
            end = start + 1
        start = end
    return ids


@pytest.mark.parametrize("seed", [3, 5, 7])
def test_longest_match_first(seed):
    generator = random.Random(seed)

    def word():
        return "".join(generator.choices("abc", k=generator.randrange(1, 8)))

    pieces = list(dict.fromkeys(generator.choice(["", "##"]) + word() for _ in range(20 * seed)))
    sentences = [[word() for _ in range(generator.randrange(5))] for _ in range(500)]
    received = text.WordPieceTokenizer(pieces).encode([" ".join(words) for words in sentences])
    assert received.to_list() == [
        [number for word in words for number in longest_match(word, pieces)] for words in sentences
    ]


def test_attached_words_begin_with_inner_pieces():
    tokenizer = text.WordPieceTokenizer(["a", "##b", "##,", "###", "#", ","])
    assert tokenizer.encode(["ab,", "a ,b", "a#b #"]).to_list() == [
        [4, 5, 6],
        [4, 9, 5],
        [4, 7, 5, 8],
    ]
    assert tokenizer.decode([[5, 4, 6, 9]]).numpy().tolist() == [b"b a, ,"]


def naive(word_counts, merges):
    """Byte pair encoding as the paper's listing does it: count all pairs anew each time."""
    words = [([w[0]] + ["##" + c for c in w[1:]], n) for w, n in word_counts.items()]
    learnt = []
    for _ in range(merges):
        pairs = Counter()
        for spelling, count in words:
            for pair in zip(spelling, spelling[1:], strict=False):
                pairs[pair] += count
        pair = min(pairs, key=lambda p: (-pairs[p], p), default=None)
        if pair is None or pairs[pair] < 2:
            break
        merged = pair[0] + pair[1][2:]
        learnt.append(merged)
        for spelling, _ in words:
            i = 0
            while i + 1 < len(spelling):
                if (spelling[i], spelling[i + 1]) == pair:
                    spelling[i : i + 2] = [merged]
                i += 1
    return list(dict.fromkeys(learnt))


def test_the_example_of_the_paper():
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    pieces = learn_pieces(counts, limit=2 * 10 + 4)
    alphabet, learnt = pieces[:-4], pieces[-4:]
    assert alphabet[:4] == ["e", "##e", "w", "##w"]  # 17 and 16 times
    assert learnt == ["##es", "##est", "##ow", "low"]  # "lo" is as frequent as "##ow"


@settings(max_examples=60, deadline=None)
@given(
    counts=st.dictionaries(st.text("abcd", min_size=1, max_size=11), st.integers(1, 9), min_size=1)
)
def test_learning_equals_counting_anew(counts):
    alphabet = len(set("".join(counts))) * 2
    assert learn_pieces(counts, 10_000)[alphabet:] == naive(counts, 10_000)


def test_learning_respects_its_limit_and_order(dates):
    tokenizer = text.WordPieceTokenizer.train(dates, vocabulary_size=1009)
    again = text.WordPieceTokenizer.train(dates[::-1], vocabulary_size=1009)
    assert tokenizer.vocabulary_size == 1009
    assert tokenizer.vocabulary == again.vocabulary
    assert text.WordPieceTokenizer.train(dates, vocabulary_size=13).vocabulary_size == 13


@pytest.mark.parametrize("kind", ["character", "word", "wordpiece", "sentencepiece"])
@pytest.mark.parametrize("corpus", [[], [""]])
def test_nothing_to_learn_from(kind, corpus):
    with pytest.raises(UserError, match="the training text is empty"):
        text.train(kind, corpus)


def test_duplicate_pieces():
    with pytest.raises(ValueError, match="Received twice: 'a'"):
        text.WordPieceTokenizer(["a", "b", "a"])
