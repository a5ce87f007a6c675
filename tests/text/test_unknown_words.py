"""Unknown words of a translation: kept, copied, or looked up, through the alignment."""

import numpy as np
import pytest
from keras import ops

from keras_attention import Translator, UserError, decoding, models
from keras_attention.text import CharacterTokenizer, WordTokenizer
from keras_attention.text.unknown_words import UnknownWords

GERMAN = ["das", "Haus", "in", "##.", "##)", "(", "ist"]
ENGLISH = ["the", "house", "in", "##.", "##)", "(", "is"]


class WordForWord:
    """A model that says the translation of one word after the other, and looks at it."""

    pad_id, start_id, end_id = 0, 2, 3

    def generate(self, source, search, prefix=None):
        vocabulary = len(ENGLISH) + 4

        def step(token_ids, state):
            text, position = state["text"], state["position"]
            here = ops.arange(ops.shape(text)[1], dtype="int32") == position[:, None]
            token = ops.sum(ops.where(here, text, 0), axis=1)
            logits = ops.one_hot(token, vocabulary) * 20.0
            return logits, {"text": text, "position": position + 1}, ops.cast(here, "float32")

        source = ops.cast(source, "int32")
        state = {"text": source, "position": ops.zeros_like(source[:, 0])}
        return search(step, state, source != 0, self.start_id, self.end_id, self.pad_id, prefix)


def translator(unknown, search=None, **options):
    return Translator(
        WordForWord(),
        WordTokenizer(GERMAN, **options),
        WordTokenizer(ENGLISH, **options),
        search or decoding.Greedy(max_length=9),
        unknown=unknown,
    )


TEXTS = ["das Haus in Quito.", "Wien", "das Haus (Wien) ist.", "das ist", ""]
DICTIONARY = {"Wien": "Vienna", "Rom": "Rome"}
EXPECTED = {
    "copy": ["the house in Quito.", "Wien", "the house (Wien) is.", "the is", ""],
    "dictionary": ["the house in Quito.", "Vienna", "the house (Vienna) is.", "the is", ""],
}


@pytest.mark.parametrize("kind", ["copy", "dictionary"])
@pytest.mark.parametrize(
    "search", [decoding.Greedy(max_length=9), decoding.Beam(3, n_best=2, max_length=9)], ids=repr
)
def test_by_hand(kind, search):
    found = translator(DICTIONARY if kind == "dictionary" else kind, search)
    assert found(TEXTS) == EXPECTED[kind]
    assert [row.text for row in found.explain(TEXTS)] == EXPECTED[kind]
    assert [row[0][0] for row in found.nbest(TEXTS)] == EXPECTED[kind]
    assert found(iter(TEXTS)) == EXPECTED[kind]


def test_they_are_kept_unless_asked_for():
    found = translator("keep")(TEXTS[:2])
    assert found == ["the house in \ufffd.", "\ufffd"]


def test_tokens_are_explained_as_they_are_shown():
    row = translator("copy").explain("das Haus (Wien).")
    assert row.target_tokens == ["the", "house", "(", "##Wien", "##)", "##."]
    assert row.alignment.shape == (6, 7)
    assert row.token_scores.shape == (6,)
    np.testing.assert_allclose(row.token_scores, row.score / 7, atol=1e-6)


def test_what_the_tokenizer_reads_is_copied():
    found = translator({"ÄÖ": "Ä"}, normalization="nfkc")
    assert found("das A\u0308O\u0308 in ﬁn") == "the Ä in fin"


def test_a_dictionary_is_read_as_texts_are():
    found = translator({"A\u0308O\u0308": "Ä"}, normalization="nfkc")
    assert found("das ÄÖ in Wien") == "the Ä in Wien"


def test_what_no_text_holds_as_one_word_is_told():
    with pytest.warns(UserWarning, match="no text holds as one word: 'New York', ''"):
        found = translator({"New York": "York", "": "x", "Wien": "Vienna"})
    assert found("das Wien") == "the Vienna"


def test_text_that_is_split_at_spaces():
    options = {"split_punctuation": False}
    assert translator("copy", **options)("das (Wien) ##x") == "the (Wien) ##x"


def test_the_best_word_is_taken_but_never_the_end():
    tokenizer = WordTokenizer(["a"])
    unknown_words = UnknownWords(tokenizer, tokenizer)
    alignment = np.array([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3]])
    assert unknown_words.tokens("x y", [1, 1], alignment) == ["y", "x"]
    assert unknown_words.tokens("", [1], alignment[:1]) == ["<unk>"]
    assert unknown_words.text([2, 4, 0, 1], ["<s>", "a", "", "x"]) == "a x"
    assert unknown_words.text([], []) == ""


@pytest.mark.parametrize("unknown", ["copy", DICTIONARY, "keep"], ids=str)
def test_it_is_saved(unknown, tmp_path):
    tokenizer = WordTokenizer(GERMAN)
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=3), models.ParallelDecoder(units=3), 11, 11, 5
    )
    saved = Translator(model, tokenizer, tokenizer, decoding.Greedy(5), unknown=unknown)
    saved.save(tmp_path / "translator")
    assert Translator.load(tmp_path / "translator").unknown == unknown


@pytest.mark.parametrize("unknown", ["drop", 7, {"Wien": 1}, None])
def test_bad_arguments_are_refused(unknown):
    with pytest.raises(UserError, match=r"`unknown` to be .*Received: unknown="):
        translator(unknown)


def test_other_tokenizers_are_refused():
    tokenizer = CharacterTokenizer(["a"])
    with pytest.raises(UserError, match=r"kind 'word'\. Received: kind='character'"):
        UnknownWords(tokenizer, WordTokenizer(["a"]))
