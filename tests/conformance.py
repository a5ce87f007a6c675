"""Makes docs/conformance.md: what each layer can do, found out by running the checklists.

    .venv/bin/python tests/conformance.py

Runs the checklists of `tests/layers` once on TensorFlow and once on JAX, and measures on JAX how
memory grows with length: three jobs, two at a time.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "conformance.md"
COMMAND = "make conformance"
CHECKLISTS = ("test_checklist", "test_input_checklist", "test_two_inputs", "test_order")
BACKENDS = "tensorflow", "jax"
# From a job's name to the environment it runs in, the longest first. The tests have JAX compile in
# haste (`conftest.py`); memory is that of well compiled programs.
JOBS = {
    "jax": {"KERAS_BACKEND": "jax"},
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "memory": {"KERAS_BACKEND": "jax"},
}
# Every check stands in one column. Those of JAX are all checks, on that backend.
COLUMNS = {
    "padding": ("masks", "padding_might_as_well_not_be_there", "implicit_masks"),
    "explicit mask": ("explicit_mask", "all_masks"),
    "causal": ("causal",),
    "scores returned": ("symbolic_shape", "weights_are_what_was_multiplied"),
    "cached stepping": ("stepping",),
    "training": ("gradients", "finite_differences", "fit_step", "dropout"),
    "mixed precision": ("mixed_precision", "overflow"),
    "XLA": ("compiled",),
    "JAX": (),
    ".keras": ("config", "keras_file"),
    "SavedModel": ("saved_model",),
    "ONNX": ("onnx",),
}
HEAD = f"""# Conformance

This table shows what each layer supports. `{COMMAND}` generates it by running the tests of
each layer. Each row is a case of `tests/cases_*.py`, `tests/input_cases.py` (layers with one
input), `tests/pair_cases.py` (two inputs) or `tests/order_cases.py` (positions and
`SegmentMemory`). The cells come from the checks of `tests/layer_checks.py` and its three
counterparts, run on TensorFlow. The column JAX is the result of all checks on JAX, compiled with
few optimizations (`make test-all` also runs them with all optimizations).

- **yes**: the checks passed. A note says which check is left out for this layer, and why.
- **no**: the layer raises an error; the note has its reason.
- **-**: there is nothing to check; the note says why.

The columns:

- "explicit mask": `attention_mask`, alone and together with padding and a causal mask.
- "mixed precision": float16 and bfloat16, also with scores that are too large for float16.
- "XLA": the layer compiled by XLA on TensorFlow. (JAX always uses XLA.)
- "memory": how the memory of a forward pass that returns no weights grows with n, the length of
  query and key (or the number of positions of the input). Inputs and outputs do not count. JAX's
  compiler reports it at {{lengths}}, batch size 1.
"""


def load_cases():
    """All cases by name, those of `LayerCase` first."""
    others = ("input_cases.py", "pair_cases.py", "order_cases.py")
    paths = [*sorted(TESTS.glob("cases_*.py")), *(TESTS / name for name in others)]
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


def record(job, path):
    """Runs a job in this process and writes what came out."""
    outcome = memory_orders() if job == "memory" else checks_passed(job)
    Path(path).write_text(json.dumps(outcome))


def checks_passed(backend):
    """The outcome of each check of each case, on the backend of this process."""
    import pytest

    recorder = Recorder(backend)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--exhaustive", "-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider"]
        checklists = [str(TESTS / "layers" / f"{name}.py") for name in CHECKLISTS]
        status = pytest.main([*options, f"--basetemp={folder}/pytest", *checklists], [recorder])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"The checklists could not be run on {backend}: {status!r}")
    return recorder.outcomes


def memory_orders():
    """The order of growth of each case, and the notes on it."""
    from memory_order import memory_order

    orders = {}
    for name, case in load_cases().items():
        orders[name] = memory_order(case)
        print(f"memory: {name}: {' '.join([orders[name][0], *orders[name][1]])}", flush=True)
    return orders


def run():
    """What each job found, by its name."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def start(job):
            command = [sys.executable, __file__, "--record", job, f"{folder}/{job}.json"]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **JOBS[job]}
            return subprocess.call(command, env=environment, cwd=TESTS.parent)

        failed = [job for job, status in zip(JOBS, pool.map(start, JOBS), strict=True) if status]
        if failed:
            raise SystemExit(f"No table: see the messages of {failed} above")
        return {job: json.loads(Path(folder, f"{job}.json").read_text()) for job in JOBS}


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


def unexpected(outcomes):
    """The checks that did not pass."""
    return [check for check, outcome in outcomes.items() if outcome != "passed"]


def cell(case, checks, outcomes):
    """A cell's word and the texts of its notes."""
    ran = [check for check in checks if check in outcomes]
    wrong = unexpected({check: outcomes[check] for check in ran})
    if wrong:
        return f"fails: {', '.join(wrong)}", []
    refused = [check for check in ran if check in case.refuses]
    if refused:
        return "no", list(dict.fromkeys(plain(case.refuses[check]) for check in refused))
    notes = [f"`{check}`: {case.leaves_out[check]}" for check in checks if check in case.leaves_out]
    return "yes" if ran else "-", notes or ([] if ran else [case.nothing])


def row(name, case, found):
    """A row's cells, each a word and the texts of its notes."""
    outcomes, on_jax = (found[backend][name] for backend in BACKENDS)
    cells = [cell(case, checks, outcomes) for checks in COLUMNS.values()]
    wrong = unexpected(on_jax)
    word = f"fails: {', '.join(wrong)}" if wrong else "yes"
    cells[list(COLUMNS).index("JAX")] = word, []
    return [*cells, found["memory"][name]]


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
    parser.add_argument("--record", nargs=2, metavar=("JOB", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    if arguments.record:
        return record(*arguments.record)
    found = run()
    from memory_order import LENGTHS

    page = render(load_cases(), found, LENGTHS)
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(TESTS.parent)}")
    return 1 if "fails: " in page else 0


if __name__ == "__main__":
    sys.exit(main())
