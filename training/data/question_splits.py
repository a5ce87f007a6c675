"""Training, validation and test questions as an answering recipe names them."""

from ..recipes.question_data_options import QUESTIONS, EmbeddedQuestions, SquadFiles
from .labelled_dates import date_questions
from .questions import squad
from .split_reader import SplitReader, make_splits, read_paths


def _embedded(options, seed, report, several):
    return make_splits(date_questions, options, seed)


def _squad(options, seed, report, several):
    return read_paths(squad, "squad", options, report)


READERS = {EmbeddedQuestions: _embedded, SquadFiles: _squad}

_READER = SplitReader(QUESTIONS, READERS, noun="questions")
question_splits = _READER.load
other_question_splits = _READER.load_others
