"""The command line starts before Keras is imported, and knows every class once it is."""

import os
import subprocess
import sys

import house
import keras

import keras_attention
from keras_attention import training  # noqa: F401  Its schedules are registered too.
from keras_attention.__main__ import COMMANDS

HELP = """
import sys
import keras_attention_cli

calls = [[], ["--help"], ["--version"], ["recipes"], *([name, "--help"] for name in sys.argv[1:])]
for arguments in calls:
    sys.argv = ["keras-attention", *arguments]
    try:
        code = keras_attention_cli.main()
    except SystemExit as stopped:
        code = stopped.code
    assert not code, arguments
    slow = {"keras", "tensorflow", "jax", "torch", "numpy", "matplotlib"} & set(sys.modules)
    assert not slow, f"{arguments} imports {slow}"
"""

LOAD = """
import sys
import keras_attention
import keras
keras.models.load_model(sys.argv[1])
"""

NAMES = """
import keras_attention_cli
for name in keras_attention_cli.PACKAGES:
    keras_attention_cli.defer(name)
from keras_attention.decoding.search_options import SearchOptions
for name in reversed(keras_attention_cli.PACKAGES):
    keras_attention_cli.load(name)
import keras
import keras_attention
assert keras_attention.decoding.SearchOptions is SearchOptions
assert keras_attention.training.recipes.get("dates").search == SearchOptions()
print(*keras.saving.get_custom_objects(), sep="\\n")
"""


def run(program, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=house.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_help_imports_nothing_slow_and_prints_no_log():
    assert run(HELP, *COMMANDS).stderr == ""


def test_a_model_loads_after_the_import_of_the_package_alone(tmp_path):
    inputs = keras.Input((3, 5))
    outputs = keras_attention.layers.LuongAttention("general")(inputs, inputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    run(LOAD, tmp_path / "model.keras", KERAS_BACKEND="jax")  # It starts faster than TensorFlow.


def test_the_command_line_knows_every_class():
    registered = keras.saving.get_custom_objects().items()
    ours = {
        name
        for name, kind in registered
        if kind.__module__ in house.modules()
        and getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
    }
    assert len(ours) > 50
    assert ours <= set(run(NAMES).stdout.splitlines())
