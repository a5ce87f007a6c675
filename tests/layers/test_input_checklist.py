"""Every layer with one input passes the checklist of `tests/input_checks.py`."""

import pytest
from checklist import cases_and_checks, run_check
from input_cases import CASES
from input_checks import checks_of


@pytest.mark.parametrize(("case", "check"), cases_and_checks(CASES, checks_of))
def test_input_checklist(case, check, exports):
    run_check(check, case, exports)
