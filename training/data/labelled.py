"""Texts with a label each, with a tag for each word, or with both."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from keras_attention.errors import UserError

from .pairs import source_rank


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and what is to be said of them, side by side.

    Attributes:
        texts: what a model reads.
        labels: one for each text, or None.
        tags: for each text one tag a word, such as `["O", "B-day"]`, or None. The words are
            `text.split(" ")`: where there are tags, single spaces divide the words, and none of
            them is white space alone.
        groups: a name for each text, to score them apart (the form of a date), or None.
        dropped: how many texts the reader left out because text or label was empty.

    Example:

    >>> examples = LabelledTexts(["so good", "bad"], labels=["positive", "negative"])
    >>> len(examples), examples.row(1)
    (2, {'text': 'bad', 'label': 'negative'})
    """

    texts: list[str]
    labels: list[str] | None = None
    tags: list[list[str]] | None = None
    groups: list[str] | None = None
    dropped: int = 0

    def __post_init__(self):
        lengths = {name: len(column) for name, column in self._named_columns().items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Expected columns of one length. Received: lengths={lengths}")
        for place, tags in enumerate(self.tags or ()):
            words = self.texts[place].split(" ")
            if len(words) != len(tags) or not all(map(str.strip, words)):
                raise ValueError(
                    "Expected a tag for each word, and single spaces between words. "
                    f"Received: words={words}, tags={tags}, place={place}"
                )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def sources(self) -> list[str]:
        """The texts, by the name that they have in all kinds of examples."""
        return self.texts

    @property
    def held_out_by(self) -> dict[str, list[str] | None]:
        """How `split_share` holds some out: the same share of each label."""
        return {"strata": self.labels}

    @property
    def tag_rows(self) -> list[str] | None:
        """The tags of each text as one string, with spaces between them, or None."""
        return None if self.tags is None else [" ".join(tags) for tags in self.tags]

    def columns(self) -> list[list[str]]:
        """Texts, labels and tags, as far as there are any: what a model is trained on."""
        columns = (self.texts, self.labels, self.tag_rows)
        return [column for column in columns if column is not None]

    def row(self, place: int) -> dict[str, str | list[str]]:
        """One example, for a JSON file.

        Args:
            place: its place, counted from zero.
        """
        columns = {"text": self.texts, "label": self.labels, "tags": self.tags}
        return {name: column[place] for name, column in columns.items() if column is not None}

    def select(self, indices: Iterable[int]) -> "LabelledTexts":
        """The examples at the given places, in the given order; `dropped` is kept.

        Args:
            indices: places, counted from zero.
        """
        indices = list(indices)
        columns = self._named_columns()
        return replace(
            self, **{name: [column[i] for i in indices] for name, column in columns.items()}
        )

    def _named_columns(self) -> dict[str, list]:
        names = ("texts", "labels", "tags", "groups")
        columns = {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if column is not None}


def few_of_each(examples: LabelledTexts, number: int, seed: int) -> LabelledTexts:
    """At most some examples of each label, such as ten, in the order of the examples.

    Args:
        examples: `LabelledTexts` with labels.
        number: how many of each label; all where there are fewer.
        seed: another seed takes others. Which ones depends on it and on the texts, not on their
            order.

    Example:

    >>> examples = LabelledTexts(["one", "two", "three", "four"], ["odd", "even", "odd", "even"])
    >>> sorted(few_of_each(examples, 1, seed=0).labels)
    ['even', 'odd']
    """
    places: dict[str, list[int]] = {}
    for place, label in enumerate(examples.labels):
        places.setdefault(label, []).append(place)
    chosen = [
        sorted(own, key=lambda place: source_rank(examples.texts[place], seed))[:number]
        for own in places.values()
    ]
    return examples.select(sorted(place for own in chosen for place in own))


def words_of(text: str) -> list[str]:
    """The words of a text that has tags; a no-break space divides no words."""
    return [word for word in re.split("[ \t\r\n]+", text) if word]


def without_empty_texts(
    texts: list[str],
    labels: list[str] | None,
    tags: list[list[str]] | None,
    groups: list[str] | None,
    origin: str,
    several: bool = False,
) -> LabelledTexts:
    """Texts and labels stripped of the white space around them; the empty ones are counted.

    Args:
        texts: texts.
        labels: as many labels, or None.
        tags: as many rows of tags, or None. Where there are tags, all white space between the
            words of a text becomes single spaces.
        groups: as many names of groups, or None.
        origin: where they come from, for the error message.
        several: whether a text may have no label, as it may have several.

    Returns:
        `LabelledTexts`, with `dropped` the number of those whose text or label was empty.

    Raises:
        UserError: nothing is left.
    """
    texts = [text.strip() if tags is None else " ".join(words_of(text)) for text in texts]
    labels = labels and [label.strip() for label in labels]
    kept = [
        place
        for place, text in enumerate(texts)
        if text and (labels is None or several or labels[place])
    ]
    if not kept:
        what = "text" if labels is None else "text with a label"
        raise UserError(f"{origin} holds no {what}.")
    columns = (texts, labels, tags, groups)
    chosen = [column and [column[place] for place in kept] for column in columns]
    return LabelledTexts(*chosen, dropped=len(texts) - len(kept))
