"""The searches that `SearchOptions` describe."""

import re

from keras_attention.decoding.beam import Beam
from keras_attention.decoding.diverse_beam import DiverseBeam
from keras_attention.decoding.greedy import Greedy
from keras_attention.decoding.minimum_length import MinimumLength
from keras_attention.decoding.no_repeat_ngram import NoRepeatNGram
from keras_attention.decoding.sample import Sample
from keras_attention.decoding.search_options import SearchOptions
from keras_attention.errors import UserError

BEAM = {
    "beam_width": "width",
    "n_best": "n_best",
    "length_penalty": "length_penalty",
    "length_normalization": "length_normalization",
    "coverage_penalty": "coverage_penalty",
}
SAMPLE = {name: name for name in ("temperature", "top_k", "top_p", "min_p", "samples")}
# The class of each kind, and the argument that each of its options is.
KINDS = {
    "greedy": (Greedy, {}),
    "beam": (Beam, BEAM),
    "diverse": (DiverseBeam, {**BEAM, "groups": "groups", "diversity": "diversity"}),
    "sample": (Sample, {**SAMPLE, "sample_seed": "seed"}),
}
CONSTRAINTS = {"min_length": (MinimumLength, "tokens"), "no_repeat_ngram": (NoRepeatNGram, "size")}
# What changes nothing may be said of every search; recipes of version 0.1 say it of all.
NEUTRAL = {"beam_width": 1, "n_best": 1, "length_penalty": 0.0, "coverage_penalty": 0.0}


def make_search(options, max_length):
    """The search of `SearchOptions`.

    Args:
        options: `SearchOptions`.
        max_length: int. Target tokens at most, the end token included.

    Raises:
        UserError: two options do not fit each other, or a number makes no sense.

    Example:

    >>> make_search(SearchOptions(beam_width=3, length_penalty=0.6, min_length=2), 9).width
    3
    """
    return changed_search(Greedy(max_length=max_length), options)


def changed_search(search, options):
    """A search with the options that are given in place of its own.

    A search of another kind keeps the constraints, the most steps, and the arguments it knows.

    Args:
        search: a search of `keras_attention.decoding`.
        options: `SearchOptions`.

    Raises:
        UserError: as for `make_search`.

    Example:

    >>> changed_search(Beam(width=5, length_penalty=0.6), SearchOptions(beam_width=3)).width
    3
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    if not given:
        return search
    kind = _kind(given, search)
    kind_class, arguments = KINDS[kind]
    _check_fit(given, kind, arguments)
    recorded = search.get_config()
    kept = {name: recorded[name] for name in arguments.values() if name in recorded}
    new = {arguments[name]: value for name, value in given.items() if name in arguments}
    try:
        constraints = _constraints(search.constraints, given)
        return kind_class(**{**kept, **new}, max_length=search.max_length, constraints=constraints)
    except ValueError as error:
        reason = _in_flags(str(error), arguments)
        raise UserError(f"The options make no {kind} search: {reason}") from error


def changed_options(recorded, given):
    """`SearchOptions` of the search that recorded ones make where some are given in their place.

    Args:
        recorded: `SearchOptions`.
        given: `SearchOptions`.

    Returns:
        `SearchOptions`: the recorded ones if none are given, else those of `changed_search`, the
        kind of the search among them.

    Raises:
        UserError: as for `make_search`.

    Example:

    >>> changed_options(SearchOptions(beam_width=5), SearchOptions(top_k=3)).search
    'sample'
    """
    if given == SearchOptions():
        return recorded
    search = changed_search(changed_search(Greedy(), recorded), given)
    (kind,) = _kinds_of(search)
    config = search.get_config()
    options = {option: config.get(argument) for option, argument in KINDS[kind][1].items()}
    for option, (constraint_class, argument) in CONSTRAINTS.items():
        for constraint in search.constraints:
            if type(constraint) is constraint_class:
                options[option] = constraint.get_config()[argument]
    return SearchOptions(search=kind, **options)


def _kind(given, search):
    """The kind that is said, or that all options belong to, the one there is before all others."""
    if "search" in given:
        return given["search"]
    now = _kinds_of(search)
    if not now:
        raise UserError(f"The recorded search is a {type(search).__name__}: say --search.")
    if given.get("beam_width") == 1:
        return "greedy"
    own = {name for name, value in given.items() if name not in CONSTRAINTS and _says(name, value)}
    for kind in (*now, *KINDS):
        if own <= set(KINDS[kind][1]):
            return kind
    raise UserError(f"No search knows all of these: {', '.join(map(_flag, sorted(own)))}.")


def _kinds_of(search):
    """The kind that a search is; none where it is a class of one's own."""
    return [kind for kind, (kind_class, _) in KINDS.items() if type(search) is kind_class]


def _check_fit(given, kind, arguments):
    for name, value in given.items():
        known = name == "search" or name in arguments or name in CONSTRAINTS
        if not known and _says(name, value):
            raise UserError(f"{_flag(name)} does not fit {kind} search. Received: {value}")


def _constraints(constraints, given):
    changed = {CONSTRAINTS[name][0]: given[name] for name in CONSTRAINTS if name in given}
    kept = [constraint for constraint in constraints if type(constraint) not in changed]
    return [*kept, *(kind(value) for kind, value in changed.items() if value != 0)]


def _in_flags(message, arguments):
    """What a search says of its arguments, in the words of the command line."""
    constraints = {option: argument for option, (_, argument) in CONSTRAINTS.items()}
    for option, argument in {**arguments, **constraints}.items():
        message = re.sub(rf"`{argument}`|\b(?<!-){argument}(?==)", _flag(option), message)
    return message


def _says(name, value):
    return name not in NEUTRAL or value != NEUTRAL[name]


def _flag(name):
    return "--" + name.replace("_", "-")
