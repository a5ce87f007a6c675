"""What a labeller answers: a label, tags, and the evidence for them."""

import dataclasses
from typing import NamedTuple

import numpy as np

from keras_attention.translations import Explanation


class LabelResult(NamedTuple):
    """What a model finds for a batch, or for one text, without the batch axis.

    The fields of a label are None where a model tags alone, those of tags where it labels alone.

    Attributes:
        ids: int32 `(batch,)`, the label; where a text has several, bool `(batch, labels)`.
        scores: float32 `(batch,)`, its probability.
        probabilities: float32 `(batch, labels)`.
        evidence: float32 `(batch, source)`, the attention over source tokens.
        tag_ids: int32 `(batch, source)`.
        tag_scores: float32 `(batch, source)`, the probability of each tag.
        row_scores: float32 `(batch,)`, the log-probability of all tags together.
    """

    ids: np.ndarray = None
    scores: np.ndarray = None
    probabilities: np.ndarray = None
    evidence: np.ndarray = None
    tag_ids: np.ndarray = None
    tag_scores: np.ndarray = None
    row_scores: np.ndarray = None


@dataclasses.dataclass(frozen=True)
class Labelling(Explanation):
    """One labelled text and why: an `Explanation` whose text is the label.

    Attributes:
        text: str. The label; `""` where there are tags alone.
        score: float. The probability of the label; where there are tags alone, of all of them.
        source_tokens: list of str, ending in the end token.
        target_tokens: list of str. The label; where there are tags alone, one tag a word.
        alignment: float array `(1, source)`, the attention of the label over source tokens; `(0,
            source)` where there are tags alone.
        input: str. The user's text.
        offsets: int array `(source, 2)`. The first character of each source token in `input`, and
            the one behind its last.
        probabilities: dict of float by label; None where there are tags alone.
        tags: list of str, one for each of `input.split(" ")`; None where there is a label alone.
        tag_scores: float array, the probability of each tag; None where there is a label alone.
        spans: list of `keras_attention.Span`, what the tags say.
    """

    input: str = ""
    offsets: np.ndarray = None
    probabilities: dict = None
    tags: list = None
    tag_scores: np.ndarray = None
    spans: list = dataclasses.field(default_factory=list)

    @property
    def token_probability(self):
        """The `score`, which is a probability already; see `Explanation`."""
        return self.score

    @property
    def evidence(self):
        """Float array `(source,)`, how much the label looked at each source token, or None."""
        return self.alignment[0] if len(self.alignment) else None
