"""The conformance table is the table of our cases, and says why wherever it says no."""

import inspect
import re
from dataclasses import replace

import conformance
import input_checks
import keras
import layer_checks
import memory_order
import order_checks
import pair_checks
import pytest
from checklist import NOT_RUN, check_name

from keras_attention import layers

CASES = conformance.load_cases()
TITLES = ["case", "layer", *conformance.COLUMNS, "memory"]


def parse(page):
    """The rows of the table, each from title to cell, and the notes by number."""
    rows = [
        dict(zip(TITLES, re.split(r" *\| *", line.strip("| ")), strict=True))
        for line in page.splitlines()
        if line.startswith("| ") and not line.startswith(("| case ", "| ---"))
    ]
    return rows, dict(re.findall(r"^\[\^(\d+)\]: (.*)$", page, flags=re.MULTILINE))


def reasons(case):
    return {conformance.plain(pattern) for pattern in case.refuses.values()}


AGAIN = f"docs/conformance.md is missing or not of today's layers: run `{conformance.COMMAND}`"
# What other layers are made of: these have no row of their own.
BASES = {"Attention", "RecursiveAttention", "HeadPart", "Pattern", "Position", "RotaryScaling"}


@pytest.fixture
def page():
    assert conformance.PAGE.exists(), AGAIN
    text = conformance.PAGE.read_text(encoding="utf-8")
    assert f"| {' | '.join(TITLES)} |" in text, AGAIN
    rows, notes = parse(text)
    assert [row["case"] for row in rows] == list(CASES), AGAIN
    return rows, notes


def class_names(tree):
    """The names of all classes in a configuration."""
    if isinstance(tree, dict):
        inside = set().union(*map(class_names, tree.values()))
        return inside | {tree["class_name"]} if "class_name" in tree else inside
    return set().union(*map(class_names, tree)) if isinstance(tree, list | tuple) else set()


def test_every_public_layer_has_a_row():
    """Of its own, or as what a layer is made of: a position, a part, a pattern."""
    made = [case.make() for case in CASES.values()]
    rows = {type(layer).__name__ for layer in made}
    rows |= class_names([layer.get_config() for layer in made])
    rows |= {type(layer.pattern).__name__ for layer in made if hasattr(layer, "pattern")}
    rows |= {type(layer.position).__name__ for layer in made if hasattr(layer, "position")}
    public = {name for name, thing in vars(layers).items() if inspect.isclass(thing)}
    assert public - rows == BASES


def test_one_row_for_each_case(page):
    rows, _ = page
    for row in rows:
        assert row["layer"] == f"`{type(CASES[row['case']].make()).__name__}`", AGAIN


def test_every_cell_is_one_of_the_three_words(page):
    rows, notes = page
    for row in rows:
        for column in conformance.COLUMNS:
            word, *marks = re.split(r"\[\^", row[column])
            assert word in ("yes", "no", "-"), f"{row['case']}, {column}: {row[column]}"
            assert marks or word == "yes"
            assert all(mark.removesuffix("]") in notes for mark in marks)


def test_every_no_has_the_reason_of_its_layer(page):
    rows, notes = page
    for row in rows:
        case = CASES[row["case"]]
        said = {
            notes[mark]
            for column in conformance.COLUMNS
            if row[column].startswith("no")
            for mark in re.findall(r"\[\^(\d+)\]", row[column])
        }
        assert said == reasons(case), AGAIN


def test_the_guide_tells_the_memory_that_was_measured(page):
    rows, _ = page
    guide = (conformance.PAGE.parent / "attention.md").read_text(encoding="utf-8")
    costs = guide[guide.index("## What it costs") :].split("\n\n")[2]
    told = 0
    for line in costs.splitlines()[2:]:
        layer, _, memory, _ = re.split(r" *\| *", line.strip("| "))
        orders = {order.replace("n √n", "n^1.5") for order in re.findall(r"n²|n √n|\bn\b", memory)}
        for name in re.findall(r"`(\w+)`", layer):
            measured = {row["memory"].split("[")[0] for row in rows if row["layer"] == f"`{name}`"}
            assert measured and measured <= orders, f"{name}: {sorted(measured)}"
            told += 1
    assert told > 10


def test_every_check_stands_in_one_column():
    checks = {
        check_name(check)
        for module in (layer_checks, input_checks, pair_checks, order_checks)
        for check in module.CHECKS
    }
    in_columns = [check for column in conformance.COLUMNS.values() for check in column]
    assert sorted(in_columns) == sorted(checks)


def outcomes(case, checks=layer_checks.CHECKS, **others):
    """What a run would find if nothing was wrong but `others`."""
    names = [check_name(check) for check in checks]
    return {**{name: "passed" for name in names if name not in case.leaves_out}, **others}


def outcomes_on_jax(case, checks=layer_checks.CHECKS, **others):
    found = outcomes(case, checks)
    return {**{name: found[name] for name in found if name not in NOT_RUN["jax"]}, **others}


def rendered(case, tensorflow, jax):
    found = {"tensorflow": {"this": tensorflow}, "jax": {"this": jax}}
    text = conformance.render({"this": case}, {**found, "memory": {"this": ["n²", []]}}, [3, 5])
    (row,), notes = parse(text)
    return row, notes


def test_the_words_of_a_table():
    case = replace(
        CASES["dot_product"],
        refuses={"causal": r"Expected no mask\. Received: use_causal_mask=.*", "stepping": "whole"},
        leaves_out={"overflow": "it cannot", "onnx": "nothing to export"},
    )
    row, notes = rendered(case, outcomes(case), outcomes_on_jax(case))
    assert row["padding"] == row["JAX"] == row["XLA"] == "yes"
    assert row["memory"] == "n²"
    cells = [row[column] for column in ("causal", "cached stepping", "mixed precision", "ONNX")]
    assert cells == ["no[^1]", "no[^2]", "yes[^3]", "-[^4]"]
    assert list(notes.values()) == [
        "Expected no mask. Received: use_causal_mask= ... ",
        "whole",
        "`overflow`: it cannot",
        "`onnx`: nothing to export",
    ]


def test_a_check_that_failed_or_did_not_run_is_no_yes():
    case = CASES["dot_product"]
    on_tensorflow = outcomes(case, masks="failed", onnx="skipped")
    on_jax = outcomes_on_jax(case, compiled="failed", causal="skipped")
    row, _ = rendered(case, on_tensorflow, on_jax)
    assert row["padding"] == "fails: masks"
    assert row["ONNX"] == "fails: onnx"
    assert row["JAX"] == "fails: causal, compiled"
    assert row["XLA"] == "yes"


def test_one_input_has_no_rows_of_queries():
    case = CASES["attention_pooling"]
    checks = input_checks.checks_of(case)
    row, notes = rendered(case, outcomes(case, checks), outcomes_on_jax(case, checks))
    assert row["JAX"] == "yes"
    assert row["causal"] == row["explicit mask"] == row["cached stepping"] == "-[^1]"
    assert notes["1"] == "one input: there are no queries"


@pytest.mark.parametrize(
    "name, memory",
    [
        ("1", lambda n: 1000),
        ("n", lambda n: 10**6 + 3 * n),
        ("n^1.5", lambda n: 10**6 + 5 * n + n**1.5),
        ("n²", lambda n: 10**7 + 100 * n + n**2),
    ],
)
def test_orders_of_growth(name, memory):
    assert memory_order.order([memory(length) for length in memory_order.LENGTHS]) == name


@pytest.mark.parametrize("name, expected", [("dot_product", "n²"), ("attention_pooling", "n")])
def test_memory_of_a_layer(name, expected, request):
    if keras.backend.backend() != "jax":
        pytest.skip("measured by JAX' compiler")
    import jax

    in_haste = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)  # the tests compile in haste
    request.addfinalizer(lambda: jax.config.update("jax_disable_most_optimizations", in_haste))
    assert memory_order.memory_order(CASES[name]) == (expected, [])
