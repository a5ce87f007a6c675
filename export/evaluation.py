"""What the evaluation of a run recorded, as far as it is true of a search."""

from pathlib import Path
from typing import NamedTuple

from keras.saving import serialize_keras_object

from keras_attention.decoding.search import search_from_config, search_from_repr
from keras_attention.errors import first_line
from keras_attention.files import read_json
from keras_attention.json_shapes import Optional

from .layout import REJECTION

SHAPE = {
    "search": Optional((str, {"class_name": str, "config": dict})),
    "validation": Optional({"rejection": Optional(REJECTION)}),
    "test": Optional({"evidence": Optional({"report": str})}),
}


class Recorded(NamedTuple):
    """Scores and threshold of a run with one search.

    Attributes:
        scores: dict of the numbers of `evaluation.json` by split.
        rejection: dict with `threshold` and `quantile`, or None.
        why_not: str. One sentence, where there is an evaluation, but of another search.
        evidence: str. One sentence on whether the evidence beats random words, or None.
    """

    scores: dict
    rejection: dict | None = None
    why_not: str | None = None
    evidence: str | None = None


def evaluated_search(recorded):
    """The search of an evaluation, of any version.

    Args:
        recorded: dict, its config; from an older version its `repr`; or None.

    Returns:
        A search of `keras_attention.decoding`; what was recorded, where its class is not known.
    """
    if isinstance(recorded, str):
        return search_from_repr(recorded) or recorded
    if recorded is None:
        return None
    try:
        return search_from_config(recorded)
    # An unknown class, or a config that its class refuses in a way of its own: scores of a search
    # that cannot be made are those of another one, and the user is told which and why.
    except Exception as error:
        return f"{recorded['class_name']} ({first_line(error).rstrip('.')})"


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
    recorded = evaluation.get("search")
    evaluated = evaluated_search(recorded)
    # A custom search need not know when it equals another.
    is_same = evaluated in (search, repr(search)) or recorded == serialize_keras_object(search)
    if not is_same:
        of = "a search that is not recorded" if evaluated is None else evaluated
        return Recorded(
            {},
            why_not=f"The scores and the threshold of rejection in {path} are of "
            f"{of}, not of {search}, and are left out.",
        )
    scores = {
        split: {name: value for name, value in values.items() if isinstance(value, int | float)}
        for split, values in evaluation.items()
        if isinstance(values, dict) and split != "search"
    }
    return Recorded(
        scores,
        rejection=evaluation.get("validation", {}).get("rejection"),
        evidence=evaluation.get("test", {}).get("evidence", {}).get("report"),
    )
