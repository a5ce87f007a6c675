"""What the evaluation of a run recorded, as far as it is true of a search."""

from pathlib import Path
from typing import NamedTuple

from keras_attention.files import read_json
from keras_attention.json_shapes import Optional

from .layout import REJECTION

SHAPE = {"validation": Optional({"rejection": Optional(REJECTION)})}


class Recorded(NamedTuple):
    """Scores and threshold of a run with one search.

    Attributes:
        scores: dict of the numbers of `evaluation.json` by split.
        rejection: dict with `threshold` and `quantile`, or None.
        why_not: str. One sentence, where there is an evaluation, but of another search.
    """

    scores: dict
    rejection: dict | None = None
    why_not: str | None = None


def recorded_evaluation(run, search):
    """What `evaluation.json` says of a run and a search; nothing if it is of another search.

    Args:
        run: path of a run directory, or of another folder that holds no `evaluation.json`.
        search: a search of `keras_attention.decoding`.

    Returns:
        `Recorded`.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(run) / "evaluation.json"
    if not path.exists():
        return Recorded({})
    evaluation = read_json(path, "a run directory", SHAPE)
    if evaluation.get("search") != repr(search):
        return Recorded(
            {},
            why_not=f"The scores and the threshold of rejection in {path} are of "
            f"{evaluation.get('search')}, not of {search}, and are left out.",
        )
    scores = {
        split: {name: value for name, value in values.items() if isinstance(value, int | float)}
        for split, values in evaluation.items()
        if isinstance(values, dict)
    }
    return Recorded(scores, evaluation.get("validation", {}).get("rejection"))
