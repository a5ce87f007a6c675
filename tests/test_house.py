"""The repository checks its own shape: who imports whom, under which name, and what is public."""

import ast
import configparser
import importlib
import inspect
import json
import os
import re
import subprocess
import sys

import house
import keras
import pytest

MODULES = house.modules()
SOURCE = [
    path
    for path in sorted(house.ROOT.rglob("*"))
    if path.suffix in (".py", ".md", ".ipynb")
    and not {".venv", "build", "dist", "runs", "exports"} & set(path.relative_to(house.ROOT).parts)
]

# Every floor of the house and those it may stand on.
GROUND = {
    "arguments",
    "calibration",
    "compression",
    "display",
    "errors",
    "evidence_words",
    "files",
    "json_shapes",
    "labels",
    "locks",
    "native_log",
    "option_help",
    "option_types",
    "printing",
    "quiet",
    "run_log_filter",
    "score_pictures",
    "share_alerts",
    "share_monitor",
    "fonts",
    "figures",
    "word_pictures",
    "translator_parts",
    "terminal",
    "spans",
    "translations",
    "user_files",
    "version",
    "losses",
    "windows",
    "metrics",
    "visualization",
}
MAY_IMPORT = {
    "ops": set(),
    "layers": {"ops"},
    "decoding": {"ops"},
    "models": {"ops", "layers", "decoding"},
    "analysis": {"ops", "layers", "predictors"},
    "codecs": {"text"},  # Tokenizers are codecs, and are found among them.
    "text": {"codecs"},
    "predictors": {"ops", "layers", "decoding", "models", "text", "codecs"},
    "translator": {"predictors"},
    "training": {
        *("", "ops", "layers", "decoding", "models", "text", "codecs", "predictors", "analysis"),
    },
    "export": {"", "ops", "layers", "decoding", "models", "text", "codecs", "predictors"},
    **{name: {"ops"} for name in GROUND},
}
TOP = {"", "__main__", "demo"}  # the package's own front door, the command line, the demonstration
WINGS = {"training", "export"}


def part_of(module):
    """The room of the house a module belongs to: `keras_attention.layers.luong` is in `layers`."""
    return (module.split(".") + [""])[1]


def imports(name, inside_functions=True):
    """Full names of what a module imports; relative imports are resolved."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), inside_functions):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
            base = ".".join(filter(None, (base, node.module))) if node.level else node.module
            # `from keras_attention import text` names a module, not what it holds.
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def statements(tree, inside_functions):
    for node in ast.iter_child_nodes(tree):
        yield node
        if inside_functions or not isinstance(node, ast.FunctionDef | ast.Lambda):
            yield from statements(node, inside_functions)


def run_python(program, backend="jax"):
    """Runs a program in a clean process that cannot import TensorFlow."""
    block = "import sys\nfor name in ('tensorflow', 'tensorflow_text'): sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", block + program],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=house.ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("part", sorted({part_of(name) for name in MODULES} - TOP))
def test_imports_go_down(part):
    assert part in MAY_IMPORT, f"say in tests/test_house.py what `{part}` may import"
    allowed = MAY_IMPORT[part] | {part} | GROUND
    wrong = {
        name: imported
        for name in MODULES
        for imported in imports(name)
        if part_of(name) == part
        and imported.startswith("keras_attention")
        and part_of(imported) not in allowed
    }
    assert not wrong, "these modules must not import that"


def test_libraries_imported_at_module_level():
    allowed = {"keras", "numpy", "keras_attention", "keras_attention_cli", *sys.stdlib_module_names}
    wrong = {
        name: imported
        for name in MODULES
        for imported in imports(name, inside_functions=False)
        if part_of(name) not in {"text", "codecs", *WINGS} and imported.split(".")[0] not in allowed
    }
    assert not wrong, "these modules must import that inside the function that needs it"


def test_wings_import_their_own_modules_relatively():
    for name in MODULES:
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
        own = f"keras_attention.{part_of(name)}"
        for node in ast.walk(tree):
            if part_of(name) in WINGS and isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not (node.module or "").startswith(own), f"{name}: {ast.unparse(node)}"


def code_of(path):
    """The Python in a file: a program, the fenced blocks of a text, the cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return text


FOLDER_IMPORT = re.compile(
    r"^\s*(?:>>> |\.\.\. )?"
    r"(?:from (?:training|export)(?:\.\w+)* import |import (?:training|export)(?:[\s.,]|$))",
    re.MULTILINE,
)


def test_wings_have_one_name():
    # `import training` would be a second copy of `keras_attention.training`, without its registry.
    assert not {path: found for path in SOURCE if (found := FOLDER_IMPORT.findall(code_of(path)))}


def test_the_folder_import_is_recognised():
    for line in ("import training", "from export.parity import x", ">>> from training import y"):
        assert FOLDER_IMPORT.search(line)
    for line in (
        "from keras_attention.training import x",
        "from .training import x",
        "import exports",
    ):
        assert not FOLDER_IMPORT.search(line)


def test_builds_and_trains_without_tensorflow():
    done = run_python("""
import importlib
import keras, numpy as np
import keras_attention
model = keras_attention.models.Seq2Seq(
    keras_attention.models.RecurrentEncoder(units=5),
    keras_attention.models.BahdanauDecoder(units=7),
    source_vocabulary_size=11, target_vocabulary_size=13, embedding_dim=3)
source = np.array([[4, 5, 3], [6, 3, 0]], "int32")
target = np.array([[2, 7], [2, 8]], "int32")
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit({"source": source, "target": target}, np.array([[7, 3], [8, 3]]), verbose=0)
found = model.generate(source, keras_attention.decoding.Greedy(max_length=5))
assert found.ids.shape == (2, 1, 5)
assert sys.modules["tensorflow"] is None
""")
    assert done.returncode == 0, done.stderr


def test_every_module_outside_text_and_wings_imports_without_tensorflow():
    names = [name for name in MODULES if part_of(name) not in {"text", "codecs", *WINGS}]
    done = run_python(f"import importlib\nfor name in {names}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_text_without_tensorflow_says_what_to_install():
    done = run_python("import keras_attention.text")
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert 'pip install "keras-attention[training]"' in last_line


def test_packages_of_setup_cfg_are_those_on_disk():
    config = configparser.ConfigParser()
    config.read(house.ROOT / "setup.cfg", encoding="utf-8")
    listed = config["options"]["packages"].split()
    on_disk = [name for name, path in MODULES.items() if path.name == "__init__.py"]
    assert sorted(listed) == sorted(on_disk)


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for path in MODULES.values()}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def importable():
    return [name for name in MODULES if not house.is_program(name)]


def is_abstract(found):
    """Whether subclasses must fill a gap, or add a base: nobody saves an object of such a class."""
    adds_to_bases = "super().get_config()" in inspect.getsource(found.get_config)
    needs_a_base = adds_to_bases and not any(hasattr(b, "get_config") for b in found.__bases__)
    return needs_a_base or "raise NotImplementedError" in inspect.getsource(found)


def classes_with_a_config(name):
    """The classes that a module defines with a `get_config` of their own."""
    for _, found in inspect.getmembers(importlib.import_module(name), inspect.isclass):
        if found.__module__ == name and "get_config" in vars(found) and not is_abstract(found):
            yield found


def test_every_class_with_a_config_is_registered():
    # Tokenizers are no Keras objects: they are saved to a folder, whose tokenizer.json names the
    # class. The programs at the top are for TensorFlow alone.
    others = (
        {"text", "codecs"}
        if keras.backend.backend() == "tensorflow"
        else {"text", "codecs", *WINGS}
    )
    names = [name for name in importable() if part_of(name) not in others]
    classes = [found for name in names for found in classes_with_a_config(name)]
    assert classes
    for found in classes:
        assert keras.saving.get_registered_name(found) == f"keras_attention>{found.__name__}", (
            f'{found} needs @keras.saving.register_keras_serializable("keras_attention")'
        )


def test_packages_are_documented():
    for name, path in MODULES.items():
        if path.stem == "__init__":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), f"{name} needs a docstring"


def test_public_names_are_exported_as_themselves_and_documented():
    for name in importable():
        path = MODULES[name]
        if path.stem != "__init__":
            continue
        module = importlib.import_module(name)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = node.names if isinstance(node, ast.ImportFrom) else []
            for alias in names:
                if (alias.asname or alias.name).startswith("_"):
                    continue
                assert alias.asname == alias.name, f"{name}: {alias.name} as {alias.name}"
                public = getattr(module, alias.name)
                own = vars(public).get("__doc__") if inspect.isclass(public) else public.__doc__
                assert own and own.strip(), f"{name}.{alias.name} needs a docstring"


def test_a_package_that_moved_keeps_its_public_names():
    from keras_attention import layers
    from keras_attention.layers import patterns

    for name in ("BlockSparse", "Fixed", "Pattern", "SlidingWindow", "Strided"):
        assert getattr(patterns, name) is getattr(layers, name)


def test_no_name_is_exported_twice_from_one_package():
    for name, path in MODULES.items():
        if path.stem == "__init__":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = [a.asname for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names]
            assert len(names) == len(set(names)), name


def test_nothing_is_swallowed():
    """An `except` that only passes says why in the same line."""
    for path in MODULES.values():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ExceptHandler) and isinstance(node.body[0], ast.Pass):
                written = lines[node.lineno - 1] + lines[node.body[0].lineno - 1]
                assert "#" in written, f"{path}:{node.lineno}"


def test_at_most_four_levels_of_layers():
    from keras_attention import layers, models

    def levels(found):
        """The longest line of layers of this library from a class down to Keras'."""
        if not issubclass(found, keras.layers.Layer) or found.__module__.startswith("keras.src"):
            return 0
        return 1 + max(levels(base) for base in found.__bases__)

    public = [x for room in (layers, models) for x in vars(room).values() if inspect.isclass(x)]
    assert max(map(levels, public)) == 4  # SlidingWindow-, Pattern-, MultiHeadAttention, Attention


STOP = re.compile(r"^\| [^|]+ \| `([\w/]+\.py)` \| `(\w+)` \|", re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:training|export|keras_attention|tests)/[\w/]+\.py)`")


def test_the_guide_names_files_and_functions_that_exist():
    page = (house.ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    stops = STOP.findall(page)
    assert len(stops) > 20
    for file, name in stops:
        tree = ast.parse((house.ROOT / file).read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if hasattr(node, "name")}
        assert name in defined, f"docs/library.md: {file} has no {name}"
    missing = [file for file in NAMED_FILE.findall(page) if not (house.ROOT / file).exists()]
    assert not missing
