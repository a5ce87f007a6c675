"""Every notebook runs from top to bottom in a fresh kernel."""

import ast
import inspect

import house
import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((house.ROOT / "notebooks").glob("*.ipynb"))
SECONDS_PER_CELL = 600


def test_the_quick_start_is_there():
    assert house.ROOT / "notebooks" / "quickstart.ipynb" in NOTEBOOKS


@pytest.mark.exhaustive  # the README's program is the same model, trained and asked in each run
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_uses_names_that_exist(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    # Lines for IPython are not Python.
    lines = [line for cell in cells for line in cell.splitlines() if line[:1] not in ("%", "!")]
    tree = ast.parse("\n".join(lines))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names, checked = {}, 0
    exec(compile(ast.Module(imports, []), str(path), "exec"), names)
    for node in ast.walk(tree):
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        found = names.get(node.id) if isinstance(node, ast.Name) else None
        while inspect.ismodule(found) and chain:
            found = getattr(found, chain.pop(0))
            checked += 1
    assert checked > 10
