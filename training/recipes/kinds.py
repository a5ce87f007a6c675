"""Kinds of data and of models: each has a class of options of its own."""

import dataclasses
from typing import get_args

from .checks import (
    check_choice,
    check_selectors,
    foreign_options,
    refuse_data_option,
    refuse_model_option,
    refuse_task_option,
)


class DataKinds:
    """The kinds of data of a task.

    Args:
        families: classes of options, one a kind; the last has the options that name the others.
        selectors: dict of the option that names the data of a kind, and that class.
        files: tuple of pairs of a class and the end of the names of its files, such as `(Tables,
            "table")`: without a selector, files of validation or test say which kind it is.
    """

    def __init__(self, families, selectors, files=()):
        self.families = families
        self.unnamed = families[-1]
        self.selectors = selectors
        self.files = files

    def family(self, options):
        """The class of the options of data.

        Args:
            options: dict of options, among which at most one selector has a value.

        Raises:
            UserError: more than one has.
        """
        named = [name for name in self.selectors if options.get(name)]
        check_selectors(self.selectors, named, at_least=0)
        if named:
            return self.selectors[named[0]]
        for family, side in self.files:
            if any(options.get(f"{split}_{side}") for split in ("validation", "test")):
                return family
        return self.unnamed

    def make(self, **options):
        """Options of the data, of the class that its kind has.

        Raises:
            UserError: more than one kind is named, or an option belongs to another kind.
        """
        family = self.family(options)
        foreign = foreign_options(family, self.families)
        for name, value in options.items():
            if name in foreign and value not in ("", foreign[name].default):
                refuse_data_option(family, name, value)
        return family(**{name: value for name, value in options.items() if name not in foreign})

    def of_task(self, changes):
        """Those options that a kind of data of this task has, out of those of all tasks.

        Args:
            changes: dict of options.

        Raises:
            UserError: another option says something, or a value is none that an option can have.
        """
        fields = {field.name: field for one in self.families for field in dataclasses.fields(one)}
        for name, value in changes.items():
            if name in fields:
                check_choice(fields[name], value)
            elif value != "":
                refuse_task_option(name, value)
        return {name: value for name, value in changes.items() if name in fields}

    def changed(self, options, **changes):
        """Options of the data with some of them changed; of another kind if a selector says so.

        Args:
            options: instance of one of the classes.
            **changes: options that are others. What both kinds have is kept.

        Raises:
            UserError: as `make`.
        """
        family = self.family({**vars(options), **changes})
        own = {field.name for field in dataclasses.fields(family)}
        is_other = family is not type(options)
        kept = {
            name: value
            for name, value in vars(options).items()
            if name in own and not (is_other and name in self.selectors)
        }
        return self.make(**{**kept, **changes})


class ModelKinds:
    """The families of models of a task.

    Args:
        common: class of the options that all families have, `model` among them.
        families: dict of a class of options by the first word of the models that it is for, such
            as `"transformer"` of `"transformer-tiny"`.
        names: dict of what an error calls the models of a family, by that word.
    """

    def __init__(self, common, families, names):
        self.common = common
        self.by_word = families
        self.names = names
        self.families = tuple(families.values())

    @property
    def models(self):
        """Names of all models."""
        return get_args(self.common.__dataclass_fields__["model"].type)

    @property
    def examples(self):
        """The first model of each family."""
        firsts = {}
        for model in self.models:
            firsts.setdefault(self.family(model), model)
        return list(firsts.values())

    def family(self, model):
        """The class of options that a model has.

        Args:
            model: str, such as `"transformer-tiny"`.
        """
        return self.by_word.get(model.partition("-")[0], self.families[0])

    def refuse(self, name, value, model):
        """Raises `UserError` for an option of another family of models.

        Args:
            name: str. Name of the option.
            value: what the option was to be.
            model: str. The model that was asked for.
        """
        owners = [
            self.names[word]
            for word, family in self.by_word.items()
            if name in {field.name for field in dataclasses.fields(family)}
        ]
        refuse_model_option(name, value, model, " and ".join(owners))

    def make(self, model, **options):
        """Options of a model, of the class that its family has.

        Raises:
            UserError: an option belongs to another family.
        """
        family = self.family(model)
        foreign = foreign_options(family, self.families)
        for name, value in options.items():
            if name in foreign and value != foreign[name].default:
                self.refuse(name, value, model)
        own = {name: value for name, value in options.items() if name not in foreign}
        return family(model=model, **own)

    def changed(self, options, **changes):
        """Options of a model with some of them changed; of another family if `model` says so.

        Args:
            options: instance of one of the classes.
            **changes: options that are others. What both families have is kept.

        Raises:
            UserError: an option belongs to another family.
        """
        family = self.family(changes.get("model", options.model))
        kept = {
            field.name: getattr(options, field.name)
            for field in dataclasses.fields(family if isinstance(options, family) else self.common)
        }
        return self.make(**{**kept, **changes})
