"""Says which extra is missing, in one sentence, before an import deep inside fails."""

import importlib.util

NEEDED = (
    *("tensorflow", "babel", "sacrebleu", "sklearn", "seqeval"),
    *("rich", "tyro", "matplotlib", "tensorboard"),
)


def check():
    """Raises `ImportError` with the command that mends it where a library is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"keras_attention.training needs {', '.join(missing)}: "
            'install with pip install "keras-attention[training]".',
            name=missing[0],
        )


check()
