"""Questions about texts: SQuAD's files, the embedded ones, and their splits."""

import gzip
import json

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.labelled_dates import date_questions
from keras_attention.training.data.question_splits import other_question_splits, question_splits
from keras_attention.training.data.questions import Questions, squad
from keras_attention.training.recipes.question_data_options import QuestionDataOptions


def quiet(line):
    """No report is of interest."""


def entry(question, *answers, **more):
    answers = [{"text": text, "answer_start": begin} for text, begin in answers]
    return {"question": question, "id": question[:2], "answers": answers, **more}


def file_of(*paragraphs):
    """SQuAD's form of pairs of a text and its questions, an article each."""
    data = [{"paragraphs": [{"context": text, "qas": qas}]} for text, qas in paragraphs]
    return {"version": "v2.0", "data": data}


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="a.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write_file


def test_squad(write, tmp_path):
    text = "É in Rome, in Italy: Rome."
    content = file_of(
        (
            text,
            [
                entry("Where?", ("Rome", 5), ("Rome", 5), ("Rome", 21), ("Italy", 14)),
                entry("When?", is_impossible=True, plausible_answers=[]),
                entry("What?", ("Rome", 20)),
            ],
        ),
        ("", [entry("Who?", ("x", 0))]),
    )
    lines = []
    examples = squad(write(content), report=lines.append)
    assert examples.answers == [["Rome", "Rome", "Italy"], [], ["Rome"]]
    assert examples.begins == [[5, 21, 14], [], [21]]
    assert (examples.ids, examples.dropped) == (["Wh", "Wh", "Wh"], 1)
    assert [line.split(": ", 1)[1] for line in lines] == [
        "1 answers stand elsewhere in their text than they say."
    ]
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    assert squad(tmp_path / "b.json.gz", report=quiet) == examples
    chosen = examples.select([2, 0])
    assert chosen.columns()[2:] == [["Rome", "Rome\nRome\nItaly"], ["21", "5 21 14"]]
    assert chosen.sources[0] == f"What?\n{text}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            file_of(("Rome", [entry("Where?", ("Paris", 0))])),
            r"data.1.paragraphs.1.qas.1.answers.1",
        ),
        (file_of(("Rome", [entry("Where?", ("Rome", "0"))])), "'answer_start' .* a whole number"),
        (
            file_of(("Rome", [{"id": 1, "answers": []}])),
            "no 'question' in data.1.paragraphs.1.qas.1",
        ),
        (file_of(("Rome", "Where?")), "'qas' in data.1.paragraphs.1 to be a list"),
        ({"questions": []}, "no 'data' in the file: an object with the keys questions"),
        ({"data": []}, "holds no question"),
    ],
)
def test_files_in_another_form(write, content, said):
    with pytest.raises(UserError, match=said) as caught:
        squad(write(content), report=quiet)
    assert "\n" not in str(caught.value)


def test_answers_that_are_elsewhere():
    with pytest.raises(ValueError, match="Expected answers .*Received: answer='b', begin=0"):
        Questions(["q"], ["ab"], [["b"]], [[0]], ["1"])
    with pytest.raises(ValueError, match="Expected columns of one length"):
        Questions(["q"], ["ab"], [["b"]], [[1]], [])


def test_dates():
    examples = date_questions("test", 400, seed=1)
    assert set(examples.questions) == {f"Which {k}?" for k in ("year", "month", "day", "weekday")}
    assert examples == date_questions("test", 400, seed=1)
    rows = zip(examples.questions, examples.texts, examples.answers, examples.begins, strict=True)
    for question, text, answers, begins in rows:
        assert answers or question == "Which weekday?"
        assert not any("\ue000" <= letter <= "\uf8ff" for letter in text)
        if question == "Which year?":
            ((begin,), (year,)) = begins, answers
            assert year.isdigit() and len(year) == 4 and text[begin : begin + 4] == year
    without = sum(not answers for answers in examples.answers)
    assert 0 < without < 100


def test_splits_keep_questions_about_a_text_together(write):
    content = file_of(*((f"Text {n}", [entry("a?", ("T", 0)), entry("b?")]) for n in range(20)))
    options = QuestionDataOptions(
        train_squad=str(write(content)), test_share=0.2, validation_share=0.25
    )
    splits = question_splits(options, seed=0, report=quiet)
    assert [len(part) for part in vars(splits).values()] == [24, 8, 8]
    assert not set(splits.train.texts) & set(splits.test.texts)
    changes = {"test_squad": str(write(file_of(("x", [entry("y?", ("x", 0))])), "b.json"))}
    others = other_question_splits(options, changes, seed=0, report=quiet)
    assert (others.train, others.validation, others.test.texts) == (None, None, ["x"])
    options = QuestionDataOptions(embedded="date-questions", train_size=50, test_size=10)
    splits = question_splits(options, seed=0, report=quiet)
    assert (len(splits.train), len(splits.test)) == (50, 10)
