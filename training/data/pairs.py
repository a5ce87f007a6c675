"""Pairs of source and target texts in memory, and a leak-proof way to hold some of them out."""

import hashlib
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from keras_attention.errors import UserError


@dataclass(frozen=True)
class Pairs:
    """Source texts and their targets, side by side.

    Attributes:
        sources: what a model reads.
        targets: what it should write, as many as sources.
        groups: a label for each pair, to score them apart (the locale of a date), or None.
        dropped: how many pairs the reader left out because one of their sides was empty.

    Example:

    >>> pairs = Pairs(["eins", "zwei"], ["one", "two"])
    >>> len(pairs), pairs.dropped
    (2, 0)
    """

    sources: list[str]
    targets: list[str]
    groups: list[str] | None = None
    dropped: int = 0

    def __post_init__(self):
        lengths = [len(column) for column in self._all_columns()]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"Expected as many targets (and groups) as sources. Received: lengths={lengths}"
            )

    def __len__(self) -> int:
        return len(self.sources)

    def columns(self) -> list[list[str]]:
        """Sources and targets: what a model is trained on."""
        return [self.sources, self.targets]

    def row(self, place: int) -> dict[str, str]:
        """One pair, for a JSON file.

        Args:
            place: its place, counted from zero.
        """
        return {"source": self.sources[place], "target": self.targets[place]}

    def _all_columns(self) -> list[list[str]]:
        return self.columns() if self.groups is None else [*self.columns(), self.groups]

    def select(self, indices: Iterable[int]) -> "Pairs":
        """The pairs at the given places, in the given order; `dropped` is kept.

        Args:
            indices: places, counted from zero.
        """
        indices = list(indices)
        columns = [[column[index] for index in indices] for column in self._all_columns()]
        return replace(self, **dict(zip(("sources", "targets", "groups"), columns, strict=False)))


def without_empty_sides(
    sources: Sequence[str], targets: Sequence[str], groups: Sequence[str] | None, origin: str
) -> Pairs:
    """Pairs of texts stripped of the white space around them; the empty ones are counted.

    Args:
        sources: source texts.
        targets: target texts, as many.
        groups: labels, as many, or None.
        origin: where they come from, for the error message.

    Returns:
        `Pairs`, with `dropped` the number of pairs that had an empty side.
    """
    pairs = Pairs(
        [text.strip() for text in sources],
        [text.strip() for text in targets],
        None if groups is None else list(groups),
    )
    sides = enumerate(zip(pairs.sources, pairs.targets, strict=True))
    kept = [index for index, (source, target) in sides if source and target]
    if not kept:
        raise UserError(f"{origin} holds no pair: one side of each line is empty.")
    return replace(pairs.select(kept), dropped=len(pairs) - len(kept))


def _cased_source(source: str) -> str:
    """What sources have in common that are equal but for case and white space."""
    return " ".join(source.casefold().split())


def normalized_source(source: str) -> str:
    """What sources have in common that are equal but for case, white space and Unicode form.

    The form is NFKC, the coarsest of Unicode's: two sources that a tokenizer reads as the same,
    whatever its normalization and case, are the same here.
    """
    if source.isascii():
        return _cased_source(source)
    folded = unicodedata.normalize("NFKC", source).casefold()
    return _cased_source(unicodedata.normalize("NFKC", folded))


_SAME = {"normalized": normalized_source, "case": _cased_source}


def split_share(
    pairs: Pairs,
    share: float,
    seed: int,
    same_source: str = "normalized",
    strata: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    noun: str = "pairs",
) -> tuple[Pairs, Pairs]:
    """A part of the pairs held out for validation or test.

    Pairs with the same source stay on one side: nothing that was trained on is scored. Which ones
    go depends on the seed and the sources, not on their order.

    Args:
        pairs: what to divide, or other examples with `sources` and `select`.
        share: fraction to hold out, between 0 and 1. It is met to the nearest pair if all sources
            differ; otherwise the last group of equal sources may go over it.
        seed: another seed holds out other pairs.
        same_source: sources are the same if they are equal but for case and white space
            (`"case"`), or for the Unicode form of their characters too (`"normalized"`).
        strata: a label for each pair, or None. With labels, the same share of each label is held
            out, to the nearest pair, and at least one source of each label is not.
        sources: a text for each pair that counts as its source here; by default `pairs.sources`.
        noun: what examples are called in the message of the error.

    Returns:
        `(rest, held_out)`, each in the order of `pairs`; `dropped` stays with the rest.
    """
    if not 0 < share < 1:
        raise UserError(f"The share to hold out must lie between 0 and 1. Received: share={share}")
    same = _SAME[same_source]
    members: dict[str, list[int]] = {}
    sources = pairs.sources if sources is None else sources
    for index, source in enumerate(sources):
        members.setdefault(same(source), []).append(index)
    strata_of_sources: dict[str | None, list[str]] = {}
    for source in sorted(members, key=lambda key: _rank(sources, members[key], seed)):
        stratum = strata and strata[members[source][0]]
        strata_of_sources.setdefault(stratum, []).append(source)
    quotas = _quotas(strata_of_sources, members, share)
    held_out: set[int] = set()
    for stratum, own in strata_of_sources.items():
        count = 0
        for source in own if strata is None else own[:-1]:
            if count >= quotas[stratum]:
                break
            held_out.update(members[source])
            count += len(members[source])
    if not 0 < len(held_out) < len(pairs):
        raise UserError(
            f"A share of {share} of {len(pairs)} {noun} with {len(members)} different sources "
            f"leaves one side empty: give more {noun} or another share."
        )
    rest = pairs.select(index for index in range(len(pairs)) if index not in held_out)
    return rest, replace(pairs.select(sorted(held_out)), dropped=0)


def _quotas(strata, members, share):
    """Pairs to hold out of each stratum: together the share of all, by largest remainders."""
    exact = {
        stratum: share * sum(len(members[source]) for source in sources)
        for stratum, sources in strata.items()
    }
    quotas = {stratum: math.floor(number) for stratum, number in exact.items()}
    missing = round(sum(exact.values())) - sum(quotas.values())
    by_remainder = sorted(exact, key=lambda stratum: quotas[stratum] - exact[stratum])
    for stratum in by_remainder[:missing]:
        quotas[stratum] += 1
    return quotas


def _rank(sources: Sequence[str], members: list[int], seed: int) -> bytes:
    # By case alone: where no two sources differ by their form only, both ways hold out the same.
    return min(source_rank(sources[index], seed) for index in members)


def source_rank(source: str, seed: int) -> bytes:
    """The place of a source in an order drawn by a seed; case and white space do not count."""
    return hashlib.sha256(f"{seed} {_cased_source(source)}".encode()).digest()
