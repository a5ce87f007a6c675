import os

# Before a backend is imported, or it has no effect.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hypothesis
import keras
import pytest

# A merge is decided by the same examples each time; on a developer's machine they are new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(20170612)


def pytest_collection_modifyitems(items):
    """With `--dist loadgroup` a file stays on one worker, for the sake of what its tests share.

    The checklist shares nothing and is the longest: it is spread, a layer at a time.
    """
    for item in items:
        group = item.path.stem
        if group == "test_checklist":
            group = item.callspec.id.rpartition("-")[0]
        item.add_marker(pytest.mark.xdist_group(group))
