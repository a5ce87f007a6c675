"""Every example in a docstring runs and gives what it says."""

import doctest
import importlib

import house
import keras
import numpy as np
import pytest

import keras_attention

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NEEDS_TENSORFLOW = ("text", "training", "export")


def module_names():
    return [name for name in house.modules() if not house.is_program(name)]


@pytest.mark.parametrize("name", module_names())
def test_examples(name, tmp_path, monkeypatch):
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if not on_tensorflow and name.split(".")[1:2] and name.split(".")[1] in NEEDS_TENSORFLOW:
        pytest.skip("this part of the package is for TensorFlow alone")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    names = {"np": np, "keras": keras, "keras_attention": keras_attention, **vars(module)}
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    report = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(
        module, extraglobs=None, globs=names
    ):
        if not on_tensorflow:
            # JAX and Torch show a shape as a tuple: the example runs, its output is not compared.
            for example in test.examples:
                if "TensorShape" in example.want:
                    example.options[doctest.SKIP] = True
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
