"""Makes docs/conformance.md: what each layer can do, found out by running the checklists.

    .venv/bin/python tests/conformance.py

Runs `tests/layers/test_checklist.py` and `tests/layers/test_input_checklist.py` once on TensorFlow
and once on JAX, both at the same time, and measures on JAX how memory grows with length.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "conformance.md"
COMMAND = "make conformance"
CHECKLISTS = "layers/test_checklist.py", "layers/test_input_checklist.py"
BACKENDS = "tensorflow", "jax"
# Every check stands in one column. Those of JAX are all checks, on that backend.
COLUMNS = {
    "masks": ("masks", "padding_might_as_well_not_be_there", "implicit_masks"),
    "causal": ("causal",),
    "scores returned": ("symbolic_shape", "weights_are_what_was_multiplied"),
    "cached stepping": ("stepping",),
    "gradients": ("gradients", "finite_differences", "fit_step"),
    "mixed precision": ("mixed_precision", "overflow"),
    "XLA": ("compiled",),
    "JAX": (),
    ".keras": ("config", "keras_file"),
    "SavedModel": ("saved_model",),
    "ONNX": ("onnx",),
}
ONE_INPUT = "one input: there is no row of queries"
HEAD = f"""# Conformance

What each layer can do, found out by running. `{COMMAND}` makes this page: each row is a case of
`tests/cases_*.py` or `tests/input_cases.py`, each cell comes from the checks of
`tests/layer_checks.py` or `tests/input_checks.py` on TensorFlow, and the column JAX from all of
them on JAX.

- **yes**: the checks passed. A note names what one of them leaves out for this layer, and why.
- **no**: the layer refuses, with an error that says the reason in the note.
- **-**: there is nothing to check; the note says why.

"XLA" compiles the layer on TensorFlow, JAX always does. "Memory" is how the forward pass without
scores grows with the length n of query and key (with the positions of the input), beside its inputs
and outputs: what JAX' compiler says at {{lengths}}, batch 1.
"""


def load_cases():
    """All cases by name, those of the layers with one input last."""
    paths = [*sorted(TESTS.glob("cases_*.py")), TESTS / "input_cases.py"]
    return {
        name: case
        for path in paths
        for name, case in importlib.import_module(path.stem).CASES.items()
    }


class Recorder:
    """Pytest plugin that keeps the outcome of each check of each case."""

    def __init__(self, backend):
        self.backend = backend
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        name, check = re.search(r"\[(\w+)-(\w+)\]$", report.nodeid).groups()
        if name not in self.outcomes:
            print(f"{self.backend}: {name}", flush=True)
        of_case = self.outcomes.setdefault(name, {})
        if report.when == "call" or not report.passed:
            of_case[check] = report.outcome
        if report.failed:
            print(f"{self.backend}: {name}: {check} FAILED\n{report.longreprtext}", flush=True)


def record(path):
    """Runs the checklists on the backend of this process and writes what came out."""
    import keras
    import pytest

    backend = keras.backend.backend()
    recorder = Recorder(backend)
    with tempfile.TemporaryDirectory() as folder:
        options = ["-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider"]
        checklists = [str(TESTS / name) for name in CHECKLISTS]
        status = pytest.main([*options, f"--basetemp={folder}/pytest", *checklists], [recorder])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"The checklists could not be run on {backend}: {status!r}")
    orders = memory_orders() if backend == "jax" else {}
    Path(path).write_text(json.dumps({"checks": recorder.outcomes, "memory": orders}))


def memory_orders():
    """The order of growth of each case, and the notes on it."""
    from memory_order import memory_order

    orders = {}
    for name, case in load_cases().items():
        orders[name] = memory_order(case)
        print(f"memory: {name}: {' '.join([orders[name][0], *orders[name][1]])}", flush=True)
    return orders


def run():
    """What `record` found on each backend."""
    with tempfile.TemporaryDirectory() as folder:
        processes = {
            backend: subprocess.Popen(
                [sys.executable, __file__, "--record", f"{folder}/{backend}.json"],
                env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
                cwd=TESTS.parent,
            )
            for backend in BACKENDS
        }
        failed = [backend for backend, process in processes.items() if process.wait()]
        if failed:
            raise SystemExit(f"No table: see the messages of {failed} above")
        return {
            backend: json.loads(Path(folder, f"{backend}.json").read_text()) for backend in BACKENDS
        }


class Notes:
    """Footnotes, numbered as they come, the same text once."""

    def __init__(self):
        self.numbers = {}

    def mark(self, texts):
        marks = (self.numbers.setdefault(text, len(self.numbers) + 1) for text in texts)
        return "".join(f"[^{mark}]" for mark in marks)

    def __str__(self):
        return "\n".join(f"[^{number}]: {text}" for text, number in self.numbers.items())


def plain(pattern):
    """The message that a regular expression stands for, as it is read."""
    return re.sub(r"\\(.)", r"\1", pattern).replace(".*", " ... ")


def cell(case, checks, outcomes):
    """A cell's word and the texts of its notes."""
    checks = [check for check in checks if check in outcomes]
    wrong = [
        check
        for check in checks
        if outcomes[check] != ("skipped" if check in case.leaves_out else "passed")
    ]
    if wrong:
        return f"fails: {', '.join(wrong)}", []
    if not checks:
        return "-", [ONE_INPUT]
    refused = [check for check in checks if check in case.refuses]
    if refused:
        return "no", list(dict.fromkeys(plain(case.refuses[check]) for check in refused))
    left_out = [check for check in checks if check in case.leaves_out]
    notes = [f"`{check}`: {case.leaves_out[check]}" for check in left_out]
    return "yes" if len(left_out) < len(checks) else "-", notes


def row(name, case, found):
    """A row's cells, each a word and the texts of its notes."""
    outcomes, on_jax = (found[backend]["checks"][name] for backend in BACKENDS)
    cells = [cell(case, checks, outcomes) for checks in COLUMNS.values()]
    failed = [check for check, outcome in on_jax.items() if outcome == "failed"]
    word = f"fails: {', '.join(failed)}" if failed else "yes"
    cells[list(COLUMNS).index("JAX")] = word, []
    return [*cells, found["jax"]["memory"][name]]


def render(cases, found, lengths):
    """The page, from what was found."""
    notes = Notes()
    titles = ["case", "layer", *COLUMNS, "memory"]
    lines = [titles, ["---"] * len(titles)]
    for name, case in cases.items():
        cells = [word + notes.mark(texts) for word, texts in row(name, case, found)]
        lines.append([name, f"`{type(case.make()).__name__}`", *cells])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    head = HEAD.format(lengths=", ".join(map(str, lengths)))
    return f"{head}\n{table}\n\n{notes}\n".rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    if arguments.record:
        return record(arguments.record)
    found = run()
    from memory_order import LENGTHS

    page = render(load_cases(), found, LENGTHS)
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(TESTS.parent)}")
    return 1 if "fails: " in page else 0


if __name__ == "__main__":
    sys.exit(main())
