"""What may change between two commands for one run directory, and why the rest may not.

May change: the name, the options of the search, `heatmaps`, `evidence_texts`, `steps_per_execution`
and `jit_compile`, which compute the same; paths, and how files are read, as long as the pairs in
them are the same (digests tell); `bleu_tokenizer` where BLEU does not choose the best epoch; and
`epochs` may grow. The learning rate then is, from the next step on, what a run of that many epochs
has there: a cosine rises again and reaches its lowest value at the new end. The same holds where
other pairs are accepted that make more or fewer steps of an epoch: steps are counted on from those
of the checkpoint, and the schedule ends with the last step of the last epoch.
"""

import dataclasses
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.files import read_json

from ..data.data_paths import PATHS
from ..data.moved_data import locate
from .file import differences, read_recipe

READING = ("table_header", "table_delimiter", "table_quotes", "encoding", "same_source")
FREE = ("name", "heatmaps", "evidence_texts", "steps_per_execution", "jit_compile")
CHOOSES = "it chooses the best epoch, and those already done were scored with the recorded value"
REASONS = {
    "epochs": "a run can be made longer, not shorter",
    "batch_size": "the order of the pairs, the number of steps and the learning rate of each "
    "depend on it",
    "seed": "data, weights and order of the pairs depend on it",
    "metric": CHOOSES,
    "validation_decodes": CHOOSES,
    "bleu_tokenizer": f"{CHOOSES}; evaluate --bleu-tokenizer scores a run with another",
    "mixed_precision": "the model of the checkpoints computes in the recorded precision",
}


def agree(path, recipe, same_data, report, given=None):
    """The recipe to go on with in a run directory that has one.

    Args:
        path: path of the recorded `recipe.json`.
        recipe: `Recipe` that is asked for.
        same_data: bool. Whether digests will tell if the pairs changed; if not, paths are compared.
        report: function that tells the user one line.
        given: set of str. The options that the user asked for; without it, those that are not the
            default of every recipe.

    Returns:
        `recipe`, with the recorded value of each option that is younger than the run.

    Raises:
        UserError: a difference changes what is trained.
    """
    recorded = read_recipe(path)
    data = locate(recorded.data, path.parent, report)
    recipe = _with_moved_files(recipe, recorded.data, data)
    recorded = dataclasses.replace(recorded, data=data)
    recipe = _of_its_time(path, recorded, recipe, report, given)
    for option, before, asked in differences(recorded, recipe):
        if not _may_change(option, before, asked, recorded, same_data):
            reason = REASONS.get(option, "what is trained depends on it")
            raise UserError(
                f"{path.parent} was made with another recipe: {option} is {before!r} there and "
                f"{asked!r} here; {reason}. Choose another --run-dir, or repeat the recorded "
                "command."
            )
    if recipe.fit.epochs > recorded.fit.epochs:
        report(
            f"The run grows from {recorded.fit.epochs} to {recipe.fit.epochs} epochs; from here "
            "on, the learning rate is that of the longer run."
        )
    return recipe


def _with_moved_files(recipe, recorded, located):
    """`recipe` with the files where they are now, as far as it asks for those that are recorded."""
    asked = vars(recipe.data)
    same = {
        name: value
        for name, value in vars(located).items()
        if name in PATHS and name in asked and asked[name] == getattr(recorded, name)
    }
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **same))


def _may_change(option, before, asked, recorded, same_data):
    if option in READING:
        return same_data
    if option in PATHS:
        return same_data or (before and asked and Path(before).resolve() == Path(asked).resolve())
    if option == "epochs":
        return asked > before
    if option == "bleu_tokenizer":
        return recorded.score.metric != "bleu"
    return option in FREE


def _of_its_time(path, recorded, recipe, report, given):
    """`recipe` with the recorded options where the file does not know them yet."""
    content = read_json(path, "a run directory")
    content = content.get("recipe", content)
    if recipe.fit.warmup_steps is None:  # Not asked for: the default of another version stays.
        known = recorded.fit.warmup_steps, recorded.fit.warmup_share
        fit = dataclasses.replace(recipe.fit, warmup_steps=known[0], warmup_share=known[1])
        recipe = dataclasses.replace(recipe, fit=fit)
    for group in ("data", "text", "model", "fit", "score"):
        options, asked = getattr(recorded, group), getattr(recipe, group)
        if type(options) is not type(asked):
            continue  # A model of another family: that is what is refused.
        for name in sorted(set(vars(options)) - set(content.get(group, {}))):
            value, here = getattr(options, name), getattr(asked, name)
            if value != here:
                is_default = here == getattr(type(options), name)
                if not is_default if given is None else name in given:
                    report(
                        f"{path.parent} is older than --{name.replace('_', '-')}: it goes on with "
                        f"{value!r}, not {here!r}."
                    )
                asked = dataclasses.replace(asked, **{name: value})
        recipe = dataclasses.replace(recipe, **{group: asked})
    return recipe
