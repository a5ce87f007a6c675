"""The bAbI tasks as texts with labels, each with the sentences that support its answer.

`stories("qa1_single-supporting-fact_train.txt")` gives for each question the text of all sentences
before it and the question, the answer as label, and the characters of the supporting sentences:
where the evidence of a good model stands (Weston et al. 2015).
"""

from typing import NamedTuple

from keras_attention.errors import UserError
from keras_attention.training import LabelledTexts
from keras_attention.user_files import read_lines


class Story(NamedTuple):
    """A question at the end of a story.

    Attributes:
        text: str. The sentences and the question, with a space between two of them.
        answer: str.
        sentences: list of `(begin, end)`, the characters of each sentence in `text`.
        supporting: list of int. Places of the sentences that support the answer.
    """

    text: str
    answer: str
    sentences: list
    supporting: list


def stories(path, report=print):
    """The questions of a file of bAbI.

    Args:
        path: text file: numbered sentences, and questions with their answer and the numbers of the
            supporting sentences, divided by tabs. A number of 1 begins another story.
        report: function that tells the user one line, of damage that was repaired.

    Returns:
        List of `Story`.

    Raises:
        UserError: the file is missing or of another form (names the line).
    """
    found, sentences = [], {}
    for place, line in enumerate(read_lines(path, report), start=1):
        number, _, rest = line.strip().partition(" ")
        if not number.isdecimal() or not rest:
            raise UserError(f"{path}: expected a numbered sentence in line {place}: {line[:60]!r}")
        if number == "1":
            sentences = {}
        question, *answer = rest.split("\t")
        if not answer:
            sentences[number] = rest
            continue
        if len(answer) != 2 or not set(answer[1].split()) <= set(sentences):
            raise UserError(
                f"{path}: expected an answer and the numbers of earlier sentences in line {place}."
            )
        found.append(_story(sentences, question.strip(), *answer))
    return found


def labelled(questions):
    """`LabelledTexts` of stories.

    Args:
        questions: list of `Story`.
    """
    return LabelledTexts([one.text for one in questions], [one.answer for one in questions])


def _story(sentences, question, answer, supporting):
    places, begin = [], 0
    for sentence in sentences.values():
        places.append((begin, begin + len(sentence)))
        begin += len(sentence) + 1
    numbers = list(sentences)
    text = " ".join([*sentences.values(), question])
    return Story(text, answer, places, [numbers.index(number) for number in supporting.split()])
