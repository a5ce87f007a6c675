"""What stands beside attention passes the checklist of `tests/order_checks.py`."""

import pytest
from checklist import cases_and_checks, run_check
from order_cases import CASES
from order_checks import CHECKS


@pytest.mark.parametrize(("case", "check"), cases_and_checks(CASES, lambda case: CHECKS))
def test_order_checklist(case, check, exports):
    run_check(check, case, exports)
