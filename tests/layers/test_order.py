"""What stands beside attention passes the checklist of `tests/order_checks.py`."""

import pytest
from layer_checks import check_name, run_check
from order_cases import CASES
from order_checks import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=check_name)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_order_checklist(case, check, tmp_path):
    run_check(check, case, tmp_path)
