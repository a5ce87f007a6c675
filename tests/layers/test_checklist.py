"""Every attention layer passes the checklist of `tests/layer_checks.py`."""

import importlib
from pathlib import Path

import pytest
from checklist import cases_and_checks, run_check
from layer_checks import CHECKS
from pattern_reference import take_small_blocks

CASES = {
    name: case
    for path in sorted(Path(__file__).parents[1].glob("cases_*.py"))
    for name, case in importlib.import_module(path.stem).CASES.items()
}


@pytest.mark.parametrize(("case", "check"), cases_and_checks(CASES, lambda case: CHECKS))
def test_checklist(case, check, exports, monkeypatch):
    take_small_blocks(monkeypatch, stretch_bytes=2**20)  # chunks: test_patterns.py
    run_check(check, case, exports)
