import dataclasses
import shutil

import pytest
from tiny_runs import TINY, train


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The tiny run; tests leave it as it is."""
    return train(TINY, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def copied_run(run, tmp_path):
    """A copy of the tiny run that a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    return dataclasses.replace(run, folder=folder)
