"""Scores of answers that are parts of a text, as SQuAD's own program computes them."""

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized_answer(text):
    """An answer without case, ASCII punctuation, English articles and extra white space.

    Example:

    >>> normalized_answer("The  New-York Times.")
    'newyork times'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def score_answers(answers, references):
    """Scores of the answers to questions.

    Args:
        answers: list of str, `""` where the model found none.
        references: for each question a list of the answers that count as right; none if the text
            does not say it, and then `""` is right.

    Returns:
        Dict with `exact_match`; `f1`, the mean over questions of the F1 score of the words that
        answer and reference have in common, each of the best reference; and, where some questions
        have no answer, both of the questions that have one (`answered`) and the fraction of the
        others that got none (`no_answer`).

    Raises:
        ValueError: the lengths differ, or there is no question.

    Example:

    >>> scores = score_answers(["the red car", ""], [["Red car"], ["blue"]])
    >>> scores
    {'exact_match': 0.5, 'f1': 0.5}

    References:
        Rajpurkar et al. (2016), section 6.1; Rajpurkar et al. (2018) for questions without answer.
    """
    if len(answers) != len(references) or not len(answers):
        raise ValueError(
            "Expected as many answers as references, and at least one. "
            f"Received: {len(answers)} answers, {len(references)} references"
        )
    exact, f1 = [], []
    for answer, right in zip(answers, references, strict=True):
        words = normalized_answer(answer)
        # As the official program has it: a reference that is all articles is none.
        right = [words for words in map(normalized_answer, right) if words] or [""]
        exact.append(float(words in right))
        f1.append(max(_word_f1(words.split(), other.split()) for other in right))
    scores = {"exact_match": _mean(exact), "f1": _mean(f1)}
    asked = [place for place, right in enumerate(references) if right]
    if len(asked) < len(references):
        without = sorted(set(range(len(references))) - set(asked))
        scores["no_answer"] = _mean([exact[place] for place in without])
        if asked:
            scores["answered"] = {
                "exact_match": _mean([exact[place] for place in asked]),
                "f1": _mean([f1[place] for place in asked]),
            }
    return scores


def _word_f1(answer, reference):
    if not answer or not reference:
        return float(answer == reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


def _mean(values):
    return sum(values) / len(values)
