"""The layers with two inputs pass the checklist of `tests/pair_checks.py`.

The proofs from the papers are in `test_two_inputs_papers.py`.
"""

import pytest
from checklist import cases_and_checks, run_check
from pair_cases import CASES
from pair_checks import CHECKS


@pytest.mark.parametrize(("case", "check"), cases_and_checks(CASES, lambda case: CHECKS))
def test_two_inputs_checklist(case, check, exports):
    run_check(check, case, exports)
