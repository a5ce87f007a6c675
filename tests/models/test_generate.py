"""Models and searches put together: every family, every search, alone and compiled."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import decoding, models
from keras_attention.models import compiled as compiled_module
from keras_attention.ops.accelerator import on_accelerator

SOURCE_SIZE, TARGET_SIZE, WIDTH = 11, 13, 8
SEARCHES = {
    "greedy": decoding.Greedy(max_length=5),
    "beam": decoding.Beam(
        width=3, n_best=2, length_penalty=0.6, coverage_penalty=0.2, max_length=5
    ),
    "diverse": decoding.DiverseBeam(width=4, groups=2, n_best=2, max_length=5),
    "sample": decoding.Sample(samples=2, top_p=0.9, max_length=5, seed=3),
}
ENCODERS = {
    "recurrent": lambda: models.RecurrentEncoder(units=5),
    "transformer": lambda: models.TransformerEncoder(2, 2, 11),
    "mixed": lambda: models.TransformerEncoder(2, 2, 11),
}
DECODERS = {
    "recurrent": lambda: models.ParallelDecoder(units=7),
    "transformer": lambda: models.TransformerDecoder(2, 2, 11),
    "mixed": lambda: models.BahdanauDecoder(units=7),
}


def make_model(family):
    """A model with weights so wide that rows get different answers."""
    parts = ENCODERS[family](), DECODERS[family]()
    model = models.Seq2Seq(*parts, SOURCE_SIZE, TARGET_SIZE, WIDTH)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if len(weight.shape) == 2:
            scale = 1.5 if "cross" in weight.path else 0.5 if family == "transformer" else 0.9
            weight.assign(rng.normal(scale=scale, size=weight.shape))
    return model


def make_source():
    """Ragged rows, the longest in the middle."""
    source = np.random.default_rng(2).integers(4, SOURCE_SIZE, (4, 6)).astype("int32")
    for row, length in enumerate((3, 6, 1, 5)):
        source[row, length - 1] = 3
        source[row, length:] = 0
    return source


def found_by(model, search, source):
    return decoding.SearchResult(*map(ops.convert_to_numpy, model.generate(source, search)))


# Every search on one family, every family with one search: the rest in `make test-all`.
FAMILIES_AND_SEARCHES = [
    pytest.param(
        family,
        search,
        marks=() if family == "transformer" or search == "beam" else pytest.mark.exhaustive,
    )
    for family in ENCODERS
    for search in SEARCHES
]


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(("family", "search"), FAMILIES_AND_SEARCHES)
def test_a_row_is_decoded_as_if_it_were_alone(family, search):
    model, source = make_model(family), make_source()
    together = found_by(model, SEARCHES[search], source)
    assert len({tuple(ids.ravel()) for ids in together.ids}) >= 3  # the source decides
    for row, ids in enumerate(source):
        length = int((ids != 0).sum())
        alone = found_by(model, SEARCHES[search], ids[None, :length])
        np.testing.assert_array_equal(alone.ids[0], together.ids[row])
        np.testing.assert_array_equal(alone.lengths[0], together.lengths[row])
        np.testing.assert_allclose(alone.scores[0], together.scores[row], atol=1e-5)
        np.testing.assert_allclose(alone.token_scores[0], together.token_scores[row], atol=1e-5)
        alignments = together.alignments[row]
        np.testing.assert_allclose(alone.alignments[0], alignments[..., :length], atol=1e-5)
        assert not alignments[..., length:].any()


def test_a_mixed_model_is_saved_and_loaded(tmp_path):
    model, source = make_model("mixed"), make_source()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = found_by(model, SEARCHES["beam"], source)
    found = found_by(loaded, SEARCHES["beam"], source)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


@pytest.mark.default_cases(1)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles in any case")
@pytest.mark.parametrize("family", ENCODERS)
def test_a_search_compiled_by_xla(family):
    skip_where_keras_refuses(family)
    model, whole = make_model(family), make_source()
    search = decoding.Greedy(max_length=6)
    compiled = models.CompiledSearch(model, search, jit_compile=True, return_alignments=False)
    # XLA makes a program for each size, and for sources with a prefix.
    calls = [(3, None), (3, 2), (1, None)] if family == "transformer" else [(3, 2)]
    for rows, given in calls:
        source = whole[:rows]
        prefix = None if given is None else np.full((rows, given), 5, "int32")
        eager = model.generate(source, search, prefix=prefix)
        found = compiled.generate(source, prefix)
        np.testing.assert_array_equal(found.ids, ops.convert_to_numpy(eager.ids))
        scores = ops.convert_to_numpy(eager.scores)
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)
        assert found.alignments is None
    assert is_compiled_by_xla(compiled, whole)
    compiled.compile(jit_compile=False)
    np.testing.assert_array_equal(
        compiled.generate(source).ids, found_by(model, search, source).ids
    )
    assert not is_compiled_by_xla(compiled, whole)


def skip_where_keras_refuses(family):
    if family != "transformer" and on_accelerator():
        pytest.skip("XLA cannot take cuDNN's kernels: a test of its own says so")


def is_compiled_by_xla(search, source):
    """Whether a program of it is, or a function that the program calls."""
    program = search.predict_function.get_concrete_function([{"source": source}])
    functions = program.graph.as_graph_def().library.function
    return any(
        function.attr["_XlaMustCompile"].b for function in (program.function_def, *functions)
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles in any case")
def test_two_batches_in_one_call_of_a_compiled_search():
    model, source = make_model("transformer"), make_source()[:3]
    search = decoding.Greedy(max_length=6)
    compiled = models.CompiledSearch(model, search, return_alignments=False)
    compiled.compile(jit_compile=True, steps_per_execution=2)
    together = compiled.predict({"source": source}, batch_size=1, verbose=0)
    np.testing.assert_array_equal(together["ids"], found_by(model, search, source).ids)
    assert is_compiled_by_xla(compiled, source)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="cuDNN is asked for by name")
def test_keras_decides_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(compiled_module, "on_accelerator", lambda: True)
    search = decoding.Greedy(max_length=6)
    with pytest.warns(UserWarning, match="jit_compile=True"):
        compiled = models.CompiledSearch(make_model("recurrent"), search, jit_compile=True)
    assert not compiled.jit_compile
    assert models.CompiledSearch(make_model("transformer"), search, jit_compile=True).jit_compile


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA is asked for by name")
def test_keras_decides_where_another_layer_refuses():
    model = make_model("recurrent")
    model.source_embedding.supports_jit = False
    with pytest.warns(UserWarning, match="jit_compile=True"):
        compiled = models.CompiledSearch(model, SEARCHES["greedy"], jit_compile=True)
    assert not compiled.jit_compile
