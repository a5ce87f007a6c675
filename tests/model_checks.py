"""The laws that every sequence-to-sequence model keeps, for the tests of each family.

`batch` is a dict of `source` and `target`, int arrays of ragged rows, as `make_batch` gives.
"""

import keras
import numpy as np
from keras import ops


def make_batch(source_size, target_size, batch=3, source_length=5, target_length=4, seed=0):
    """Ragged rows of ids, the first one the longest."""
    rng = np.random.default_rng(seed)
    source = rng.integers(4, source_size, (batch, source_length)).astype("int32")
    target = rng.integers(4, target_size, (batch, target_length)).astype("int32")
    for row in range(1, batch):
        source[row, source_length - row :] = 0
    target[:, 0] = 2
    return {"source": source, "target": target}


def logits_of(model, batch):
    return ops.convert_to_numpy(model(batch))


def step_logits(model, batch, max_length=7):
    """Logits and alignments of incremental decoding along the target."""
    state = model.start(model.encode(batch["source"]), max_length)
    logits, alignments = [], []
    for position in range(batch["target"].shape[1]):
        step, state, alignment = model.step(batch["target"][:, position], state)
        logits.append(ops.convert_to_numpy(step))
        alignments.append(ops.convert_to_numpy(alignment))
    return np.stack(logits, axis=1), np.stack(alignments, axis=1)


def check_steps(model, batch, atol=1e-5):
    """Incremental decoding matches teacher forcing, and aligns to no padding."""
    logits, alignments = step_logits(model, batch)
    np.testing.assert_allclose(logits, logits_of(model, batch), atol=atol)
    np.testing.assert_allclose(alignments.sum(axis=-1), 1, atol=1e-5)
    padding = np.broadcast_to(batch["source"][:, None] == 0, alignments.shape)
    assert padding.any() and (alignments[padding] == 0).all()


def check_padding(model, batch):
    """More padding changes nothing."""
    wider = {
        "source": np.pad(batch["source"], ((0, 0), (0, 3))),
        "target": np.pad(batch["target"], ((0, 0), (0, 2))),
    }
    length = batch["target"].shape[1]
    found = logits_of(model, wider)[:, :length]
    np.testing.assert_allclose(found, logits_of(model, batch), atol=1e-5)


def check_neighbours(model, batch):
    """A row gives the same alone, without padding."""
    logits = logits_of(model, batch)
    for row, source in enumerate(batch["source"]):
        alone = {
            "source": source[None, : np.count_nonzero(source)],
            "target": batch["target"][row : row + 1],
        }
        np.testing.assert_allclose(logits_of(model, alone)[0], logits[row], atol=1e-5)


def check_later_tokens(model, batch, atol=0.0):
    """Tokens of the target change the logits from their own place on, and none before it."""
    target = batch["target"].copy()
    target[:, 2] = (target[:, 2] + 1) % model.target_vocabulary_size
    logits, changed = logits_of(model, batch), logits_of(model, {**batch, "target": target})
    np.testing.assert_allclose(changed[:, :2], logits[:, :2], atol=atol, rtol=0)
    assert np.abs(changed[:, 2:] - logits[:, 2:]).max() > 1e-4


def check_saving(model, batch, folder):
    """Saved and loaded, and made from its configuration, it is the same model."""
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_allclose(logits_of(loaded, batch), logits_of(model, batch), atol=1e-6)
    again = type(model).from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.count_params() == model.count_params()
