"""Whether the pairs of a run are those that it began with."""

import hashlib

from keras_attention.errors import UserError
from keras_attention.files import read_json, write_json

from .splits import SPLITS

DATA = "data.json"
SHAPE = {name: {"pairs": int, "sha256": str} for name in SPLITS}


def digests(splits):
    """Number of pairs and SHA-256 of each split.

    Args:
        splits: `Splits`.

    Returns:
        Dict of the split's name to `{"pairs": ..., "sha256": ...}`.
    """
    return {
        name: {"pairs": len(pairs), "sha256": _digest(pairs)}
        for name, pairs in ((name, getattr(splits, name)) for name in SPLITS)
    }


def _digest(pairs):
    digest = hashlib.sha256()
    for texts in zip(*pairs.columns(), strict=True):
        for text in texts:  # With its length: no two lists of texts are the same bytes.
            content = text.encode()
            digest.update(b"%d:" % len(content))
            digest.update(content)
    return digest.hexdigest()


def recorded_digests(run_dir):
    """What `record_digests` wrote; None in a run that is new or older than digests."""
    path = run_dir / DATA
    return read_json(path, "a run directory", SHAPE) if path.exists() else None


def check_digests(run_dir, found, accept=False, report=print):
    """Raises `UserError` where pairs differ from those of the run.

    Args:
        run_dir: path of a run directory.
        found: dict, as `digests` makes it, of all splits or of some.
        accept: bool. Whether to tell of a change, and no more.
        report: function that tells the user one line.

    Returns:
        bool. Whether all are those of the run, as far as its digests tell.
    """
    recorded = recorded_digests(run_dir)
    if recorded is None:
        if (run_dir / "recipe.json").exists():
            report(
                f"{run_dir} has no digests of its data: whether the pairs changed since it began "
                "is unknown. They are recorded from now on."
            )
        return True
    for name, now in found.items():
        before = recorded[name]
        if now != before:
            numbers = before["pairs"], now["pairs"]
            difference = "as many, with other texts"
            if numbers[0] != numbers[1]:
                difference = f"{numbers[0]:,} then, {numbers[1]:,} now"
            what = f"The {name} pairs are not those that {run_dir} began with ({difference})"
            if not accept:
                raise UserError(
                    f"{what}. Restore the data, choose another --run-dir, or go on with "
                    "--accept-changed-data."
                )
            report(f"{what}: accepted.")
    return all(now == recorded[name] for name, now in found.items())


def record_digests(run_dir, found):
    """Writes the digests of a run's splits, if they are not the recorded ones."""
    if recorded_digests(run_dir) != found:
        write_json(run_dir / DATA, found)
