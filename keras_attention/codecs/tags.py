"""Rows of tags, one a word, to ids and back, and the spans that they say."""

from typing import NamedTuple

import tensorflow as tf

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.names import Names, check_names
from keras_attention.codecs.schemes import (
    OUTSIDE,
    PLAIN,
    PREFIXES,
    check_scheme,
    groups,
    may_follow,
    split_tag,
    tags_of,
    written,
)
from keras_attention.codecs.words import word_offsets
from keras_attention.errors import UserError
from keras_attention.spans import Span
from keras_attention.text.inputs import as_strings
from keras_attention.text.unknown_parts import listed


class TagsOfSpans(NamedTuple):
    """Tags that say where spans are, and the spans that words do not hold exactly."""

    tags: list  # of str, one a word
    grown: list  # of `Span`: they begin or end inside of a word
    left_out: list  # of `Span`: they have no word, or an earlier one has it


class Tags(Codec):
    """The tags of words: each has its place in a list of names as its id.

    A text has one tag a word, and its words are what stands between single spaces:
    `text.split(" ")`. The tags of a text are written in one string, with spaces between them.

    Args:
        names: list of str. The tags in the order of their ids.
        scheme: `"bio"` or `"bilou"`: tags that say where spans of one or several words begin and
            end. `"plain"`: each tag stands for itself, such as parts of speech.
        name: name of the `tf.Module`.

    Attributes:
        names: list of str.
        scheme: str.
        pad_id: -1, the id where there is no tag: padding, and pieces that begin no word.

    Raises:
        ValueError: `names` is no list of distinct strings without spaces, or not all tags of the
            scheme for each of its kinds of span.

    Example:

    >>> tags = Tags(["O", "B-city", "I-city"])
    >>> ids = tags.encode(["O B-city I-city", "O"])
    >>> ids.to_list()
    [[0, 1, 2], [0]]
    >>> tags.decode(ids).numpy().tolist()
    [b'O B-city I-city', b'O']
    >>> tags.spans(["O", "B-city", "I-city"], "to New York")
    [Span(kind='city', text='New York', begin=3, end=11, score=None)]

    Reference:
        Ramshaw and Marcus (1995) for BIO; Ratinov and Roth (2009) for BILOU.
    """

    kind = "tags"
    spec = tf.TensorSpec([None], tf.string)
    pad_id = -1

    def __init__(self, names, scheme="bio", name=None):
        super().__init__(name=name)
        self.scheme = check_scheme(scheme)
        self._tag_names = check_names(names, "tag")
        spaced = [tag for tag in self._tag_names if tag.split() != [tag]]
        if spaced:
            raise ValueError(f"Expected tags without white space. Received: {spaced[0]!r}")
        if scheme != PLAIN:
            _check_complete(self._tag_names, scheme)
        self._table = Names(self._tag_names, "tag")

    @property
    def names(self):
        """The tags in the order of their ids."""
        return list(self._tag_names)

    @property
    def outside(self):
        """The tag of a word in no span: `"O"`; `""` where tags are plain."""
        return "" if self.scheme == PLAIN else OUTSIDE

    @classmethod
    def train(cls, examples, scheme="bio"):
        """Learn the tags that occur; for each kind of span all tags of the scheme.

        Args:
            examples: iterable of rows, each a list of tags or a str with spaces between them. They
                may be of BIO or BILOU, whatever `scheme` is: `rewritten` makes one of the other.
            scheme: see the class.

        Returns:
            A `Tags`, whose names are "O" and then those of each kind in the order of code points.

        Raises:
            UserError: there is no tag, or one is none of BIO and BILOU.
        """
        check_scheme(scheme)
        occurring = {tag for row in examples for tag in _row(row)}
        if not occurring:
            raise UserError("There is no tag to learn: the tags of the training data are empty.")
        if scheme == PLAIN:
            return cls(sorted(occurring), scheme)
        _check_tags(occurring)
        kinds = sorted({split_tag(tag)[1] for tag in occurring if tag != OUTSIDE})
        return cls(tags_of(kinds, scheme), scheme)

    def encode(self, raw):
        """Turn rows of tags into ids.

        Args:
            raw: list, array or tensor of strings of shape `(batch,)`, each the tags of a text with
                spaces between them; or a list of lists of str.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`.

        Raises:
            UserError: a tag was not learned. Inside a graph: `tf.errors.InvalidArgumentError`.
        """
        if isinstance(raw, list | tuple):
            raw = [" ".join(row) if isinstance(row, list | tuple) else row for row in raw]
        tags = tf.strings.split(as_strings(raw))
        return tags.with_values(self._table.ids(tags.values))

    def decode(self, encoded):
        """Turn ids into rows of tags.

        Args:
            encoded: integers of shape `(..., length)`, dense or ragged. What is below 0 is skipped.

        Returns:
            A string tensor of shape `(...)`: the tags with spaces between them.
        """
        tags = self.tokens(encoded)
        joined = tf.strings.reduce_join(tags, axis=-1, separator=" ")
        return tf.strings.strip(tf.strings.regex_replace(joined, "  +", " "))

    def tokens(self, encoded):
        """The tag of each id.

        Args:
            encoded: integers of any shape, dense or ragged (ragged is padded).

        Returns:
            A string tensor of the same shape, `""` where there is no tag.
        """
        if isinstance(encoded, tf.RaggedTensor):
            encoded = encoded.to_tensor(self.pad_id)
        return self._table.texts(encoded)

    def allowed(self):
        """Which tags follow each other in a well-formed row, as `TaggingHead` takes it.

        Returns:
            Dict of lists of bool: `between`, a row for each tag before and a column for each
            behind; `start` and `end`, whether a row may begin and end with each tag.

        Example:

        >>> Tags(["O", "B-x", "I-x"]).allowed()["start"]
        [True, True, False]
        """
        names, scheme = self._tag_names, self.scheme
        return {
            "between": [[may_follow(one, two, scheme) for two in names] for one in names],
            "start": [may_follow(None, tag, scheme) for tag in names],
            "end": [may_follow(tag, None, scheme) for tag in names],
        }

    def filled(self, encoded):
        """Gives tags to words that have none, so that the rows stay well-formed.

        Such a word, for example the empty one between two spaces, goes on with the span that the
        next word goes on with; elsewhere it is outside of all spans.

        Args:
            encoded: integer `tf.RaggedTensor` of shape `(batch, None)`, one id a word, -1 for none.

        Returns:
            An int32 `tf.RaggedTensor` of the same shape; with plain tags, which have no outside,
            -1 stays.

        Example:

        >>> tags = Tags(["O", "B-city", "I-city"])
        >>> tags.filled(tf.ragged.constant([[1, -1, 2], [1, -1, 0], [-1]])).to_list()
        [[1, 2, 2], [1, 0, 0], [0]]
        """
        flat = tf.cast(encoded.flat_values, tf.int32)
        if self.scheme == PLAIN:
            return encoded.with_flat_values(flat)
        count, rows = tf.size(flat), encoded.value_rowids()
        kept = tf.cast(tf.where(flat >= 0)[:, 0], tf.int32)
        # The next word that has a tag; one behind all of them where there is none.
        places = tf.gather(tf.concat([kept, [count]], 0), tf.searchsorted(kept, tf.range(count)))
        next_rows = tf.gather(tf.concat([rows, [-1]], 0), places)
        next_tags = tf.gather(tf.concat([flat, [-1]], 0), places)
        going_on = tf.gather(self._going_on(), tf.maximum(next_tags, 0))
        new = tf.where(next_rows == rows, going_on, self._tag_names.index(OUTSIDE))
        return encoded.with_flat_values(tf.where(flat >= 0, flat, new))

    def _going_on(self):
        """For each tag that of a word before it: inside its span, or outside of all."""
        ids = {tag: place for place, tag in enumerate(self._tag_names)}
        parts = map(split_tag, self._tag_names)
        names = [f"I-{kind}" if prefix in ("I", "L") else OUTSIDE for prefix, kind in parts]
        return tf.constant([ids[name] for name in names])

    def repaired(self, tags):
        """A row of tags as the scheme writes its spans; a well-formed row stays as it is.

        Args:
            tags: list of str, such as a model without transition scores gives.

        Returns:
            List of str. `"I-x"` behind "O" or behind another kind begins a span.

        Example:

        >>> Tags(["O", "B-x", "I-x"]).repaired(["O", "I-x", "I-x"])
        ['O', 'B-x', 'I-x']
        """
        tags = list(tags)
        return tags if self.scheme == PLAIN else written(groups(tags), len(tags), self.scheme)

    def rewritten(self, tags):
        """A row of BIO or BILOU tags in the scheme of this codec.

        Args:
            tags: list of str, of BIO or BILOU; plain tags stay as they are.

        Returns:
            List of str.

        Raises:
            UserError: a tag is none of BIO and BILOU.

        Example:

        >>> Tags(["O", "B-x", "I-x"]).rewritten(["B-x", "L-x", "U-x"])
        ['B-x', 'I-x', 'B-x']
        """
        if self.scheme != PLAIN:
            _check_tags(tags)
        return self.repaired(tags)

    def spans(self, tags, text, scores=None):
        """The spans that a row of tags says, with their text.

        Args:
            tags: list of str, one a word of `text`; a malformed row is read as `repaired` has it.
            text: str. The user's text, whose words are `text.split(" ")`.
            scores: sequence of float, the probability of each tag, if they are known. A span gets
                the lowest of its words.

        Returns:
            List of `keras_attention.Span` in the order of the text; with plain tags there are none.

        Raises:
            ValueError: there are not as many tags, or scores, as words.
        """
        offsets = word_offsets(text)
        if len(tags) != len(offsets) or (scores is not None and len(scores) != len(offsets)):
            raise ValueError(
                f"Expected one tag, and one score, for each of the {len(offsets)} words of "
                f"{text!r}. Received: {len(tags)} tags"
                + (f", {len(scores)} scores" if scores is not None else "")
            )
        spans = []
        for kind, first, last in [] if self.scheme == PLAIN else groups(tags):
            begin, end = offsets[first][0], offsets[last - 1][1]
            score = None if scores is None else float(min(scores[first:last]))
            spans.append(Span(kind, text[begin:end], begin, end, score))
        return spans

    def from_spans(self, spans, text):
        """The row of tags that says where spans of characters are.

        A word is tagged if any of its characters stands in a span: a span that cuts a word grows
        to the whole of it.

        Args:
            spans: iterable of `keras_attention.Span`; their text and score are not used.
            text: str, whose words are `text.split(" ")`.

        Returns:
            A `TagsOfSpans`: a list of tags, the spans that grew, and those that were left out
            because they have no word, or an earlier span has it.

        Raises:
            ValueError: the scheme is `"plain"`, or a span is none of the text.

        Example:

        >>> tags = Tags(["O", "B-city", "I-city"])
        >>> tags.from_spans([Span("city", "Rome", 3, 7)], "to Rome? yes")
        TagsOfSpans(tags=['O', 'B-city', 'O'], grown=[Span(...)], left_out=[])
        """
        if self.scheme == PLAIN:
            raise ValueError('Expected a `scheme` that has spans. Received: scheme="plain"')
        words, taken, grown, left_out = word_offsets(text), [], [], []
        for span in sorted(spans, key=lambda span: (span.begin, span.end)):
            if not 0 <= span.begin < span.end <= len(text):
                raise ValueError(
                    f"Expected spans inside of the {len(text)} characters of the text. "
                    f"Received: {span}"
                )
            places = [
                place
                for place, (begin, end) in enumerate(words)
                if begin < span.end and end > span.begin
            ]
            if not places or (taken and places[0] < taken[-1][2]):
                left_out.append(span)
                continue
            if words[places[0]][0] < span.begin or words[places[-1]][1] > span.end:
                grown.append(span)
            taken.append((span.kind, places[0], places[-1] + 1))
        return TagsOfSpans(written(taken, len(words), self.scheme), grown, left_out)

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {"names": self.names, "scheme": self.scheme}


def _row(row):
    return row.split() if isinstance(row, str) else row


def _check_tags(tags):
    """Refuse tags that are none of BIO and BILOU."""
    wrong = [tag for tag in dict.fromkeys(tags) if tag != OUTSIDE and not _is_of_a_span(tag)]
    if wrong:
        raise UserError(
            'Expected tags of BIO or BILOU, such as "O", "B-name" and "I-name"; choose the scheme '
            f'"plain" for others. Received: {listed(sorted(wrong))}'
        )


def _is_of_a_span(tag):
    prefix, kind = split_tag(tag)
    return prefix in tuple(PREFIXES["bilou"]) and kind != ""


def _check_complete(names, scheme):
    _check_tags(names)
    kinds = dict.fromkeys(split_tag(tag)[1] for tag in names if tag != OUTSIDE)
    if set(names) != set(tags_of(kinds, scheme)):
        raise ValueError(
            f'Expected `names` to be all tags of the scheme {scheme!r}: "O", and for each kind of '
            f"span {' '.join(prefix + '-kind' for prefix in PREFIXES[scheme])}. "
            f"Received: names={list(names)}"
        )
