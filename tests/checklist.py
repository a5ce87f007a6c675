"""Which checks of a checklist run on which case, and how."""

import keras
import pytest

# What cannot run on a backend: JAX has no float64 unless the whole process asks for it, and Keras
# multiplies float64 in float32 on Torch (`keras.backend.result_type` gives no float64 but on
# TensorFlow); files are exported from TensorFlow, and Torch's compiler is not used by Keras.
NOT_RUN = {
    "jax": ("finite_differences", "saved_model", "onnx"),
    "torch": ("finite_differences", "saved_model", "onnx", "compiled"),
}


def cases_and_checks(cases, checks_of):
    """The pairs of a case and a check that run on this backend, for `pytest.mark.parametrize`.

    Args:
        cases: Dict of cases by name.
        checks_of: Function from a case to the checks that say something about its layer.
    """
    not_run = NOT_RUN.get(keras.backend.backend(), ())
    return [
        pytest.param(case, check, id=f"{name}-{check_name(check)}")
        for name, case in cases.items()
        for check in checks_of(case)
        if check_name(check) not in (*case.leaves_out, *not_run)
    ]


def run_check(check, case, exports):
    """Runs a check, or verifies that the layer refuses what is checked with the right words."""
    name = check_name(check)
    if name in case.refuses:
        with pytest.raises((ValueError, NotImplementedError), match=case.refuses[name]):
            check(case, exports)
    else:
        check(case, exports)


def check_name(check):
    return check.__name__.removeprefix("check_")
