import math

import pytest
import sacrebleu

from keras_attention.training import score_texts
from keras_attention.training.scores import exact_match

REFERENCES = ["the cat sat on the mat .", "a dog runs", "two men , three women", "ein Hund"]
TRANSLATIONS = ["the cat sat on a mat .", "a dog runs", "two women , three men", ""]


def test_exact_match():
    assert exact_match(TRANSLATIONS, REFERENCES) == 0.25
    assert exact_match(["a ", "B", "c"], ["a", "b", "c"]) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="longer"):
        exact_match(["a"], ["a", "b"])


def test_bleu_by_hand():
    # One sentence of five words, the last one wrong: precisions 4/5, 3/4, 2/3, 1/2, no brevity
    # penalty (Papineni et al., 2002).
    scores = score_texts(["a b c d x"], ["a b c d e"], "none")
    assert scores["bleu"] == pytest.approx(math.prod([4 / 5, 3 / 4, 2 / 3, 1 / 2]) ** (1 / 4))
    assert scores["ter"] == pytest.approx(1 / 5)
    assert scores["exact_match"] == 0
    shorter = score_texts(["a b c d"], ["a b c d e"], "none")
    assert shorter["bleu"] == pytest.approx(math.exp(1 - 5 / 4))


def test_perfect_translations():
    scores = score_texts(REFERENCES, REFERENCES)
    assert [scores[name] for name in ("exact_match", "bleu", "chrf", "ter")] == pytest.approx(
        [1, 1, 1, 0]
    )


@pytest.mark.parametrize("tokenizer", ["13a", "none", "char"])
def test_scores_are_those_of_sacrebleu(tokenizer):
    scores = score_texts(TRANSLATIONS, REFERENCES, tokenizer)
    expected = {
        "bleu": sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES], tokenize=tokenizer, force=True),
        "chrf": sacrebleu.corpus_chrf(TRANSLATIONS, [REFERENCES]),
        "ter": sacrebleu.corpus_ter(TRANSLATIONS, [REFERENCES]),
    }
    for name, score in expected.items():
        assert scores[name] == pytest.approx(score.score / 100), name


def test_signatures_name_what_was_measured():
    signatures = score_texts(TRANSLATIONS, REFERENCES, "none")["signatures"]
    assert set(signatures) == {"bleu", "chrf", "ter"}
    assert "tok:none" in signatures["bleu"] and "smooth:exp" in signatures["bleu"]
    assert "nc:6" in signatures["chrf"] and "nw:0" in signatures["chrf"]
    assert all(f"version:{sacrebleu.__version__}" in text for text in signatures.values())


def test_ter_is_left_out_where_it_is_not_wanted():
    scores = score_texts(TRANSLATIONS, REFERENCES, ter=False)
    assert "ter" not in scores and "ter" not in scores["signatures"]
