"""Questions about texts, whose answers are parts of the text: SQuAD's form of JSON."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from keras_attention.errors import UserError
from keras_attention.user_files import expand_home, read_text

from .json_columns import parse, value_at


@dataclass(frozen=True)
class Questions:
    """Questions, each about a text, and where in it the answer stands.

    Attributes:
        questions: list of str.
        texts: list of str, the text that each question is about.
        answers: for each question the answers that count as right, as parts of the text; none if
            the text does not say it.
        begins: for each answer its first character in the text, counted in code points from 0.
        ids: list of str. What the data calls each question.
        dropped: how many questions the reader left out because question or text was empty.

    Example:

    >>> examples = Questions(["Where?"], ["It is in Rome."], [["Rome"]], [[9]], ["q1"])
    >>> examples.row(0)
    {'question': 'Where?', 'text': 'It is in Rome.', 'answers': ['Rome'], 'id': 'q1'}
    """

    questions: list[str]
    texts: list[str]
    answers: list[list[str]]
    begins: list[list[int]]
    ids: list[str]
    dropped: int = 0

    def __post_init__(self):
        lengths = {name: len(column) for name, column in self._named_columns().items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Expected columns of one length. Received: lengths={lengths}")
        for text, answers, begins in zip(self.texts, self.answers, self.begins, strict=True):
            for answer, begin in zip(answers, begins, strict=True):
                if not answer or text[begin : begin + len(answer)] != answer:
                    raise ValueError(
                        "Expected answers that stand in the text where they begin. "
                        f"Received: answer={answer!r}, begin={begin}"
                    )

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def sources(self) -> list[str]:
        """Question and text of each example in one string, to tell which examples are the same."""
        return [f"{question}\n{text}" for question, text in self._pairs()]

    @property
    def held_out_by(self) -> dict[str, list[str]]:
        """How `split_share` holds some out: all questions about a text together."""
        return {"sources": self.texts}

    def columns(self) -> list[list[str]]:
        """Questions, texts, answers and their places, as strings: what a model is trained on."""
        answers = ["\n".join(answers) for answers in self.answers]
        places = [" ".join(map(str, begins)) for begins in self.begins]
        return [self.questions, self.texts, answers, places]

    def row(self, place: int) -> dict[str, Any]:
        """One example, for a JSON file.

        Args:
            place: its place, counted from zero.
        """
        return {
            "question": self.questions[place],
            "text": self.texts[place],
            "answers": self.answers[place],
            "id": self.ids[place],
        }

    def select(self, indices: Iterable[int]) -> "Questions":
        """The examples at the given places, in the given order; `dropped` is kept.

        Args:
            indices: places, counted from zero.
        """
        indices = list(indices)
        columns = self._named_columns()
        return replace(
            self, **{name: [column[i] for i in indices] for name, column in columns.items()}
        )

    def _pairs(self):
        return zip(self.questions, self.texts, strict=True)

    def _named_columns(self) -> dict[str, list]:
        names = ("questions", "texts", "answers", "begins", "ids")
        return {name: getattr(self, name) for name in names}


def squad(path: str | os.PathLike, encoding: str = "auto", report=print) -> Questions:
    """Questions from JSON in the form of SQuAD 1.1 and 2.0.

    `{"data": [{"paragraphs": [{"context": ..., "qas": [{"id": ..., "question": ..., "answers":
    [{"text": ..., "answer_start": ...}]}]}]}]}`. A question that `is_impossible`, or has no answer,
    has none in its text. An answer that stands elsewhere than it says is looked for: it is taken
    where it stands nearest to that, which is counted and reported.

    Args:
        path: the file, plain or compressed.
        encoding: name of its encoding; `"auto"` is UTF-8, or what a byte-order mark says.
        report: function that tells the user one line.

    Returns:
        `Questions`; equal answers of a question are there once.

    Raises:
        UserError: the file is missing, empty, no JSON, in another form, or an answer is not in its
            text (names the place in the file).
    """
    path = expand_home(path)
    content = parse(read_text(path, report, encoding), path)
    columns: dict[str, list] = {name: [] for name in ("questions", "texts", "answers", "begins")}
    ids, moved, dropped = [], 0, 0
    for where, text, entry in _entries(content, path):
        question = _of(entry, "question", where, path, str).strip()
        if not question or not text.strip():
            dropped += 1
            continue
        found = {}
        if not entry.get("is_impossible"):
            for number, answer in enumerate(_listed(entry, "answers", where, path), start=1):
                place = f"{where}.answers.{number}"
                words = _of(answer, "text", place, path, str)
                said = _of(answer, "answer_start", place, path, int)
                begin = _nearest(text, words, said, place, path)
                moved += begin != said
                found.setdefault((words, begin))
        columns["questions"].append(question)
        columns["texts"].append(text)
        columns["answers"].append([words for words, _ in found])
        columns["begins"].append([begin for _, begin in found])
        ids.append(str(entry.get("id", len(ids) + 1)))
    if not ids:
        raise UserError(f"{path} holds no question.")
    if moved:
        report(f"{path}: {moved:,} answers stand elsewhere in their text than they say.")
    return Questions(**columns, ids=ids, dropped=dropped)


def _entries(content, path):
    """Each question with its place in the file and its text."""
    for one, article in enumerate(_listed(content, "data", "the file", path), start=1):
        where = f"data.{one}"
        for two, paragraph in enumerate(_listed(article, "paragraphs", where, path), start=1):
            where = f"data.{one}.paragraphs.{two}"
            text = _of(paragraph, "context", where, path, str)
            for three, entry in enumerate(_listed(paragraph, "qas", where, path), start=1):
                yield f"{where}.qas.{three}", text, entry


def _listed(row, key, where, path) -> list:
    return _of(row, key, where, path, list)


def _of(row, key, where, path, kind):
    value = value_at(row, key, where, path)
    if type(value) is not kind:
        names = {str: "a text", int: "a whole number", list: "a list"}
        raise UserError(
            f"{path}: expected {key!r} in {where} to be {names[kind]}. "
            f"Received: {str(value)[:60]!r}"
        )
    return value


def _nearest(text, words, said, where, path) -> int:
    """The place of an answer in its text that is nearest to where it is said to begin."""
    places, begin = [], text.find(words) if words else -1
    while begin >= 0:
        places.append(begin)
        begin = text.find(words, begin + 1)
    if not places:
        raise UserError(f"{path}: the answer in {where} is not in its text: {words[:60]!r}.")
    return min(places, key=lambda place: abs(place - said))
