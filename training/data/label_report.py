"""What a user should know of labels and tags before training: how many, how even, which are odd."""

import math
from collections import Counter

from keras_attention.arguments import nearest
from keras_attention.codecs.schemes import PLAIN, split_tag
from keras_attention.errors import UserError

from .pairs import normalized_source

UNEVEN = 10  # Ratio of the most to the least frequent label from which on it is worth a word.
SHOWN = 5


def report_labels(splits, report, several=False, scheme="bio", numbers=False):
    """Reports labels and tags of all splits, and raises where they cannot be trained or scored.

    Args:
        splits: `Splits` of `LabelledTexts`.
        report: function that tells the user one line.
        several: whether a label is a list of labels with commas between them.
        scheme: str. Of the tags, as for `Tags`.
        numbers: whether labels are numbers to be met, and not names.

    Raises:
        UserError: training has only one label; validation or test has a label, or validation a
            tag, that training does not have (names the nearest one that it has); a label is no
            number and should be one.
    """
    named = vars(splits)
    if splits.train.labels is not None and numbers:
        _report_numbers(named, report)
    elif splits.train.labels is not None:
        counts = label_counts(splits.train.labels, several)
        _report_counts(counts, "labels", report)
        if len(counts) < 2 and not several:
            raise UserError(
                f"All texts of train have the label {next(iter(counts))!r}: there is nothing to "
                "learn."
            )
        _report_spellings(counts, report)
        for name in ("validation", "test"):
            check_known(named[name], counts, name, several)
        _report_conflicts(named, "labels", report, several)
    if splits.train.tags is not None:
        counts = Counter(tag for row in splits.train.tags for tag in row)
        _report_counts(counts, "tags", report)
        _report_unknown_tags(named, counts, scheme, report)
        _report_conflicts(named, "tags", report)


def label_counts(labels, several=False):
    """How often each label occurs, as a `Counter`.

    Args:
        labels: list of str.
        several: whether each is a list of labels with commas between them.

    Example:

    >>> sorted(label_counts(["red, round", "red", ""], several=True).items())
    [('red', 2), ('round', 1)]
    """
    if not several:
        return Counter(labels)
    found = (label.strip() for text in labels for label in text.split(","))
    return Counter(label for label in found if label)


def check_known(examples, known, name, several=False):
    """Raises `UserError` where examples have labels that a model cannot give.

    Args:
        examples: `LabelledTexts`.
        known: labels that training has.
        name: str. Name of the split.
        several: whether a label is a list of labels with commas between them.
    """
    counts = label_counts(examples.labels, several)
    unknown = Counter({label: count for label, count in counts.items() if label not in known})
    if unknown:
        raise UserError(f"{name}: {_sentence(unknown, 'label', known)}.")


def check_scored(examples, target):
    """Raises `UserError` where the answers of a model cannot be scored on examples.

    Args:
        examples: `LabelledTexts`, such as those that `evaluate` is given in place of the recipe's.
        target: `keras_attention.codecs.LabelsAndTags` of the model.

    Raises:
        UserError: the model gives labels or tags and the examples have none, or they have a label
            that the model cannot give (names the nearest one that it can).
    """
    for name, codec, column in (
        ("labels", target.labels, examples.labels),
        ("tags", target.tags, examples.tags),
    ):
        if codec is not None and column is None:
            raise UserError(
                f"The model gives {name}, and this data has none to compare them with: "
                f"{'--target-column' if name == 'labels' else '--tags-column'} names the column "
                "of a table that has them."
            )
    if target.labels is not None:
        check_known(examples, target.labels.names, "The data", target.labels.several)


def _report_counts(counts, noun, report):
    """Reports the number of labels, the most and the least frequent one, and their ratio."""
    (most, largest), *_, (least, smallest) = counts.most_common() * 2
    ratio = largest / smallest
    advice = ""
    if noun == "labels" and ratio >= UNEVEN:
        advice = "; accuracy says little of rare labels, the macro F1 score does"
    report(
        f"train: {len(counts):,} {noun}, from {most!r} ({largest:,}) to {least!r} ({smallest:,}), "
        f"a ratio of {ratio:.1f}{advice}."
    )


def _report_numbers(named, report):
    for name, examples in named.items():
        wrong = [label for label in examples.labels if not _is_number(label)]
        if wrong:
            raise UserError(
                f"{name}: expected labels that are numbers, but {len(wrong):,} of "
                f"{len(examples):,} are none, such as {wrong[0]!r}."
            )
    values = [float(label) for label in named["train"].labels]
    mean = math.fsum(values) / len(values)
    report(
        f"train: {len(values):,} numbers from {min(values):g} to {max(values):g}, {mean:g} on the "
        "average."
    )


def _is_number(label):
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _report_spellings(counts, report):
    """Reports labels that may be one label, written in several ways."""
    spellings = {}
    for label in counts:
        plain = normalized_source(label.replace("_", " ").replace("-", " "))
        spellings.setdefault(plain, []).append(label)
    for labels in [labels for labels in spellings.values() if len(labels) > 1][:SHOWN]:
        shown = " and ".join(f"{label!r} ({counts[label]:,})" for label in labels)
        report(f"train: the labels {shown} differ in spelling only; they are learned apart.")


def _report_unknown_tags(named, counts, scheme, report):
    """Raises for tags of validation that training lacks; those of the test can only be missed."""
    for name in ("validation", "test"):
        known = {_kind(tag, scheme) for tag in counts}
        found = Counter(tag for row in named[name].tags for tag in row)
        unknown = Counter(
            {tag: count for tag, count in found.items() if _kind(tag, scheme) not in known}
        )
        if not unknown:
            continue
        line = f"{name}: {_sentence(unknown, 'tag', counts)}"
        if name == "validation":
            raise UserError(f"{line}.")
        report(f"{line}; no model can give them, and each counts as a mistake.")


def _report_conflicts(named, noun, report, several=False):
    """Reports texts that are the same and have several answers: not all can be learned."""
    answers, texts, seen = {}, {}, Counter()
    for examples in named.values():
        column = examples.labels if noun == "labels" else examples.tag_rows
        for text, answer in zip(examples.texts, column, strict=True):
            key = normalized_source(text)
            if several:
                answer = ", ".join(sorted(label_counts([answer], several)))
            texts.setdefault(key, text)
            answers.setdefault(key, {}).setdefault(answer)
            seen[key] += 1
    conflicts = [key for key, found in answers.items() if len(found) > 1]
    if conflicts:
        example = conflicts[0]
        found = " and ".join(repr(answer[:60]) for answer in list(answers[example])[:3])
        count = sum(seen[key] for key in conflicts)
        report(
            f"Texts with different {noun}: {len(conflicts):,} ({count:,} examples), such as "
            f"{texts[example][:60]!r} with {found}."
        )


def _kind(tag, scheme):
    """What of a tag has to be known: a codec knows all tags of a kind of span."""
    return tag if scheme == PLAIN else split_tag(tag)[1]


def _sentence(unknown, noun, known):
    """What is unknown, how often it occurs, and the nearest name that is known."""
    parts = []
    for name, count in unknown.most_common(SHOWN):
        near = nearest(name, list(known))
        parts.append(f"{name!r} ({count:,}" + (f"; nearest: {near!r})" if near else ")"))
    number = f"1 {noun} is" if len(unknown) == 1 else f"{len(unknown):,} {noun}s are"
    more = ", ..." if len(unknown) > SHOWN else ""
    return f"{number} unknown to training: {', '.join(parts)}{more}"
