"""The process of the command line: what it imports, what it prints, how it ends."""

import os
import signal
import subprocess
import sys

import house
import keras
import pytest

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
import sys
import keras_attention_cli
sys.argv[1:] = ["translate", "nowhere", "x"]
code = keras_attention_cli.main()
for name in keras_attention_cli.PACKAGES:
    keras_attention_cli.load(name)
import keras
import keras_attention
from keras_attention.decoding.search_options import SearchOptions
assert keras_attention.decoding.SearchOptions is SearchOptions
assert keras_attention.training.recipes.get("dates").search == SearchOptions()
print(*keras.saving.get_custom_objects(), sep="\\n")
sys.exit(code)
"""

# A command whose work is the second argument, in a process that imports no Keras.
WORK = """
import os, signal, sys
import keras_attention_cli

# Where the tests themselves run in the background, a shell lets them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[1:], work = sys.argv[1].split(), sys.argv[2]
keras_attention_cli.load = lambda name: exec(work) if "LOADING" in work else None
for name in keras_attention_cli.PACKAGES:
    keras_attention_cli.defer(name)
from keras_attention.export import cli as export_cli
from keras_attention.training import cli as training_cli
export_cli.translate_command = training_cli.train_command = lambda options: exec(work)
sys.exit(keras_attention_cli.main())
"""


def run(program, *arguments, exit_code=0, **environment):
    environment = {**os.environ, **environment}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # What a user does not have.
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        cwd=house.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, done.stderr
    return done


def test_help_imports_nothing_slow_and_prints_no_log():
    assert run(HELP, *COMMANDS).stderr == ""


def test_a_model_loads_after_the_import_of_the_package_alone(tmp_path):
    inputs = keras.Input((3, 5))
    outputs = keras_attention.layers.LuongAttention("general")(inputs, inputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    run(LOAD, tmp_path / "model.keras", KERAS_BACKEND="jax")  # It starts faster than TensorFlow.


def test_a_command_knows_every_class_and_prints_no_log():
    registered = keras.saving.get_custom_objects().items()
    ours = {
        name
        for name, kind in registered
        if kind.__module__ in house.modules()
        and getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
    }
    assert len(ours) > 50
    done = run(NAMES, exit_code=2)
    assert ours <= set(done.stdout.splitlines())
    assert done.stderr == "keras-attention: nowhere does not exist.\n"


INTERRUPT = "os.kill(os.getpid(), signal.{name}); signal.pause()"
GOES_ON = "; the same command goes on from the last checkpoint, if there is one"


@pytest.mark.parametrize(
    ("command", "work", "name"),
    [
        ("train dates", INTERRUPT + "  # LOADING", "SIGINT"),
        ("train dates", INTERRUPT, "SIGTERM"),
        ("translate nowhere", "try: " + INTERRUPT + "\nexcept BaseException: 1 / 0", "SIGINT"),
    ],
    ids=["while_it_imports", "at_work", "as_another_exception"],
)
def test_an_interrupt_is_one_sentence(command, work, name):
    number = signal.Signals[name]
    done = run(WORK, command, work.format(name=name), exit_code=128 + number)
    goes_on = GOES_ON if command.startswith("train") else ""
    assert done.stderr == f"keras-attention: stopped{goes_on}.\n"


def test_a_crash_keeps_its_last_words_and_loses_the_chatter():
    log = "W0000 00:00:1795818559.09 97 placer.cc:177] computation placer already registered."
    work = f"os.write(2, b'{log}\\nlast words'); os.abort()"
    done = run(WORK, "translate nowhere", work, exit_code=-signal.SIGABRT)
    assert done.stderr == "last words"


def test_a_terminal_that_knows_ascii_only():
    work = """
from keras_attention.printing import drawing, json_text, make_console
from rich.table import Table
print('März', drawing('░▒▓█'), json_text({'März': '日'}))
table = Table('é')
table.add_row('日')
make_console().print(table)
print('é', file=sys.stderr)
"""
    done = run(WORK, "translate nowhere", work, PYTHONIOENCODING="ascii")
    first, *table = done.stdout.splitlines()
    assert first == r'M?rz .:+# {"M\u00e4rz": "\u65e5"}'
    assert any("| ?" in line for line in table)
    assert done.stderr == "?\n"


def test_output_that_cannot_be_written_is_one_sentence_or_silence():
    def start(*arguments, **streams):
        command = [sys.executable, "-m", "keras_attention_cli", *arguments]
        done = subprocess.run(command, cwd=house.ROOT, stderr=subprocess.PIPE, text=True, **streams)
        return done.returncode, done.stderr

    for arguments in ([], ["help", "help"], ["--version"], ["verify", "--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        assert start(*arguments, stdout=writing) == (0, "")
        os.close(writing)
        if os.path.exists("/dev/full"):
            with open("/dev/full", "w") as full:
                expected = (2, "keras-attention: No space left on device.\n")
                assert start(*arguments, stdout=full) == expected
    closed = start("--help", preexec_fn=lambda: os.close(1))
    assert closed == (2, "keras-attention: Standard output is closed: send it to a file.\n")


CHATTER = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795818559.099529    9792 cudart_stub.cc:31] Could not find cuda drivers.
2026-11-27 22:29:16.081234: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with flags.
E0000 00:00:1795818559.09    92 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to
W0000 00:00:1795818559.0 9 placer.cc:177] computation placer already registered. Please check.
"""
KEPT = """\
W0000 00:00:1795818559.099529    9792 gpu_device.cc:2342] Cannot dlopen some GPU libraries.
2026-11-27 22:29:16.081234: W tensorflow/core/a.cc:1] Allocation of 8 exceeds 10% of free memory.
F0000 00:00:1795818559.099529    9792 tensor.cc:1] Check failed: dtype() == expected_dtype
Unable to register cuDNN factory, says a user.
Fatal Python error: Segmentation fault
"""


def test_only_known_lines_are_left_out():
    program = house.FOLDERS["keras_attention"] / "run_log_filter.py"
    lines = zip(
        CHATTER.splitlines(keepends=True), [*KEPT.splitlines(keepends=True), ""], strict=True
    )
    done = subprocess.run(
        [sys.executable, program],
        input="".join(line for pair in lines for line in pair),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == KEPT
