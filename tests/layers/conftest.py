import pytest
from exports import Exports


@pytest.fixture(scope="module")
def latest():
    """A list of the `Exports` made last, and nothing else."""
    return []


@pytest.fixture
def exports(case, latest, tmp_path_factory):
    """The files of the case's model, made once for all its checks: these follow each other."""
    if not latest or latest[0].case is not case:
        latest[:] = [Exports(case, tmp_path_factory.mktemp("exports"))]
    return latest[0]
