"""Several models as one: the mean of their logits, in every way a model is used."""

import subprocess
import sys

import house
import keras
import numpy as np
import pytest
from keras import ops
from model_checks import check_steps

from keras_attention import Translator, decoding, models
from keras_attention.models import Ensemble

SOURCE_SIZE, TARGET_SIZE, END = 11, 13, 3
SEARCHES = [
    decoding.Greedy(max_length=6, constraints=[decoding.NoRepeatNGram(2)]),
    decoding.Beam(width=3, n_best=2, max_length=6),
    decoding.DiverseBeam(width=4, groups=2, n_best=2, max_length=6),
    decoding.Sample(samples=2, top_k=7, max_length=6),
]


def recurrent(seed, decoder=models.ParallelDecoder, **options):
    return spread(
        models.Seq2Seq(
            models.RecurrentEncoder(units=5),
            decoder(units=7),
            **{
                "source_vocabulary_size": SOURCE_SIZE,
                "target_vocabulary_size": TARGET_SIZE,
                "embedding_dim": 6,
                **options,
            },
        ),
        seed,
    )


def transformer(seed):
    encoder = models.TransformerEncoder(num_layers=1, num_heads=2, feed_forward_units=11)
    decoder = models.TransformerDecoder(num_layers=1, num_heads=2, feed_forward_units=11)
    return spread(models.Seq2Seq(encoder, decoder, SOURCE_SIZE, TARGET_SIZE, 8), seed)


def spread(model, seed):
    """Weights so wide that models disagree."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(scale=0.9, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def ensemble():
    return Ensemble([recurrent(1), transformer(2), recurrent(3, models.BahdanauDecoder)])


def make_batch():
    """Ragged rows, the first one the longest."""
    generator = np.random.default_rng(7)
    source = generator.integers(4, SOURCE_SIZE, (3, 5)).astype("int32")
    source[1, 3:] = source[2, 2:] = 0
    target = generator.integers(4, TARGET_SIZE, (3, 4)).astype("int32")
    target[:, 0] = 2
    return {"source": source, "target": target}


def arrays(result):
    return decoding.SearchResult(*map(ops.convert_to_numpy, result))


def test_the_mean_of_the_logits_is_the_geometric_mean_of_the_probabilities(ensemble):
    batch = make_batch()
    found = ops.convert_to_numpy(ensemble(batch)).astype("float64")
    members = [ops.convert_to_numpy(model(batch)).astype("float64") for model in ensemble.models]
    np.testing.assert_allclose(found, np.mean(members, axis=0), atol=1e-5)
    product = np.prod([np.exp(logits) for logits in members], axis=0) ** (1 / 3)
    expected = product / product.sum(-1, keepdims=True)
    found = np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_stepping_equals_the_parallel_pass(ensemble):
    check_steps(ensemble, make_batch(), atol=1e-4)


def test_alignments_are_averaged(ensemble):
    batch = make_batch()
    tokens = batch["target"][:, 0]
    expected = 0
    for model in ensemble.models:
        _, _, alignment = model.step(tokens, model.start(model.encode(batch["source"]), 4))
        expected = expected + ops.convert_to_numpy(alignment) / 3
    _, _, found = ensemble.step(tokens, ensemble.start(ensemble.encode(batch["source"]), 4))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-6)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_a_model_twice_is_that_model(search):
    model, source = recurrent(1), make_batch()["source"]
    alone = arrays(model.generate(source, search))
    twice = arrays(Ensemble([model, model]).generate(source, search))
    for ours, theirs in zip(twice, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_the_score_is_the_log_probability_of_the_parallel_pass(ensemble, search):
    source = make_batch()["source"]
    found = arrays(ensemble.generate(source, search))
    assert len(set(map(tuple, found.ids.reshape(-1, 6)))) > 1
    for beam in range(search.beams):
        target = np.concatenate([np.full((3, 1), 2), found.ids[:, beam]], axis=1).astype("int32")
        logits = ops.convert_to_numpy(ensemble({"source": source, "target": target}))
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        for row, length in enumerate(found.lengths[:, beam]):
            said = [*found.ids[row, beam, :length], END][:6]
            expected = log_probs[row, range(len(said)), said]
            np.testing.assert_allclose(found.scores[row, beam], expected.sum(), atol=1e-3)
            np.testing.assert_allclose(
                found.token_scores[row, beam, :length], expected[:length], atol=1e-3
            )


def test_compiled_search_equals_the_eager_one(ensemble):
    source, search = make_batch()["source"], SEARCHES[1]
    compiled = models.CompiledSearch(ensemble, search).generate(source)
    for ours, theirs in zip(compiled, arrays(ensemble.generate(source, search)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_row_does_not_depend_on_its_neighbours(ensemble):
    source, search = make_batch()["source"], SEARCHES[3]
    together = arrays(ensemble.generate(source, search))
    for row in range(3):
        alone = source[row : row + 1, : np.count_nonzero(source[row])]
        alone = arrays(ensemble.generate(alone, search))
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_allclose(alone.scores[0], together.scores[row], atol=1e-4)


@pytest.mark.parametrize("make", [recurrent, transformer])
def test_the_prefix_of_a_model(make):
    model, source = make(5), make_batch()["source"]
    prefix = np.array([[7, 8], [9, 0], [0, 0]], "int32")
    free = arrays(model.generate(source, decoding.Beam(width=3, max_length=6)))
    found = arrays(model.generate(source, decoding.Beam(width=3, max_length=6), prefix=prefix))
    assert found.ids[0, 0, :2].tolist() == [7, 8] and found.ids[1, 0, 0] == 9
    np.testing.assert_array_equal(found.ids[2], free.ids[2])
    forced = np.concatenate([np.full((3, 1), 2), found.ids[:, 0, :-1]], axis=1).astype("int32")
    logits = ops.convert_to_numpy(model({"source": source, "target": forced}))
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    expected = log_probs[0, range(2), [7, 8]]
    np.testing.assert_allclose(found.token_scores[0, 0, :2], expected, atol=1e-4)


def test_a_compiled_search_takes_a_prefix():
    model, source = transformer(5), make_batch()["source"]
    prefix = np.array([[7, 8], [9, 0], [0, 0]], "int32")
    search = decoding.Beam(width=3, max_length=6)
    compiled = models.CompiledSearch(model, search)
    expected = arrays(model.generate(source, search, prefix=prefix))
    for ours, theirs in zip(compiled.generate(source, prefix), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    free = arrays(model.generate(source, search))
    np.testing.assert_array_equal(compiled.generate(source).ids, free.ids)
    with pytest.raises(ValueError, match=r"below 13\. Received: prefix=\[\[7, 13\]\]"):
        compiled.generate(source[:1], [[7, 13]])


def test_saved_and_loaded(ensemble, tmp_path):
    ensemble.save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    assert isinstance(loaded, Ensemble) and len(loaded.models) == 3
    batch = make_batch()
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(batch)), ops.convert_to_numpy(ensemble(batch)), atol=1e-6
    )
    assert loaded.count_params() == ensemble.count_params()


LOAD = """
import sys
import keras
import numpy as np
import keras_attention
model = keras.saving.load_model(sys.argv[1])
ids = np.array([[4, 5, 3]], "int32")
np.save(sys.argv[2], keras.ops.convert_to_numpy(model({"source": ids, "target": ids})))
"""


def test_loaded_in_a_process_that_only_imports_the_package(tmp_path):
    model = Ensemble([recurrent(1), recurrent(2)])
    model.save(tmp_path / "ensemble.keras")
    paths = str(tmp_path / "ensemble.keras"), str(tmp_path / "logits.npy")
    process = subprocess.run(
        [sys.executable, "-c", LOAD, *paths], cwd=house.ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    ids = np.array([[4, 5, 3]], "int32")
    expected = ops.convert_to_numpy(model({"source": ids, "target": ids}))
    np.testing.assert_allclose(np.load(paths[1]), expected, atol=1e-5)


def test_an_ensemble_of_ensembles(ensemble):
    batch = make_batch()
    nested = Ensemble([ensemble, ensemble])
    np.testing.assert_allclose(
        ops.convert_to_numpy(nested(batch)), ops.convert_to_numpy(ensemble(batch)), atol=1e-5
    )


TEXTS = ["3 mai 2021", "dinsdag", "", "7", "a b c d"]


def translator_of_ensemble(search):
    from keras_attention import text

    tokenizer = text.CharacterTokenizer.train(TEXTS)
    size = tokenizer.vocabulary_size
    members = [
        recurrent(seed, source_vocabulary_size=size, target_vocabulary_size=size) for seed in (1, 2)
    ]
    return Translator(Ensemble(members), tokenizer, tokenizer, search, 17)


needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="texts and exports are TensorFlow's"
)


@pytest.mark.default_cases(1)
@needs_tensorflow
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_a_translator_of_an_ensemble(search, tmp_path):
    translator = translator_of_ensemble(search)
    expected = translator.explain(TEXTS)
    assert len({row.text for row in expected}) > 2
    translator.save(tmp_path / "translator")
    loaded = Translator.load(tmp_path / "translator")
    assert repr(loaded.search) == repr(search)
    for ours, theirs in zip(loaded.explain(TEXTS), expected, strict=True):
        assert ours.text == theirs.text
        assert ours.score == pytest.approx(theirs.score, abs=1e-4)
    for source, together in zip(TEXTS, expected, strict=True):
        assert loaded(source) == together.text


@needs_tensorflow
@pytest.mark.exhaustive  # files of one model are compared in tests/export
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_exports_of_an_ensemble(search, tmp_path):
    """What the exports write: the signature of source ids as SavedModel and as ONNX file."""
    import onnxruntime
    import tensorflow as tf

    from keras_attention.export.saved_model import write_saved_model
    from keras_attention.export.to_onnx import write_onnx

    translator = translator_of_ensemble(search)
    write_saved_model(translator, tmp_path / "saved_model", TEXTS[:1])
    write_onnx(translator, tmp_path / "model.onnx")
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    sources = [row for row in translator.source_ids(TEXTS) if len(row) > 1]
    for row in sources:
        source_ids = np.pad(row, (0, 3))[None]
        expected = arrays(translator.model.generate(source_ids, search))
        served = loaded.signatures["search"](source_ids=tf.constant(source_ids))
        ids, scores = session.run(["ids", "scores"], {"source_ids": source_ids})
        for found_ids, found_scores in ((served["ids"], served["scores"]), (ids, scores)):
            np.testing.assert_array_equal(found_ids, expected.ids)
            np.testing.assert_allclose(found_scores, expected.scores, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [recurrent(1), keras.Sequential()], r"Received: models\[1\]=Sequential"),
        (lambda: [], r"at least one model\. Received: models=\[\]"),
        (
            lambda: [recurrent(1), recurrent(1, target_vocabulary_size=17)],
            r"same `target_vocabulary_size`.*Received: target_vocabulary_size=\[13, 17\]",
        ),
        (
            lambda: [recurrent(1), recurrent(1, end_id=5)],
            r"same `end_id`.*Received: end_id=\[3, 5\]",
        ),
    ],
)
def test_models_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        Ensemble(make())
