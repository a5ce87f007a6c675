"""The conformance table is the table of our cases, and says why wherever it says no."""

import re
from dataclasses import replace

import conformance
import input_checks
import keras
import layer_checks
import memory_order
import pytest

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


@pytest.fixture(scope="module")
def page():
    return parse(conformance.PAGE.read_text(encoding="utf-8"))


def test_one_row_for_each_case(page):
    rows, _ = page
    assert [row["case"] for row in rows] == list(CASES), f"run {conformance.COMMAND}"
    for row in rows:
        assert row["layer"] == f"`{type(CASES[row['case']].make()).__name__}`"


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
        assert said == reasons(case)


def test_every_check_stands_in_one_column():
    checks = {layer_checks.check_name(check) for check in layer_checks.CHECKS}
    checks |= {layer_checks.check_name(check) for check in input_checks.CHECKS}
    in_columns = [check for column in conformance.COLUMNS.values() for check in column]
    assert sorted(in_columns) == sorted(checks)


def outcomes(case, checks=layer_checks.CHECKS, **others):
    """What a run would find if nothing was wrong but `others`."""
    names = [layer_checks.check_name(check) for check in checks]
    fine = {name: "skipped" if name in case.leaves_out else "passed" for name in names}
    return {"checks": {"this": {**fine, **others}}, "memory": {"this": ["n²", []]}}


def rendered(case, tensorflow, jax):
    text = conformance.render({"this": case}, {"tensorflow": tensorflow, "jax": jax}, [3, 5])
    (row,), notes = parse(text)
    return row, notes


def test_the_words_of_a_table():
    case = replace(
        CASES["dot_product"],
        refuses={"causal": r"Expected no mask\. Received: use_causal_mask=.*", "stepping": "whole"},
        leaves_out={"overflow": "it cannot", "onnx": "nothing to export"},
    )
    row, notes = rendered(case, outcomes(case), outcomes(case))
    assert row["masks"] == row["JAX"] == row["XLA"] == "yes"
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
    row, _ = rendered(case, on_tensorflow, outcomes(case, compiled="failed"))
    assert row["masks"] == "fails: masks"
    assert row["ONNX"] == "fails: onnx"
    assert row["JAX"] == "fails: compiled"
    assert row["XLA"] == "yes"


def test_one_input_has_no_rows_of_queries():
    case = CASES["attention_pooling"]
    found = outcomes(case, input_checks.CHECKS)
    row, notes = rendered(case, found, found)
    assert row["causal"] == row["cached stepping"] == "-[^1]"
    assert notes["1"] == conformance.ONE_INPUT


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
def test_memory_of_a_layer(name, expected):
    if keras.backend.backend() != "jax":
        pytest.skip("measured by JAX' compiler")
    assert memory_order.memory_order(CASES[name]) == (expected, [])
