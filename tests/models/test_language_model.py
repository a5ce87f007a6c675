"""Decoder-only models: the laws of stepping, and searches that continue prompts."""

import keras
import model_checks
import numpy as np
import pytest
from keras import ops

from keras_attention import decoding, layers, losses, models

SIZE, WIDTH = 13, 12
# Ragged, the longest in the middle; a single token, and none.
PROMPTS = np.array([[2, 5, 7, 0], [2, 9, 4, 6], [8, 0, 0, 0], [0, 0, 0, 0]], "int32")
LENGTHS = (3, 4, 1, 0)
ATTENTIONS = {
    "full": {},
    "rotary_grouped": {"position": "rotary", "num_key_value_heads": 1},
    "learned": {"position": lambda: layers.LearnedPosition(9)},
    "window": {"attention": lambda: layers.SlidingWindowAttention(3, 4, window=(2, 0))},
    "linear": {"attention": "linear"},
    "performer": {"attention": lambda: layers.PerformerAttention(2, 4, 7, position="rotary")},
    "memory_compressed": {"attention": lambda: layers.MemoryCompressedAttention(2, 5, stride=2)},
    "bahdanau": {"attention": lambda: layers.BahdanauAttention(5)},
    "local": {"attention": lambda: layers.LocalAttention(layers.DotProductAttention(), window=2)},
    "monotonic": {"attention": lambda: layers.MonotonicAttention(layers.BahdanauAttention(5))},
    "location_sensitive": {
        "attention": lambda: layers.LocationSensitiveAttention(units=5, filters=3, kernel_size=3)
    },
}
DEFAULT = ("window", "linear", "performer", "rotary_grouped", "local", "monotonic")
every_attention = pytest.mark.parametrize(
    "name",
    [
        name if name in DEFAULT else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in ATTENTIONS
    ],
)


def make_model(name="full", num_layers=2, heads=2, **kwargs):
    settings = {key: x() if callable(x) else x for key, x in ATTENTIONS[name].items()}
    decoder = models.TransformerDecoder(num_layers, heads, 11, cross=False, **settings)
    model = models.LanguageModel(decoder, SIZE, WIDTH, **{"tie_embeddings": False, **kwargs})
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(rng.normal(size=weight.shape) * 0.6)
    return model


def arrays(result):
    return decoding.SearchResult(*map(ops.convert_to_numpy, result))


def logits_of(model, ids):
    """Those of one row of ids; padding behind it, of one length each time, changes nothing."""
    logits = model(np.pad(np.asarray(ids, "int32"), (0, 9 - len(ids)))[None])
    return ops.convert_to_numpy(logits)[0, : len(ids)]


@every_attention
def test_steps_after_a_prompt_match_teacher_forcing(name):
    """Of ragged prompts, each with its own continuation, and of the whole from nothing."""
    model, continuation = make_model(name), np.random.default_rng(3).integers(4, SIZE, (4, 3))
    memory = model.encode(PROMPTS)
    state, token, steps = model.start(memory, 4), memory["start_id"], []
    for position in range(4):
        logits, state, alignment = model.step(token, state)
        steps.append(ops.convert_to_numpy(logits))
        assert alignment.shape == PROMPTS.shape
        assert (ops.convert_to_numpy(alignment)[PROMPTS == 0] == 0).all()
        token = continuation[:, min(position, 2)]
    for row, length in enumerate(LENGTHS):
        prompt = PROMPTS[row, :length] if length else [2]
        whole = [*prompt, *continuation[row]]
        expected = logits_of(model, whole)[len(prompt) - 1 :]
        np.testing.assert_allclose(np.stack(steps)[:, row], expected, atol=1e-4)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", ["full", "performer", "bahdanau", "linear", "window"])
def test_greedy_search_is_a_loop_over_the_whole_pass(name):
    model = make_model(name)
    result = arrays(model.generate(PROMPTS, decoding.Greedy(max_length=5)))
    for row, length in enumerate(LENGTHS):
        ids = list(PROMPTS[row, :length]) if length else [2]
        said, score = [], 0.0
        for _ in range(5):
            logits = logits_of(model, ids + said)[-1]
            said.append(int(logits.argmax()))
            score += logits.max() - np.log(np.exp(logits).sum())
            if said[-1] == 3:
                break
        tokens = [token for token in said if token != 3]
        assert result.ids[row, 0].tolist() == tokens + [0] * (5 - len(tokens))
        np.testing.assert_allclose(result.scores[row, 0], score, atol=1e-4)


SEARCHES = {
    "diverse": decoding.DiverseBeam(width=4, groups=2, n_best=2, max_length=4),
    "sample": decoding.Sample(samples=2, max_length=4, seed=3),
    "beam": decoding.Beam(width=3, n_best=2, max_length=4),
}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", ["rotary_grouped", "linear"])
@pytest.mark.parametrize("search", SEARCHES)
def test_the_scores_of_every_search_are_those_of_the_whole_pass(name, search):
    model = make_model(name, num_layers=1)
    found = models.CompiledSearch(model, SEARCHES[search]).generate(PROMPTS)
    for row, length in enumerate(LENGTHS):
        prompt = PROMPTS[row, :length] if length else np.array([2])
        for beam in range(2):
            size = found.lengths[row, beam]
            said = [*found.ids[row, beam, :size], *[3] * int(size < 4)]
            logits = logits_of(model, [*prompt, *said])[len(prompt) - 1 : -1]
            log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            expected = log_probs[range(len(said)), said].sum()
            np.testing.assert_allclose(found.scores[row, beam], expected, atol=1e-4)


def test_alignments_are_the_self_attention_over_the_prompt():
    """Of one block and head: its softmax, from queries and keys that NumPy projects."""
    model = make_model(num_layers=1, heads=1)
    result = arrays(model.generate(PROMPTS[:2], decoding.Greedy(max_length=1)))
    block = model.decoder.blocks[0]
    attention = block.self_attention
    for row, length in enumerate(LENGTHS[:2]):
        if result.lengths[row, 0] == 0:
            continue
        embedded = ops.take(model.embedding.embeddings, PROMPTS[row, :length], axis=0)
        x = block.around_self.before(model.decoder.embedded(embedded[None] * WIDTH**0.5))[0]
        query, key = (
            ops.convert_to_numpy(ops.matmul(x, getattr(attention, f"{part}_kernel")))
            for part in ("query", "key")
        )
        scores = key @ query[-1] / np.sqrt(WIDTH)
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = np.pad(weights, (0, 4 - length))
        np.testing.assert_allclose(result.alignments[row, 0, 0], expected, atol=1e-4)
    assert (result.lengths > 0).any()


def test_a_prefix_and_a_mask_of_the_prompt():
    model, search = make_model(), decoding.Greedy(max_length=4)
    prefix = np.array([[7, 0], [6, 5], [0, 0], [4, 0]])
    found = arrays(model.generate(PROMPTS, search, prefix=prefix)).ids[:, 0]
    assert found[0, 0] == 7 and found[1, :2].tolist() == [6, 5] and found[3, 0] == 4
    masked = np.where(PROMPTS == 0, 5, PROMPTS)
    again = model.generate(masked, search, source_mask=PROMPTS != 0)
    expected = model.generate(PROMPTS, search)
    np.testing.assert_array_equal(*(ops.convert_to_numpy(x.ids) for x in (again, expected)))
    nothing = model.generate(PROMPTS[:0], search)
    assert tuple(nothing.ids.shape) == (0, 1, 4)


def test_an_ensemble_of_one_model_twice():
    model, search = make_model("linear"), decoding.Greedy(max_length=4)
    both = arrays(models.Ensemble([model, model]).generate(PROMPTS, search))
    np.testing.assert_array_equal(
        both.ids, ops.convert_to_numpy(model.generate(PROMPTS, search)[0])
    )


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", ["full", "performer"])
def test_saved_and_loaded(name, tmp_path):
    model = make_model(name, tie_embeddings=True, end_id=5)
    model_checks.check_saving(model, PROMPTS, tmp_path)
    assert keras.saving.load_model(tmp_path / "model.keras").end_id == 5


def test_fit_learns_a_sequence_by_heart():
    model = make_model(num_layers=1)
    ids = np.array([[2, 5, 6, 7, 3], [2, 8, 4, 3, 0]], "int32")
    model.compile(keras.optimizers.Adam(2e-2), loss=losses.SequenceCrossEntropy())
    model.fit(np.tile(ids[:, :-1], (60, 1)), np.tile(ids[:, 1:], (60, 1)), batch_size=2, verbose=0)
    result = arrays(model.generate(ids[:, :2], decoding.Greedy(max_length=4)))
    assert result.ids[:, 0].tolist() == [[6, 7, 0, 0], [4, 0, 0, 0]]


LEFT = np.array([[0, 2, 5]], "int32")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: models.LanguageModel(models.TransformerDecoder(1, 2, 3), SIZE),
            "without cross-attention",
        ),
        (
            lambda: models.LanguageModel(models.BahdanauDecoder(3), SIZE),
            "without cross-attention.*Received: decoder=<BahdanauDecoder",
        ),
        (lambda: make_model()(LEFT), r"`inputs` to be padded on the right. Received: inputs\[0\]"),
        (lambda: make_model().encode(LEFT), "`source` to be padded on the right"),
        (
            lambda: make_model().encode(LEFT, source_mask=LEFT != 0),
            r"`source_mask` to be True from .* \(source_mask\)\[0\]=\[False, True, True\]",
        ),
        (
            lambda: make_model().generate(
                PROMPTS, decoding.Greedy(max_length=2), source_mask=PROMPTS != 5
            ),
            r"\(source_mask\)\[0\]=\[True, False, True, True\]",
        ),
        (
            lambda: models.CompiledSearch(
                models.Ensemble([make_model()] * 2), decoding.Greedy(max_length=2)
            ).generate(LEFT),
            "`source` to be padded on the right",
        ),
        (
            lambda: make_model().encode(np.array([[2, 5, 0], [2, 0, 5]], "int32")),
            r"\(source != pad_id\)\[1\]=\[True, False, True\]",
        ),
        (lambda: make_model().predict(LEFT, verbose=0), "`inputs` to be padded on the right"),
        (lambda: make_model().start(make_model().encode(PROMPTS)), "Received: max_length=None"),
        (
            lambda: make_model("learned").generate(PROMPTS, decoding.Greedy(max_length=7)),
            "at most that of the position, 9. Received: max_length=10",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
