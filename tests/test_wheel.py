"""The wheel that users install: complete, and working where the repository is out of reach.

`make test-wheel` runs the whole suite on it.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import wheel_files

import keras_attention

PROGRAM = """
import importlib, pathlib, sys
import numpy as np
site, *names = sys.argv[1:]
for name in names:
    module = importlib.import_module(name)
    assert pathlib.Path(module.__file__).is_relative_to(site), module.__file__
import keras_attention
layer = keras_attention.layers.DotProductAttention()
query, value = np.ones((2, 3, 5), "float32"), np.ones((2, 7, 5), "float32")
context, weights = layer(query, value, return_attention_scores=True)
np.testing.assert_allclose(np.asarray(weights), np.full((2, 3, 7), 1 / 7), rtol=1e-5)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return wheel_files.build_wheel(tmp_path_factory.mktemp("wheel"))


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == set(wheel_files.source_files().values())


def test_license_and_command_are_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("LICENSE") for name in names)
    (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
    assert b"keras-attention =" in zipfile.ZipFile(wheel).read(entry_points)


def test_all_packages_work_from_the_wheel_alone(wheel, tmp_path):
    site = wheel_files.unpack_wheel(wheel, tmp_path / "site")
    packages = [
        installed.removesuffix("/__init__.py").replace("/", ".")
        for installed in wheel_files.source_files().values()
        if installed.endswith("/__init__.py")
    ]
    assert "keras_attention.training" in packages and "keras_attention.export" in packages
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(site), *packages],
        env={**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_suite_runs_on_what_it_should():
    on_wheel = bool(os.environ.get("KERAS_ATTENTION_WHEEL"))
    here = Path(keras_attention.__file__).is_relative_to(wheel_files.ROOT / "keras_attention")
    assert here != on_wheel
