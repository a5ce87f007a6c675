import collections
import itertools
import os
from pathlib import Path

# Before a backend is imported, or it has no effect.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# JAX compiles one operation after the other, once for each shape, TensorFlow whole searches: most
# of the time of a test. Programs that run once need not be quick: compiled so, in 40 to 60 % of it.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false",
)
# On a GPU JAX and TensorFlow would multiply float32 with the digits of half precision.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

import hypothesis
import keras
import pytest
from xdist.scheduler import LoadScopeScheduling

from keras_attention.ops import accelerator

# A merge is decided by the same examples each time; on a developer's machine they are new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

# Checked here for one case of each layer class.
SLOW_CHECKS = {"overflow", "fit_step"}
# Checked here for one of all layers that attend by the same method, whatever their scores, patterns
# or steps; for all layers and cases in `make test-all` and `make conformance`, whose page says so.
SLOWEST_CHECKS = {"compiled", "keras_file", "saved_model", "onnx"}


TESTS = itertools.count(1)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(20170612)


@pytest.fixture(autouse=True)
def sizes_of_a_processor(monkeypatch):
    """Lets all be cut into the same pieces on each machine, of the sizes that tests count on."""
    monkeypatch.setattr(accelerator, "on_accelerator", lambda: False)


@pytest.fixture(autouse=True)
def room_for_programs():
    """Lets JAX forget what it compiled before there is too much of it.

    Each program is mapped into memory, and Linux ends a process that wants more than 65,530 maps.
    """
    yield
    # A test adds some hundred; to count them takes as long as many a test.
    if keras.backend.backend() == "jax" and next(TESTS) % 20 == 0 and count_maps() > 30_000:
        import jax

        jax.clear_caches()


def count_maps():
    """Memory maps of this process, where the system tells."""
    maps = Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else 0


@pytest.fixture
def shortened(request):
    """A function that has the program of a reader train on less, but in `make test-all`."""

    def shorten(program):
        whole, part = "size=20_000", "size=2_560"
        assert whole in program
        return program if request.config.getoption("exhaustive") else program.replace(whole, part)

    return shorten


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="also what repeats itself: slow checks of every case of a layer, all cases on JAX",
    )


def pytest_collection_modifyitems(config, items):
    if not config.getoption("exhaustive"):
        _leave_out_repetitions(config, items)


class ByFile(LoadScopeScheduling):
    """A file stays on one worker, for the sake of what its tests share; TensorFlow only.

    Those of exports, which JAX does not have, share bundles that take long to make, all files
    together. The checklist shares nothing and is the longest: it is spread, a layer at a time.
    """

    def _split_scope(self, nodeid):
        file, _, test = nodeid.partition("::")
        if file.startswith("tests/export/"):
            return "tests/export"
        return test.rpartition("-")[0] if file.endswith("test_checklist.py") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    is_default = config.getoption("dist") == "load"  # as `-n` has it
    by_file = is_default and keras.backend.backend() == "tensorflow"
    return ByFile(config, log) if by_file else None


def _leave_out_repetitions(config, items):
    kept = _default_cases(items)
    # Of a law the last case runs, which has most in it; of a layer class the first.
    of_layers = [item for item in kept if "check" in _arguments(item)]
    of_laws = [item for item in reversed(kept) if "check" not in _arguments(item)]
    seen = set()
    repetitions = {item for item in (*of_layers, *of_laws) if _repeats(item, seen)}
    kept = [item for item in kept if item not in repetitions]
    config.hook.pytest_deselected(items=list(set(items) - set(kept)))
    items[:] = kept


def _default_cases(items):
    """The tests; of those marked with `default_cases(count)` so many cases."""
    cases = collections.defaultdict(list)
    for item in reversed(items):
        if item.get_closest_marker("default_cases"):
            cases[_law(item)].append(item)
    left_out = set()
    for law in cases.values():
        left_out |= set(law) - _unlike(law, *law[0].get_closest_marker("default_cases").args)
    return [item for item in items if item not in left_out]


def _unlike(cases, count):
    """So many of the cases: the first, then the one with most values that none before it has."""
    chosen, seen = set(), set()
    for _ in range(min(count, len(cases))):
        case = max(
            (case for case in cases if case not in chosen),
            key=lambda case: len(case.callspec.indices.items() - seen),
        )
        chosen.add(case)
        seen |= case.callspec.indices.items()
    return chosen


def _repeats(item, seen):
    """Whether a test says the same of another case of a layer, or of another way to run."""
    on_jax = keras.backend.backend() == "jax"
    arguments = _arguments(item)
    if "check" in arguments:
        check = arguments["check"].__name__.removeprefix("check_")
        layer = arguments["case"].make()
        if check in SLOWEST_CHECKS:
            return _seen((_attending(layer), check), seen)
        return (on_jax or check in SLOW_CHECKS) and _seen((type(layer), check), seen)
    if item.get_closest_marker("exhaustive"):
        return True
    runner = getattr(arguments.get("runner"), "__name__", "")
    if runner == "tensorflow_xla":  # once for each test: compiling takes longer than all else
        return _seen(_law(item), seen)
    if not on_jax:
        return False
    # JAX compiles each case: of each law one runs, and no eager search, whose loop it compiles too.
    return runner == "eager" or _seen(_law(item), seen)


def _attending(layer):
    """The methods by which it attends, which layers of several classes share; else its class."""
    methods = [getattr(type(layer), name, None) for name in ("attend", "attend_heads")]
    return tuple(methods) if any(methods) else type(layer)


def _law(item):
    """What all cases of a test have in common."""
    return item.path, item.originalname


def _arguments(item):
    """Those that a test is parametrized with; of a checklist `case` and `check`."""
    return item.callspec.params if hasattr(item, "callspec") else {}


def _seen(key, seen):
    repeats = key in seen
    seen.add(key)
    return repeats
