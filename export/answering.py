"""Answers to batches of texts, in order: one that cannot be answered keeps no other waiting."""

import dataclasses
from typing import NamedTuple

from keras_attention.errors import UserError
from keras_attention.quiet import quiet

NO_TRANSLATION = -1e29  # No search gives a score below it to a sentence that exists.


@dataclasses.dataclass
class Answering:
    """Asks for answers batch by batch, and tells which texts get none.

    Attributes:
        ask: function from a list of requests to a list of answers.
        refusals: function from a list of requests to a dict of phrases by position: those that
            `ask` would refuse, and why.
        tell: function that tells the user one line.
        name: str. What a request is called, such as `"Line"`; it is followed by its number.
        refused: int. How many requests got no answer so far.
    """

    ask: object
    refusals: object
    tell: object
    name: str
    refused: int = 0

    def __call__(self, batches):
        """Yields the number of each request, the request, and its answer, or None and why not.

        Args:
            batches: iterable of lists of requests.

        Yields:
            Tuples `(number, request, answer, phrase)`; `answer` or `phrase` is None.
        """
        number = 0
        for batch in batches:
            refusals = self.refusals(batch)
            asked = [request for place, request in enumerate(batch) if place not in refusals]
            with quiet():  # TensorFlow warns of every new shape.
                answers = iter(list(self.ask(asked)) if asked else ())
            for place, request in enumerate(batch):
                number += 1
                phrase = refusals.get(place)
                if phrase is None:
                    yield number, request, next(answers), None
                else:
                    self.refused += 1
                    self.tell(f"{self.name} {number} {phrase}")
                    yield number, request, None, phrase


def cut_off(hypotheses):
    """What is told of hypotheses that are not finished; None where all are."""
    if not hypotheses:
        return "the constraints of the search allow no translation."
    numbers = [
        str(number) for number, row in enumerate(hypotheses, start=1) if row.finished is False
    ]
    if not numbers:
        return None
    several = (
        f"hypotheses {', '.join(numbers)} are" if numbers[1:] else f"hypothesis {numbers[0]} is"
    )
    return f"{several} cut off at the most tokens that the search makes."


class Judged(NamedTuple):
    """An answer, and whether it is rejected.

    Attributes:
        explanation: `keras_attention.Explanation`.
        threshold: float, the token probability below which answers are rejected, or None.
    """

    explanation: object
    threshold: float | None

    @property
    def rejected(self):
        """Whether the probability of the answer is below the threshold, or unknown."""
        if self.threshold is None:
            return False
        probability = self.explanation.token_probability
        return probability is None or probability < self.threshold


class Judge:
    """Tells of answers that were cut off, and of those that are rejected.

    Args:
        options: has `probability`, `reject` and `reject_below`.
        predictor: `Predictor`.
        tell: function that tells the user one line.

    Raises:
        UserError: the answers are to be rejected below a threshold that nothing records.
    """

    def __init__(self, options, predictor, tell):
        self.asks_probability = options.probability
        self.tell = tell
        self.threshold = options.reject_below
        if self.threshold is None and options.reject:
            if predictor.rejection is None:
                if predictor.why_no_rejection:
                    raise UserError(
                        f"{predictor.why_no_rejection} Give a threshold by --reject-below."
                    )
                raise UserError(
                    "No threshold of rejection is recorded: evaluate the run again, and export it "
                    "again with its own search if this is a bundle, or give one by --reject-below."
                )
            self.threshold = predictor.rejection["threshold"]

    def __call__(self, name, explanation):
        """`Judged` of an answer.

        Args:
            name: str. What the text is called, such as `"Line 3"`.
            explanation: `keras_attention.Explanation`.
        """
        probability = explanation.token_probability
        if probability is None and (self.asks_probability or self.threshold is not None):
            if explanation.target_tokens:
                raise UserError(
                    "The file is of version 0.1 and tells no probabilities: export again."
                )
            self.tell(
                f"{name}: the translation is empty, and the file does not tell its probability; "
                "the run that it was made of does."
            )
        judged = Judged(explanation, self.threshold)
        if not explanation.finished:
            self.tell(f"{name}: {self._unfinished(explanation)}")
        if judged.rejected and probability is not None:
            self.tell(
                f"{name}: the translation is rejected, its probability is {probability:.4f}, "
                f"below {self.threshold:g}."
            )
        return judged

    def _unfinished(self, explanation):
        tokens = len(explanation.target_tokens)
        if explanation.score < NO_TRANSLATION:
            return "the constraints of the search allow no translation."
        return f"the translation is cut off at {tokens} tokens, the most that the search makes."
