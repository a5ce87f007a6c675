"""`keras-attention recipes`, `train` and `evaluate`."""

import contextlib
import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from keras_attention.arguments import given_options, given_values, parse
from keras_attention.decoding.search_options import SearchOptions
from keras_attention.errors import UserError
from keras_attention.option_types import with_types
from keras_attention.printing import json_text, make_console
from keras_attention.quiet import quiet_tensorflow
from keras_attention.user_files import expand_home

from .recipes.checks import check_selectors, foreign_options, refuse_data_option
from .recipes.data_options import EmbeddedData, ParallelFiles, Tables, TfdsData, UnnamedData
from .recipes.file import read_recipe, to_dict
from .recipes.labelled_data_options import (
    ConllFiles,
    EmbeddedLabels,
    LabelledTables,
    LabelledTfds,
    SlotFolders,
    SpanFiles,
)
from .recipes.named import RECIPES, get
from .recipes.recipe import BleuTokenizer, Recipe

DEFAULT = "translation"  # The recipe of `train` without a name.
# The options that stand on the command line: a value alone does not tell, it may be the default.
Given = Annotated[frozenset, tyro.conf.Fixed, tyro.conf.Suppress]


@dataclasses.dataclass(frozen=True)
class TrainArguments:
    """Trains a recipe; the same command again goes on where an earlier one stopped."""

    recipe: Annotated[tyro.conf.OmitArgPrefixes[Recipe], tyro.conf.arg(name="")]
    recipe_name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")] = DEFAULT
    """Name of a recipe, or path of a recorded recipe.json; comes before all options."""
    run_dir: Path | None = None
    """Folder of the run; runs/<name> if not given."""
    accept_changed_data: bool = False
    """Resume although the data has changed since the run began."""
    json: bool = False
    """Print the evaluation as JSON on standard output, and everything else on standard error."""
    given: Given = frozenset()


@dataclasses.dataclass(frozen=True)
class EvaluateArguments:
    """Scores the best model of a run on its validation and test data.

    With another search, BLEU tokenizer or data than the run recorded, the scores are printed but
    not recorded. Data options select other data; files or tables given for validation or test
    alone are scored alone.
    """

    run_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    search: tyro.conf.OmitArgPrefixes[SearchOptions] = SearchOptions()
    data: tyro.conf.OmitArgPrefixes[
        EmbeddedData
        | ParallelFiles
        | Tables
        | TfdsData
        | UnnamedData
        | EmbeddedLabels
        | LabelledTables
        | ConllFiles
        | SlotFolders
        | SpanFiles
        | LabelledTfds
    ] = UnnamedData()
    bleu_tokenizer: BleuTokenizer | None = None
    """sacrebleu's tokenizer instead of the recorded one: none for text that is already tokenized,
    zh, ja-mecab and ko-mecab for Chinese, Japanese and Korean, flores200 or char for other scripts
    without spaces between words."""
    accept_changed_data: bool = False
    """Score although the data has changed since the run began."""
    json: bool = False
    """Print the evaluation as JSON on standard output, and everything else on standard error."""
    given: Given = frozenset()


@dataclasses.dataclass(frozen=True)
class RecipesArguments:
    """Lists the named recipes with their cost and expected score."""

    json: bool = False
    """Print the recipes with all their options as JSON."""


def train_options(arguments):
    """Reads the arguments of `keras-attention train`.

    Returns:
        `TrainArguments`. Of the search they hold what the user said, not what the recipe says.
    """
    named = bool(arguments) and not arguments[0].startswith("-")
    name = arguments[0] if named else DEFAULT
    check_order(name, arguments)
    recipe = find_recipe(name)
    data, arguments = asked_data(recipe.data_kinds, recipe.data, arguments)
    model, arguments = asked_model(recipe.model_kinds, recipe.model, arguments)
    recipe = dataclasses.replace(recipe, data=data, model=model)
    if hasattr(recipe, "search"):
        # Without that of the recipe: what the user said of it must be told from what it says.
        recipe = dataclasses.replace(recipe, search=SearchOptions())
    # The parser sees the options of one kind of data and of one family of models alone.
    kind = with_types(type(recipe), data=type(recipe.data), model=type(recipe.model))
    flat = Annotated[tyro.conf.OmitArgPrefixes[kind], tyro.conf.arg(name="")]
    of_family = with_types(TrainArguments, recipe=flat)
    parsed = parse(
        of_family,
        arguments,
        "train",
        description=train_help(recipe),
        default=of_family(recipe=kind(**vars(recipe)), recipe_name=name),
    )
    options = TrainArguments(**{**vars(parsed), "recipe": type(recipe)(**vars(parsed.recipe))})
    if options.recipe_name != name:  # The options before it changed the defaults of another recipe.
        refuse_order(options.recipe_name)
    options = with_given(options, arguments)
    if "warmup_steps" in options.given and "warmup_share" not in options.given:
        # Asked for, so the share that a recipe allows to its own number of steps is no limit.
        fit = dataclasses.replace(options.recipe.fit, warmup_share=None)
        changed = dataclasses.replace(options.recipe, fit=fit)
        options = dataclasses.replace(options, recipe=changed)
    return options


def check_order(name, arguments):
    """Raises `UserError` where the name of another recipe stands behind the value of an option.

    Args:
        name: str. The recipe that the options are read for.
        arguments: list of str.
    """
    for before, argument in itertools.pairwise(arguments):
        if argument in RECIPES and argument != name and not before.startswith("-"):
            refuse_order(argument)


def refuse_order(name):
    """Raises `UserError` for a recipe that does not stand first."""
    raise UserError(f"The recipe comes first: keras-attention train {name} [options].")


def train_command(options):
    """Does what `keras-attention train RECIPE` asks for.

    Args:
        options: `TrainArguments`.
    """
    from keras_attention.decoding.options import changed_options

    from .tasks import task_of
    from .train import train_and_evaluate

    recipe, named_recipe = options.recipe, find_recipe(options.recipe_name)
    if hasattr(recipe, "search"):
        search = changed_options(named_recipe.search, recipe.search)
        recipe = dataclasses.replace(recipe, search=search)
    quiet_tensorflow()

    console = make_console(options.json)
    run_dir = options.run_dir or Path("runs") / recipe.name
    # Keras prints its progress on standard output, where a program expects JSON and nothing else.
    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        result = train_and_evaluate(
            recipe, run_dir, console.print, options.accept_changed_data, options.given
        )
    task = task_of(recipe)
    print_evaluation(task, result, console, options.json)
    console.print(
        f"\nModel: {run_dir}/{task.folder}   scores: {run_dir}/evaluation.json\n"
        f"TensorBoard: tensorboard --logdir {run_dir}/logs"
    )


def with_given(options, arguments):
    """`TrainArguments` or `EvaluateArguments` that know which options were given."""
    return dataclasses.replace(options, given=frozenset(given_options(type(options), arguments)))


def asked_data(kinds, data, arguments):
    """The options of data to begin with: those of a recipe, or of the kind that is asked for.

    Args:
        kinds: `DataKinds` of the recipe.
        data: options of the data of a recipe.
        arguments: list of str.

    Returns:
        Options of the data, and the arguments without options of other kinds that say nothing.

    Raises:
        UserError: more than one kind is named, or an argument is an option of another kind.
    """
    given = given_values(arguments)
    named = {name: given[name] for name in kinds.selectors if given.get(name)}
    if named:  # In place of the recipe's own.
        data = kinds.changed(data, **{**dict.fromkeys(kinds.selectors, ""), **named})

    def refuse(name, value):
        if isinstance(data, kinds.unnamed):
            check_selectors(kinds.selectors, [])
        refuse_data_option(type(data), name, value)

    foreign = foreign_options(type(data), kinds.families)
    return data, without_foreign(arguments, foreign, refuse)


def asked_model(kinds, model, arguments):
    """The options of a model to begin with: those of a recipe, or of the family that is asked for.

    Args:
        kinds: `ModelKinds` of the recipe.
        model: options of the model of a recipe.
        arguments: list of str.

    Returns:
        Options of the model, and the arguments without options of other families that say nothing.

    Raises:
        UserError: an argument is an option of another family.
    """
    asked = given_values(arguments).get("model")
    if asked in kinds.models:
        model = kinds.changed(model, model=asked)
    foreign = foreign_options(type(model), kinds.families)
    return model, without_foreign(
        arguments, foreign, lambda name, value: kinds.refuse(name, value, model.model)
    )


def without_foreign(arguments, foreign, refuse):
    """Arguments without the options of other families, where these say nothing.

    Args:
        arguments: list of str.
        foreign: dict of `dataclasses.Field` by the name of the option.
        refuse: function of a name and a value, called for an option that says something: its value
            is neither empty nor the default. Not where help is asked for.
    """
    flags = {"--" + name.replace("_", "-"): field for name, field in foreign.items()}
    negations = {"--no-" + flag[2:]: field for flag, field in flags.items() if field.type is bool}
    kept, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*kept, argument, *rest]
        flag, assigned, value = argument.partition("=")
        flag = flag.replace("_", "-")
        field = flags.get(flag) or negations.get(flag)
        if field is None:
            kept.append(argument)
            continue
        if field.type is bool:
            value = str(flag in flags)
        elif not assigned:
            value = rest.pop(0) if rest else ""
        if value not in ("", str(field.default)) and not {"-h", "--help"} & set(arguments):
            refuse(field.name, value)
    return kept


def train_help(recipe):
    """What `train --help` says above the options.

    Args:
        recipe: the recipe, whose options of the model are those of one family.
    """
    model = recipe.model.model
    kinds = recipe.model_kinds
    others = [name for name in kinds.examples if kinds.family(name) is not kinds.family(model)]
    return "\n\n".join(
        [
            "Trains a recipe and scores it. Repeat the command to resume a run that was stopped. "
            "The recipe comes first: one of the names below, or the path of a recorded "
            "recipe.json. Each option replaces a value of the recipe. The names:",
            *(f"- {name}: {entry.summary}." for name, entry in RECIPES.items()),
            f"The model options shown here are those of --model {model}. To see those of "
            f"another family, give {' or '.join(f'--model {name}' for name in others)} --help.",
        ]
    )


def find_recipe(name):
    """The recipe of a name or of a recorded `recipe.json`."""
    if not name.endswith(".json"):
        return get(name)
    path = expand_home(name)
    if not path.exists():
        raise UserError(f"There is no file {path}.")
    return read_recipe(path, "a recipe")


def evaluate_options(arguments):
    """Reads the arguments of `keras-attention evaluate`."""
    return with_given(parse(EvaluateArguments, arguments, "evaluate"), arguments)


def evaluate_command(options):
    """Does what `keras-attention evaluate RUN` asks for.

    Args:
        options: `EvaluateArguments`.
    """
    from .evaluate import evaluate
    from .tasks import task_of

    quiet_tensorflow()
    console = make_console(options.json)
    result = evaluate(
        options.run_dir,
        report=console.print,
        search=options.search,
        data={name: value for name, value in vars(options.data).items() if name in options.given},
        accept_changed_data=options.accept_changed_data,
        bleu_tokenizer=options.bleu_tokenizer,
    )
    task = task_of(read_recipe(options.run_dir / "recipe.json"))
    print_evaluation(task, result, console, options.json)


def recipes_options(arguments):
    """Reads the arguments of `keras-attention recipes`."""
    return parse(RecipesArguments, arguments, "recipes")


def recipes_command(options):
    """Does what `keras-attention recipes` asks for.

    Args:
        options: `RecipesArguments`.
    """
    if options.json:
        entries = {
            name: {**vars(entry), "recipe": to_dict(entry.recipe)}
            for name, entry in RECIPES.items()
        }
        print(json_text(entries, indent=2))
        return
    table = Table("recipe", "what", "cost", "expected score")
    for task in dict.fromkeys(entry.recipe.task for entry in RECIPES.values()):
        table.add_section()
        for name, entry in RECIPES.items():
            if entry.recipe.task == task:
                table.add_row(name, entry.summary, entry.cost, entry.expected)
    make_console().print(table, soft_wrap=False)


def _readable(result):
    """Scores as a person reads them: the search as a call, which is a config on disk."""
    from keras_attention.decoding.search import search_from_config

    if "search" not in result:
        return result
    return {**result, "search": repr(search_from_config(result["search"]))}


def print_evaluation(task, result, console, as_json):
    """Scores of each split as a table, or everything as JSON."""
    if as_json:
        print(json_text(_readable(result), indent=2))
        return
    splits = [name for name in ("validation", "test") if name in result]
    rows = [task.table(result[name]) for name in splits]
    table = Table("split", *rows[0], title="Scores")
    for name, row in zip(splits, rows, strict=True):
        table.add_row(name, *row.values())
    console.print(table)
    if details := task.details(result[splits[-1]]):
        title = f"The worst of {splits[-1]}" if len(details) > 1 else splits[-1]
        more = Table(*details[0], title=title)
        for row in details:
            more.add_row(*row.values())
        console.print(more)
    if footnote := task.footnote(result[splits[-1]]):
        console.print(footnote)
