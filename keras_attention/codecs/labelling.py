"""The answers of the labelling task: a label of the whole text, tags of its words, or both."""

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.labels import Labels
from keras_attention.codecs.loading import load
from keras_attention.codecs.tags import Tags

PARTS = ("labels", "tags")


class LabelsAndTags(Codec):
    """A label of the whole text, tags of its words, or both.

    Each of the two is a codec of its own, saved in a folder of its name.

    Args:
        labels: `Labels`, or None where texts have no label.
        tags: `Tags`, or None where words have no tags.
        name: name of the `tf.Module`.

    Attributes:
        labels: `Labels` or None.
        tags: `Tags` or None.
        spec: dict of `tf.TensorSpec`, by the name of the part.

    Raises:
        ValueError: both are None, or one is another kind of codec.

    Example:

    >>> both = LabelsAndTags(Labels(["book", "play"]), Tags(["O", "B-song", "I-song"]))
    >>> encoded = both.encode({"labels": ["play"], "tags": ["O B-song"]})
    >>> encoded["labels"].numpy().tolist(), encoded["tags"].to_list()
    ([1], [[0, 1]])
    """

    kind = "labelling"

    def __init__(self, labels=None, tags=None, name=None):
        super().__init__(name=name)
        right = isinstance(labels, Labels | None) and isinstance(tags, Tags | None)
        if not right or (labels is None and tags is None):
            raise ValueError(
                "Expected `labels` to be Labels, `tags` to be Tags, or one of them None. "
                f"Received: labels={labels}, tags={tags}"
            )
        self.labels = labels
        self.tags = tags

    @property
    def parts(self):
        """The codecs that there are, as a dict by `"labels"` and `"tags"`."""
        return {part: getattr(self, part) for part in PARTS if getattr(self, part) is not None}

    @property
    def spec(self):
        """The `tf.TensorSpec` of each part."""
        return {part: codec.spec for part, codec in self.parts.items()}

    @classmethod
    def train(cls, examples, several=False, scheme="bio"):
        """Learn the labels and the tags that occur.

        Args:
            examples: what has `labels`, a list of str or None, and `tags`, a list of rows or None.
            several: see `Labels`.
            scheme: see `Tags`.

        Returns:
            A `LabelsAndTags`.

        Raises:
            UserError: there is nothing to learn.
        """
        labels, tags = examples.labels, examples.tags
        return cls(
            labels=None if labels is None else Labels.train(labels, several=several),
            tags=None if tags is None else Tags.train(tags, scheme=scheme),
        )

    def encode(self, raw):
        """Turn labels and tags into ids.

        Args:
            raw: dict of what each part encodes.

        Returns:
            Dict of what each part returns.
        """
        return {part: codec.encode(raw[part]) for part, codec in self.parts.items()}

    def decode(self, encoded):
        """Turn ids into labels and tags.

        Args:
            encoded: dict of what each part decodes.

        Returns:
            Dict of string tensors.
        """
        return {part: codec.decode(encoded[part]) for part, codec in self.parts.items()}

    def tokens(self, encoded):
        """The label and the tags of ids, as dicts; see the parts."""
        return {part: codec.tokens(encoded[part]) for part, codec in self.parts.items()}

    def lengths(self, encoded):
        """Positions of each row: as many as it has tags, or 1 where there are none."""
        part = "tags" if self.tags is not None else "labels"
        return self.parts[part].lengths(encoded[part])

    def padded(self, encoded, length=None):
        """Rows of one length, as a dict; see the parts."""
        return {part: codec.padded(encoded[part], length) for part, codec in self.parts.items()}

    def _save(self, folder):
        for part, codec in self.parts.items():
            codec.save(folder / part)
        return {"parts": list(self.parts)}

    @classmethod
    def _load(cls, folder, options):
        parts = options.pop("parts")
        return cls(**{part: load(folder / part) for part in parts}, **options)
