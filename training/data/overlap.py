"""Sources that stand in two splits: what is scored was trained on."""

from keras_attention.errors import UserError

from .pairs import normalized_source

# A source that two of them share is left to the second.
_COMPARED = (("train", "validation"), ("train", "test"), ("validation", "test"))


def without_overlap(splits: dict, drop: bool, report, noun: str = "pairs") -> dict:
    """Reports sources that two splits share, and leaves them out of the one that comes first.

    Sources are the same if they are equal but for case, white space and Unicode form.

    Args:
        splits: the pairs, or other examples, of `"train"`, `"validation"` and `"test"`.
        drop: whether to leave pairs out, or to report only.
        report: function that tells the user one line.
        noun: what examples are called in reports.

    Returns:
        The splits, the same ones if nothing is left out.

    Raises:
        UserError: a split would be empty.
    """
    splits = dict(splits)
    sources = {name: list(map(normalized_source, pairs.sources)) for name, pairs in splits.items()}
    for name, held_out in _COMPARED:
        known, scored = set(sources[name]), sources[held_out]
        shared = [place for place, source in enumerate(scored) if source in known]
        if not shared:
            continue
        example = splits[held_out].sources[shared[0]]
        line = (
            f"{held_out}: {len(shared):,} of {len(scored):,} sources "
            f"({len(shared) / len(scored):.1%}) stand in {name} too, such as {example[:60]!r}"
        )
        if not drop:
            report(f"{line}; --drop-overlap leaves them out of {name}.")
            continue
        held = set(scored)
        kept = [place for place, source in enumerate(sources[name]) if source not in held]
        if not kept:
            raise UserError(f"--drop-overlap leaves nothing of {name}: {held_out} has it all.")
        left_out = len(sources[name]) - len(kept)
        report(f"{line}; {left_out:,} {noun} are left out of {name}.")
        splits[name] = splits[name].select(kept)
        sources[name] = [sources[name][place] for place in kept]
    return splits
