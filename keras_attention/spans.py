"""A part of a text that is named: an entity, a slot, an extracted answer."""

from typing import NamedTuple


class Span(NamedTuple):
    """A part of a text with the name of what it is.

    Attributes:
        kind: str. What it is, such as `"PER"` or `"artist"`.
        text: str. The characters of the text from `begin` to `end`.
        begin: Integer. Its first character in the user's text, counted in code points from 0.
        end: Integer. The character behind its last one, so that `text[begin:end]` is the span.
        score: float. How probable it is, from 0 to 1; None where that is not known.

    Example:

    >>> span = Span("city", "New York", 3, 11)
    >>> "to New York now"[span.begin : span.end] == span.text
    True
    """

    kind: str
    text: str
    begin: int
    end: int
    score: float = None
