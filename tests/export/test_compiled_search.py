"""SavedModels whose searches XLA compiles."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_translators import TEXTS, tiny_translator

from keras_attention import decoding
from keras_attention.export import write_saved_model
from keras_attention.export.exporter import exporter_of
from keras_attention.export.manifest import describe
from keras_attention.export.readme import readme
from keras_attention.export.search_graph import filled_up
from keras_attention.export.translation import ServedTranslator

SEARCHES = {
    "greedy": decoding.Greedy(max_length=7),
    "beam": decoding.Beam(width=3, n_best=2, max_length=7),
    "sample": decoding.Sample(
        top_p=0.9, samples=2, seed=5, max_length=7, constraints=[decoding.NoRepeatNGram(3)]
    ),
}
DECODERS = {"sample": "input_feeding"}


@pytest.fixture(scope="module", params=SEARCHES)
def compiled(request, tmp_path_factory):
    """A translator, and what TensorFlow loads of its SavedModel."""
    decoder = DECODERS.get(request.param, "transformer")
    translator = tiny_translator(decoder=decoder, search=SEARCHES[request.param], seed=13)
    folder = tmp_path_factory.mktemp("compiled") / "1"
    write_saved_model(translator, folder, jit_compile=True)
    return translator, tf.saved_model.load(str(folder))


@pytest.mark.default_cases(1)
def test_the_search_is_compiled(compiled):
    _, loaded = compiled
    functions = loaded.signatures["search"].graph.as_graph_def().library.function
    assert any(function.attr["_XlaMustCompile"].b for function in functions)


# XLA makes three programs for each size.
@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    "count", [3, *(pytest.param(count, marks=pytest.mark.exhaustive) for count in (1, 5))]
)
def test_answers_do_not_depend_on_filled_up_shapes(compiled, count):
    translator, loaded = compiled
    texts = [*TEXTS[:count], ""]
    answers = loaded.signatures["explain"](text=tf.constant(texts))
    expected = translator.explain(texts)
    assert [text.decode() for text in answers["text"].numpy()] == [row.text for row in expected]
    scores = [row.score for row in expected]
    np.testing.assert_allclose(answers["score"], scores, atol=1e-4)
    # Without alignments these are another program.
    served = loaded.signatures["serving_default"](text=tf.constant(texts))
    np.testing.assert_array_equal(served["text"], answers["text"])
    np.testing.assert_allclose(served["score"], scores, atol=1e-4)
    every = loaded.signatures["nbest"](text=tf.constant(texts))
    np.testing.assert_array_equal(every["text"][:, 0], answers["text"])
    np.testing.assert_allclose(every["score"][:, 0], scores, atol=1e-4)
    longest = max(len(row.source_tokens) for row in expected)
    assert answers["alignment"].shape[-1] == answers["source_tokens"].shape[1] == longest
    for row, alignment in zip(expected, answers["alignment"].numpy(), strict=True):
        target, source = row.alignment.shape
        np.testing.assert_allclose(alignment[:target, :source], row.alignment, atol=1e-4)
        assert not alignment[target:].any() and not alignment[:, source:].any()


@pytest.mark.default_cases(1)
def test_ids_alone_and_an_empty_batch(compiled):
    translator, loaded = compiled
    rows = translator.source_ids(TEXTS[:3])
    source = np.zeros((3, max(map(len, rows))), "int32")
    for index, row in enumerate(rows):
        source[index, : len(row)] = row
    search = loaded.signatures["search"]
    found, alone = search(source_ids=source), search(source_ids=source[:0])
    assert {name: tuple(output.shape[1:]) for name, output in found.items()} == {
        name: tuple(output.shape[1:]) for name, output in alone.items()
    }
    assert all(output.shape[0] == 0 for output in alone.values())
    assert found["alignments"].shape[-1] == source.shape[1]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((0, 0), (1, 8)),
        ((1, 1), (1, 8)),
        ((2, 8), (2, 8)),
        ((3, 9), (4, 16)),
        ((5, 17), (8, 19)),
        ((9, 19), (16, 19)),
        ((1, 23), (1, 23)),
    ],
)
def test_sources_have_few_shapes(shape, expected):
    source = np.arange(4, 4 + np.prod(shape), dtype="int32").reshape(shape)
    found = filled_up(tf.constant(source), 0, 3, max_length=19).numpy()
    assert found.shape == expected
    rows, length = shape
    np.testing.assert_array_equal(found[:rows, :length], source)
    assert not found[:rows, length:].any()
    copied = found[0] if rows else np.full(expected[1], 3)
    np.testing.assert_array_equal(found[rows:], np.tile(copied, (expected[0] - rows, 1)))


def test_the_bundle_says_so():
    exporter = exporter_of(tiny_translator(search=SEARCHES["greedy"]))
    plain, compiled = (describe(exporter, "tiny", xla) for xla in (False, True))
    assert (plain["xla"], compiled["xla"]) == (False, True)
    assert "xla_cpu_compilation_enabled" in readme(compiled, "7")
    assert "XLA" not in readme(plain, "7")


def test_texts_are_served_without_alignments(monkeypatch):
    translator, asked = tiny_translator(search=SEARCHES["beam"], seed=13), []
    generate = type(translator.model).generate

    def watched(model, source, search, return_alignments=True):
        asked.append(return_alignments)
        return generate(model, source, search, return_alignments=return_alignments)

    monkeypatch.setattr(type(translator.model), "generate", watched)
    served = ServedTranslator(translator)
    for endpoint, expected in (
        (served.serve, False),
        (served.nbest, False),
        (served.explain, True),
    ):
        asked.clear()
        endpoint.get_concrete_function()
        assert asked and set(asked) == {expected}
