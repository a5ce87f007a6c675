"""Every layer with one input passes the checklist of `tests/input_checks.py`."""

import pytest
from input_cases import CASES
from input_checks import CHECKS
from layer_checks import check_name, run_check


@pytest.mark.parametrize("check", CHECKS, ids=check_name)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_input_checklist(case, check, tmp_path):
    run_check(check, case, tmp_path)
