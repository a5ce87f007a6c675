"""The layers with two inputs pass the checklist of `tests/pair_checks.py`.

The proofs from the papers are in `test_two_inputs_papers.py`.
"""

import pytest
from layer_checks import check_name, run_check
from pair_cases import CASES
from pair_checks import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=check_name)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_two_inputs_checklist(case, check, tmp_path):
    run_check(check, case, tmp_path)
