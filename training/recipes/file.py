"""A recipe as `recipe.json` holds it, read back and compared."""

import dataclasses
from typing import get_args

from keras_attention.errors import UserError
from keras_attention.files import read_json
from keras_attention.json_shapes import Optional

from .checks import fits
from .data_options import EmbeddedData, Tables
from .labelling import LabellingRecipe
from .recipe import Recipe

RECIPE_CLASSES = (Recipe, LabellingRecipe)  # One a task.


def to_dict(recipe):
    """Nested dict of a recipe, as `recipe.json` records it."""
    return {"task": recipe.task, **dataclasses.asdict(recipe)}


def from_dict(content):
    """Recipe of a nested dict, of the class that its task has.

    Raises:
        UserError: the dict has an unknown task or option, or a value of the wrong type.
    """
    # Before there were tasks, all recipes were of translation.
    recipe_class = _recipe_class(content.get("task", Recipe.task))
    groups = {field.name: field.type for field in dataclasses.fields(recipe_class)}
    arguments = {}
    for name, value in content.items():
        if name == "task":
            continue
        if name not in groups:
            raise UserError(f"The recipe has an unknown part: {name}.")
        if name in ("data", "model") and isinstance(value, dict):
            of_kind = _data_family if name == "data" else _model_family
            groups[name], value = of_kind(getattr(recipe_class, f"{name}_kinds"), value)
        arguments[name] = _value(groups[name], name, value)
    if "search" in arguments:
        arguments["search"] = _search(content["search"], arguments["search"])
    return recipe_class(**arguments)


def _data_family(kinds, options):
    """Class of the options of recorded data, and those options that its kind has.

    Version 0.1 recorded the options of all kinds; those of another one say nothing.
    """
    family = kinds.family(options)
    others = _fields(*(kind for kind in kinds.families if kind is not family))
    own = _fields(family)
    return family, {
        name: value for name, value in options.items() if name in own or name not in others
    }


def _model_family(kinds, options):
    """Class of the options of a recorded model, and those options that its family has.

    Version 0.1 recorded the options of all families: what a Transformer does not have is left out,
    and so is what a recurrent model does not have, unless somebody wrote it.
    """
    first = kinds.families[0]
    model = options.get("model", _fields(first)["model"].default)
    family = kinds.family(model)
    own = _fields(family)
    others = _fields(*(other for other in kinds.families if other is not family))
    kept = {}
    for name, value in options.items():
        is_foreign = name in others and name not in own
        if is_foreign and family is first and value != others[name].default:
            kinds.refuse(name, value, model)
        if family is not first and name in own and name in others:
            is_foreign = value in get_args(others[name].type) and not fits(own[name].type, value)
        if not is_foreign:
            kept[name] = value
    return family, kept


def _fields(*kinds):
    return {field.name: field for kind in kinds for field in dataclasses.fields(kind)}


def _recipe_class(task):
    found = next((kind for kind in RECIPE_CLASSES if kind.task == task), None)
    if found is None:
        tasks = ", ".join(kind.task for kind in RECIPE_CLASSES)
        raise UserError(f"The recipe has an unknown task: {task!r}. There are: {tasks}.")
    return found


def read_recipe(path, what="a run directory"):
    """Recipe of a recorded `recipe.json`.

    Args:
        path: path of the file.
        what: str. What its folder should be, for the message of an error.

    Raises:
        UserError: the file is missing or damaged, or has an unknown option.
    """
    content = read_json(path, what, {"recipe": Optional(dict)})
    if not {"recipe", "versions"} <= set(content):  # Written by hand, not recorded by a run.
        return from_dict(content.get("recipe", content))
    recorded = content["recipe"]
    recipe = from_dict(recorded)
    if not isinstance(recipe, Recipe):  # Version 0.1 knew no other task.
        return recipe
    return dataclasses.replace(
        recipe,
        data=_data(recorded.get("data", {}), recipe.data),
        text=_text(recorded.get("text", {}), recipe.text),
    )


def _data(recorded, options):
    """`DataOptions` as recorded; version 0.1 read tables and compared sources as given here."""
    old = {} if isinstance(options, EmbeddedData) else {"same_source": "case"}
    if isinstance(options, Tables):
        columns = (options.source_column, options.target_column)
        header = "no" if all(map(str.isdecimal, columns)) else "yes"
        old |= {"table_header": header, "table_delimiter": "suffix"}
    missing = {name: value for name, value in old.items() if name not in recorded}
    return dataclasses.replace(options, **missing)


def _text(recorded, options):
    """`TextOptions` as recorded; version 0.1 had no bytes in its vocabularies."""
    old = {} if "byte_fallback" in recorded else {"byte_fallback": False}
    return dataclasses.replace(options, **old)


def _value(kind, name, value):
    """`value` if it is of the type that a field of a recipe has; a group is made from its dict."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _group(kind, name, value)
    if not fits(kind, value):
        raise UserError(f"The recipe has a wrong value: {name} cannot be {value!r}.")
    return value


def _group(group, name, options):
    known = {field.name: field.type for field in dataclasses.fields(group)}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UserError(f"The recipe has an unknown option: {name}.{unknown[0]}.")
    return group(
        **{
            option: _value(known[option], f"{name}.{option}", value)
            for option, value in options.items()
        }
    )


def _search(recorded, options):
    """`SearchOptions` as recorded; in version 0.1 a width of 1 was greedy, penalties or not."""
    if "search" in recorded or options.beam_width != 1:
        return options
    return dataclasses.replace(options, length_penalty=None, coverage_penalty=None)


def differences(recipe, other):
    """Options in which two recipes train differently, each as `(name, value, other value)`.

    The search is none of them: it can be another one after training.
    """
    ours, theirs = to_dict(recipe), to_dict(other)
    ours.pop("search", None)
    rows = [(name, ours.pop(name), theirs.pop(name)) for name in ("task", "name")]
    if type(recipe) is not type(other):
        return rows
    for group, options in ours.items():
        # What one of two families does not have is as if it had the default there.
        kinds = type(getattr(recipe, group)), type(getattr(other, group))
        defaults = {
            name: "" if name in recipe.data_kinds.selectors else field.default
            for name, field in _fields(*kinds).items()
        }
        sides = {**defaults, **options}, {**defaults, **theirs[group]}
        rows += [(name, *(side[name] for side in sides)) for name in defaults]
    return [row for row in rows if row[1] != row[2]]
