"""Which positions of a source are real: said, or found by the model; padding on either side."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import decoding, layers, losses, models

SIZE, FEATURES, WIDTH = 11, 3, 8
GREEDY = decoding.Greedy(max_length=4)


def recurrent():
    return models.RecurrentEncoder(5), models.BahdanauDecoder(7)


def transformer(position=None):
    position = layers.SinusoidalPosition() if position is None else position
    return (
        models.TransformerEncoder(1, 2, WIDTH, position=position),
        models.TransformerDecoder(1, 2, WIDTH),
    )


def make_model(family, frames=False, **options):
    encoder, decoder = family()
    source = {"source_vocabulary_size": None, "source_features": FEATURES}
    source = source if frames else {"source_vocabulary_size": SIZE}
    return models.Seq2Seq(
        encoder, decoder, target_vocabulary_size=SIZE, embedding_dim=WIDTH, **source, **options
    )


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def frames_and_mask():
    """The second row is two positions shorter; both have a frame of zeros before the last."""
    frames = np.random.default_rng(0).normal(size=(2, 5, FEATURES)).astype("float32")
    frames[0, 3] = frames[1, 1] = 0
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    return frames, mask


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("family", [recurrent, transformer])
def test_a_mask_is_an_input_wherever_a_source_goes(family):
    model = make_model(family, frames=True)
    frames, mask = frames_and_mask()
    target = np.array([[2, 5, 6], [2, 7, 4]], "int32")
    alone = [
        to_numpy(model({"source": frames[row : row + 1, :length], "target": target[row : row + 1]}))
        for row, length in enumerate((5, 3))
    ]
    expected = np.concatenate(alone)
    inputs = {"source": frames, "target": target, "source_mask": mask}
    np.testing.assert_allclose(to_numpy(model(inputs)), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, atol=1e-5)
    of_lists = {**inputs, "source_mask": mask.tolist()}
    np.testing.assert_allclose(to_numpy(model(of_lists)), expected, atol=1e-5)
    tensors = {name: keras.KerasTensor(x.shape, dtype=x.dtype.name) for name, x in inputs.items()}
    assert tuple(model(tensors).shape) == expected.shape
    np.testing.assert_array_equal(to_numpy(model.encode(frames, source_mask=mask))["mask"], mask)

    short = [
        to_numpy(model.generate(frames[row : row + 1, :length], GREEDY))
        for row, length in enumerate((5, 3))
    ]
    ensemble = models.Ensemble([model, models.Seq2Seq.from_config(model.get_config())])
    ensemble.models[1].set_weights(model.get_weights())
    np.testing.assert_allclose(to_numpy(ensemble(inputs)), expected, atol=1e-5)
    for found in (
        model.generate(frames, GREEDY, source_mask=mask),
        ensemble.generate(frames, GREEDY, source_mask=mask),
        models.CompiledSearch(model, GREEDY).generate(frames, source_mask=mask),
    ):
        for row, (result, length) in enumerate(zip(short, (5, 3), strict=True)):
            np.testing.assert_array_equal(to_numpy(found.ids)[row], result.ids[0])
            np.testing.assert_allclose(to_numpy(found.scores)[row], result.scores[0], atol=1e-5)
            alignments = to_numpy(found.alignments)[row]
            np.testing.assert_allclose(alignments[..., :length], result.alignments[0], atol=1e-5)
            assert (alignments[..., length:] == 0).all()


def test_a_mask_is_trained_with():
    """What the mask rules out changes no step of training; without it, it does."""
    frames, mask = frames_and_mask()
    frames[1, 3:] = 7.0
    changed = np.where(mask[..., None], frames, -3.0)
    target = np.array([[2, 5, 6], [2, 7, 4]], "int32")
    model = make_model(recurrent, frames=True)
    model.compile(keras.optimizers.SGD(0.1), loss=losses.SequenceCrossEntropy())
    start, found = model.get_weights(), []
    for source, masks in [
        (frames, {"source_mask": mask}),
        (changed, {"source_mask": mask}),
        (frames, {}),
    ]:
        model.set_weights(start)
        model.train_on_batch({"source": source, "target": target, **masks}, target)
        found.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    assert np.abs(found[2] - found[0]).max() > 1e-4


def test_frames_of_zeros_are_padding_at_the_end_only():
    model = make_model(recurrent, frames=True)
    frames, mask = frames_and_mask()
    padded = np.where(mask[..., None], frames, 0)
    np.testing.assert_array_equal(to_numpy(model.encode(padded))["mask"], mask)
    assert not to_numpy(model.encode(0 * frames))["mask"].any()


def test_a_mask_for_ids_too():
    model = make_model(recurrent)
    ids = np.array([[4, 5, 6, 3, 0], [7, 3, 9, 9, 9]], "int32")
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], bool)
    found = to_numpy(model.encode(ids, source_mask=mask))
    expected = to_numpy(model.encode(np.where(mask, ids, 0)))
    np.testing.assert_array_equal(found["mask"], expected["mask"])
    np.testing.assert_allclose(found["values"][mask], expected["values"][mask], atol=1e-6)


def test_a_mask_of_another_length_is_refused():
    model = make_model(recurrent)
    with pytest.raises(ValueError, match=r"`source_mask` to broadcast to \(2, 5\)\. Rec.*\(2, 4\)"):
        model.encode(np.ones((2, 5), "int32"), source_mask=np.ones((2, 4), bool))


POSITIONS = {
    "recurrent": recurrent,
    "sinusoidal": transformer,
    "learned": lambda: transformer(layers.LearnedPosition(7)),
    "rotary": lambda: transformer(layers.RotaryPosition()),
    "alibi": lambda: transformer(layers.ALiBiPosition()),
}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("family", POSITIONS.values(), ids=POSITIONS.keys())
def test_sources_may_be_padded_on_the_left(family):
    model = make_model(family)
    right = np.array([[4, 5, 6, 7, 3], [8, 9, 3, 0, 0]], "int32")
    left = np.array([[4, 5, 6, 7, 3], [0, 0, 8, 9, 3]], "int32")
    target = np.array([[2, 5, 6], [2, 7, 4]], "int32")
    logits = [to_numpy(model({"source": ids, "target": target})) for ids in (right, left)]
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-5)
    # Tokens in another order are another source.
    other = to_numpy(model({"source": right[:, [1, 0, 2, 3, 4]], "target": target}))
    assert np.abs(other - logits[0]).max() > 1e-4
    if family is not transformer:
        return
    one, other = (models.CompiledSearch(model, GREEDY).generate(ids) for ids in (right, left))
    np.testing.assert_array_equal(other.ids, one.ids)
    np.testing.assert_allclose(other.scores, one.scores, atol=1e-5)
    np.testing.assert_allclose(
        np.roll(other.alignments[1], -2, axis=-1), one.alignments[1], atol=1e-5
    )


def test_targets_that_begin_with_padding_are_refused():
    model = make_model(recurrent)
    ids = np.array([[4, 5, 3], [6, 3, 0]], "int32")
    targets = np.array([[2, 5, 6], [0, 2, 7]], "int32")
    message = r"`target` to be padded on the right\. Received: target\[1\]=\[0, 2, 7\], pad_id=0"
    inputs = {"source": ids, "target": targets}
    model.compile("sgd", loss=losses.SequenceCrossEntropy())
    calls = model, model.fit, model.evaluate, model.predict
    batch_calls = model.train_on_batch, model.test_on_batch, model.predict_on_batch
    for call in (*calls, *batch_calls):
        with pytest.raises(ValueError, match=message):
            call(inputs, targets) if call == model.fit else call(inputs)
    assert len(model.fit(inputs | {"target": targets[:, ::-1]}, targets, verbose=0).epoch) == 1


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("family", [recurrent, transformer])
@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_sources_of_nothing(family, shape):
    """No rows give no rows; a source without positions is one of padding alone."""
    model = make_model(family)
    padding = np.zeros((max(shape[0], 1), 1), "int32")
    search = decoding.Beam(2, n_best=2, max_length=4)
    expected = to_numpy(model.generate(padding, search))
    for found in (
        model.generate(np.zeros(shape, "int32"), search),
        models.CompiledSearch(model, search).generate(np.zeros(shape, "int32")),
    ):
        found = type(found)(*to_numpy(list(found)))
        assert found.alignments.shape == (shape[0], 2, 4, shape[1])
        np.testing.assert_array_equal(found.ids, expected.ids[: shape[0]])
        np.testing.assert_allclose(found.scores, expected.scores[: shape[0]], atol=1e-5)
    ids = np.zeros(shape, "int32")
    target = np.full((shape[0], 3), 2, "int32")
    logits = to_numpy(model({"source": ids, "target": target}))
    assert logits.shape == (shape[0], 3, SIZE) and np.isfinite(logits).all()


def test_a_prefix_and_no_rows():
    model = make_model(recurrent)
    nothing = np.zeros((0, 3), "int32")
    assert model.generate(nothing, GREEDY, prefix=nothing).ids.shape == (0, 1, 4)


def test_the_class_weight_of_keras_is_refused():
    model = make_model(recurrent)
    ids = np.array([[2, 5, 3]], "int32")
    model.compile(loss=losses.SequenceCrossEntropy())
    with pytest.raises(ValueError, match=r"SequenceCrossEntropy\(class_w.*Received: class_weight="):
        model.fit({"source": ids, "target": ids}, ids, class_weight={5: 2.0}, verbose=0)
