"""Every attention layer passes the checklist of `tests/layer_checks.py`."""

import importlib
from pathlib import Path

import pytest
from layer_checks import CHECKS, check_name, run_check

CASES = {
    name: case
    for path in sorted(Path(__file__).parents[1].glob("cases_*.py"))
    for name, case in importlib.import_module(path.stem).CASES.items()
}


@pytest.mark.parametrize("check", CHECKS, ids=check_name)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_checklist(case, check, tmp_path):
    run_check(check, case, tmp_path)
