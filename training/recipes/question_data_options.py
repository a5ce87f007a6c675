"""Options of the data of an answering run, one class for each kind of data."""

import dataclasses
from typing import Literal

from .kinds import DataKinds


@dataclasses.dataclass(frozen=True)
class CommonQuestionOptions:
    """Where questions and their texts come from, and which of them are held out."""

    validation_share: float = 0.05
    """Fraction of the training questions held out for validation when no validation data is given;
    all questions about a text are held out together."""
    test_share: float = 0.05
    """Fraction of the training questions held out for the test when no test data is given; all
    questions about a text are held out together."""
    same_source: Literal["normalized", "case"] = "normalized"
    """Which texts count as the same, and are held out together: those that differ only in case,
    white space and Unicode form (normalized), or only in case and white space (case)."""
    drop_overlap: bool = False
    """Leave questions out of training if they also occur, about the same text, in validation or
    test, and out of validation if they occur in test. If not given, their number is only
    reported."""
    train_size: int = 0
    """Questions used for training; 0 takes all. Required for embedded data, which is unlimited."""
    validation_size: int = 0
    """Questions used for validation; 0 takes all."""
    test_size: int = 0
    """Questions used for the test; 0 takes all."""


@dataclasses.dataclass(frozen=True)
class EmbeddedQuestions(CommonQuestionOptions):
    """Questions that come with the package."""

    embedded: Literal["date-questions"] = "date-questions"
    """Data that comes with the package: which part of a date, as people write them, is its day, its
    month, its year or its weekday, if it has one."""


@dataclasses.dataclass(frozen=True)
class SquadFiles(CommonQuestionOptions):
    """JSON in the form of SQuAD: texts, each with questions and their answers."""

    train_squad: str = ""
    """JSON file in the form of SQuAD 1.1 or 2.0, plain or compressed."""
    validation_squad: str = ""
    """Like --train-squad, for validation; if not given, --validation-share of the training
    questions is held out."""
    test_squad: str = ""
    """Like --train-squad, for the final test; if not given, --test-share of the training questions
    is held out."""
    encoding: str = "auto"
    """Encoding of the files, such as windows-1252; auto is UTF-8, or what a byte-order mark
    says."""


@dataclasses.dataclass(frozen=True)
class UnnamedQuestions(CommonQuestionOptions):
    """Give one of --embedded and --train-squad: where questions come from.

    Each of these kinds of data has more options. To see them, give the option, then --help.
    """

    embedded: Literal["", "date-questions"] = ""
    """Data that comes with the package: questions for the parts of a date, as people write them."""
    train_squad: str = ""
    """JSON file in the form of SQuAD 1.1 or 2.0, plain or compressed."""


QUESTIONS = DataKinds(
    (EmbeddedQuestions, SquadFiles, UnnamedQuestions),
    {"embedded": EmbeddedQuestions, "train_squad": SquadFiles},
    files=((SquadFiles, "squad"),),
)


def QuestionDataOptions(**options):
    """Options of questions and their texts, of the class that their kind has.

    Args:
        **options: exactly one of `embedded` and `train_squad`, and the options of its class.

    Returns:
        An instance of that class; of `UnnamedQuestions` if none is named.

    Raises:
        UserError: more than one is named, or an option belongs to another kind of data.

    Example:

    >>> type(QuestionDataOptions(train_squad="train.json")).__name__
    'SquadFiles'
    """
    return QUESTIONS.make(**options)
