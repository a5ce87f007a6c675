"""Every layer with one input passes the checklist of `tests/input_checks.py`."""

import pytest
from input_cases import CASES
from input_checks import checks_of
from layer_checks import check_name, run_check


@pytest.mark.parametrize(
    ("case", "check"),
    [
        pytest.param(case, check, id=f"{name}-{check_name(check)}")
        for name, case in CASES.items()
        for check in checks_of(case)
    ],
)
def test_input_checklist(case, check, tmp_path):
    run_check(check, case, tmp_path)
