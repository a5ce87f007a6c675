"""Every notebook runs from top to bottom in a fresh kernel."""

import house
import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((house.ROOT / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 600


def test_the_quick_start_is_there():
    assert house.ROOT / "notebooks" / "quickstart.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path, shortened):
    notebook = nbformat.reads(shortened(path.read_text(encoding="utf-8")), as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_uses_public_names_only(path):
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    private = [line for line in code.splitlines() if "import _" in line or "._" in line]
    assert not private
