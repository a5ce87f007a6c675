"""Beam search against hands, every sequence there is, and a plain beam that never stops early."""

import keras
import numpy as np
import pytest
import search_reference as reference
from fake_steps import (
    RUNNERS,
    RUNNERS_OF_NO_ROWS,
    START,
    Problem,
    arrays,
    eager,
    prefix_problem,
    prefix_step,
    search_prefixes,
    spelling_state,
    spelling_step,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import Beam, DiverseBeam, Greedy, Sample

END, A, B = 1, 2, 3
EXAMPLES = 4 if keras.backend.backend() == "jax" else 17  # JAX compiles each of them
traced = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX traces the step once, however often it runs"
)


def spelled_out(probabilities, attended=None, source_length=1, max_length=4):
    """A `Problem` of one row from the probabilities of the next token after each prefix.

    A prefix that is not mentioned ends. `attended` gives the source position each prefix looks at.
    """
    nodes = (4**max_length - 1) // 3
    table = np.zeros((1, nodes, 4))
    table[:, :, END] = 1
    alignments = np.zeros((1, nodes, source_length), "float32")
    for prefix, position in (attended or {}).items():
        alignments[0, node_of(prefix), position] = 1
    for prefix, after in probabilities.items():
        table[0, node_of(prefix)] = [after.get(token, 0) for token in range(4)]
    with np.errstate(divide="ignore"):
        logits = np.log(table).astype("float32")  # impossible tokens have a logit of -inf
    return Problem(logits, alignments, np.ones((1, source_length), bool))


def node_of(prefix):
    node = 0
    for token in prefix:
        node = node * 4 + token + 1
    return node


def search(problem, runner=eager, **options):
    return runner(search_prefixes(Beam(**options), END))(problem)


GARDEN_PATH = {
    (): {A: 0.5, B: 0.4, END: 0.1},
    (A,): {A: 0.45, B: 0.3, END: 0.25},
    (B,): {END: 0.9, A: 0.1},
}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_garden_path_by_hand(runner):
    result = search(spelled_out(GARDEN_PATH), runner, width=2, n_best=2, max_length=2)
    assert result.ids.tolist() == [[[B, 0], [A, A]]]  # the second one is cut off
    assert result.lengths.tolist() == [[1, 2]]
    np.testing.assert_allclose(np.exp(result.scores), [[0.4 * 0.9, 0.5 * 0.45]], rtol=1e-5)


def test_a_narrow_beam_loses_what_a_wide_one_finds():
    narrow = search(spelled_out(GARDEN_PATH), width=1, max_length=2)
    assert narrow.ids.tolist() == [[[A, A]]]


def test_the_length_penalty_favours_the_longer_sentence():
    problem = spelled_out({(): {A: 0.36, B: 0.25, END: 0.01}, (B,): {B: 1}, (B, B): {B: 1}})
    problem.logits[0, 0, 0] = np.log(0.38)  # the padding token is a token like any other
    short = search(problem, width=3, length_penalty=1.0)
    long = search(problem, width=3, length_penalty=2.0)
    assert short.ids[0, 0, :3].tolist() == [0, 0, 0] and short.lengths.tolist() == [[1]]
    assert long.ids[0, 0, :4].tolist() == [B, B, B, 0] and long.lengths.tolist() == [[3]]
    np.testing.assert_allclose(short.scores, [[np.log(0.38) / (7 / 6)]], rtol=1e-5)
    np.testing.assert_allclose(long.scores, [[np.log(0.25) / (9 / 6) ** 2]], rtol=1e-5)


def test_the_coverage_penalty_counts_the_step_of_the_end_token():
    problem = spelled_out(
        {(): {A: 0.6, B: 0.4}}, attended={(): 0, (A,): 0, (B,): 1}, source_length=2
    )
    assert search(problem, width=2).ids[0, 0, 0] == A
    covered = search(problem, width=2, coverage_penalty=0.2)
    assert covered.ids[0, 0, 0] == B
    np.testing.assert_allclose(covered.scores, [[np.log(0.4)]], rtol=1e-5)
    assert covered.alignments[0, 0].tolist() == [[1, 0], [0, 0], [0, 0], [0, 0]] + [[0, 0]] * 60

    masked = problem._replace(source_mask=np.array([[True, False]]))
    assert search(masked, width=2, coverage_penalty=0.2).ids[0, 0, 0] == A


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 999),
    alpha=st.floats(-1, 2),
    beta=st.sampled_from([0.0, 0.2, 1.0]),
    width=st.sampled_from([16, 19]),
    n_best=st.sampled_from([1, 5, 16]),
)
def test_a_beam_wide_enough_equals_brute_force(seed, alpha, beta, width, n_best):
    problem = prefix_problem(seed, batch=3, source_length=5, vocabulary=3, max_length=4)
    result = search(
        problem,
        width=width,
        n_best=n_best,
        max_length=4,
        length_penalty=alpha,
        coverage_penalty=beta,
    )
    for row in range(3):
        best = reference.all_hypotheses(reference.Row(problem, row), END, 4, alpha=alpha, beta=beta)
        reference.assert_found(result, row, best[:n_best])


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 999),
    alpha=st.floats(-1, 2),
    beta=st.sampled_from([0.0, 0.2, 1.0]),
    width=st.integers(1, 5),
    one=st.booleans(),
)
def test_stopping_early_loses_nothing(seed, alpha, beta, width, one):
    problem = prefix_problem(seed, batch=5, source_length=3, vocabulary=4, max_length=5)
    problem.logits[..., END] += 1.0
    n_best = 1 if one else width
    result = search(
        problem,
        width=width,
        n_best=n_best,
        max_length=5,
        length_penalty=alpha,
        coverage_penalty=beta,
    )
    for row in range(5):
        best = reference.beam(reference.Row(problem, row), END, 5, width, alpha=alpha, beta=beta)
        reference.assert_found(result, row, best[:n_best])


OPTIONS = {"width": 3, "n_best": 2, "length_penalty": 0.6, "coverage_penalty": 0.2}


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_way_to_run_finds_the_same(runner):
    problem = prefix_problem(seed=4, batch=7, source_length=5, vocabulary=3, max_length=6)
    result = search(problem, runner, max_length=6, **OPTIONS)
    for row in range(7):
        best = reference.beam(reference.Row(problem, row), END, 6, 3, alpha=0.6, beta=0.2)
        reference.assert_found(result, row, best[:2])


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_row_does_not_depend_on_its_neighbours(runner):
    problem = prefix_problem(seed=5, batch=5, source_length=3, vocabulary=3, max_length=6)
    run = runner(search_prefixes(Beam(max_length=6, **OPTIONS), END))
    together = run(problem)
    assert len(set(together.lengths[:, 0])) > 2
    for row in range(0, 5, 2):
        copies = Problem(*(np.repeat(x[row : row + 1], 5, axis=0) for x in problem))
        for whole, copied in zip(together, run(copies), strict=True):
            np.testing.assert_array_equal(whole[row], copied[row])


@pytest.mark.parametrize("runner", RUNNERS_OF_NO_ROWS)
@pytest.mark.parametrize(
    "searched", [Greedy(max_length=3), Beam(**OPTIONS, max_length=3)], ids=repr
)
def test_no_rows_at_all(runner, searched):
    problem = prefix_problem(seed=7, batch=0, source_length=5, vocabulary=3, max_length=3)
    result = runner(search_prefixes(searched, END))(problem)
    beams = searched.beams
    shapes = [(0, beams, 3), (0, beams), (0, beams), (0, beams, 3, 5), (0, beams, 3)]
    assert [x.shape for x in result] == shapes


def test_a_row_alone_is_the_same_row():
    problem = prefix_problem(seed=5, batch=5, source_length=3, vocabulary=3, max_length=6)
    together = search(problem, max_length=6, **OPTIONS)
    for row in range(0, 5, 2):
        single = Problem(*(x[row : row + 1] for x in problem))
        alone = search(single, max_length=6, **OPTIONS)
        for whole, same in zip(together[:-1], alone[:-1], strict=True):
            np.testing.assert_array_equal(whole[row], same[0])
        # A logarithm of TensorFlow depends in its last bit on where in the tensor it stands.
        np.testing.assert_allclose(together[-1][row], alone[-1][0], atol=1e-6)


def steps_taken(beam, texts):
    calls = []

    def step(token_ids, state):
        calls.append(1)
        logits, state, alignment = spelling_step(5)(token_ids, state)
        return logits * 2, state, alignment

    mask = ops.ones((len(texts), max(map(len, texts))), dtype="bool")
    beam(step, spelling_state(texts), mask, START, END)
    return len(calls)


@traced
@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0])
def test_it_stops_when_no_row_can_get_better(alpha):
    beam = Beam(width=2, length_penalty=alpha, max_length=50)
    assert steps_taken(beam, [[2, 3, END]]) == 3
    assert steps_taken(beam, [[2, 3, 2, 3, END], [2, END]]) == 5


@traced
def test_a_state_leaf_that_never_changes_is_never_copied():
    seen = []

    def step(token_ids, state):
        seen.append(state["memory"])
        logits = ops.one_hot(state["position"] % 3 + 2, 5) * 9.0
        return logits, {**state, "position": state["position"] + 1}, ops.ones((6, 1))

    state = {"memory": ops.ones((2, 7)), "position": ops.zeros((2,), "int32")}
    Beam(width=3, max_length=4)(step, state, ops.ones((2, 1), dtype="bool"), START, END)
    assert len(seen) == 4 and all(memory is seen[0] for memory in seen)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    "search",
    [
        Beam(width=4, n_best=4, max_length=4, coverage_penalty=0.2),
        DiverseBeam(width=4, groups=2, n_best=4, max_length=4),
        Sample(samples=3, seed=5, max_length=4),
    ],
    ids=lambda search: type(search).__name__,
)
def test_what_is_shared_has_one_row_for_all_beams(search, runner):
    """The step repeats the tables of a problem itself: the search must not."""
    problem = prefix_problem(3, 5, 7, vocabulary=3, max_length=4)

    def shared_step(token_ids, state):
        tables = state["shared"]
        assert tables["logits"].shape[1:] == problem.logits.shape[1:]
        sentences = ops.shape(tables["logits"])[0]
        beams = ops.shape(token_ids)[0] // sentences
        rows = ops.arange(ops.shape(token_ids)[0], dtype="int32") // beams
        whole = {name: ops.take(table, rows, axis=0) for name, table in tables.items()}
        logits, new, alignment = prefix_step(token_ids, {**whole, "node": state["node"]})
        return logits, {"shared": tables, "node": new["node"]}, alignment

    def find(logits, alignments, source_mask):
        node = ops.zeros((ops.shape(logits)[0],), dtype="int32")
        state = {"shared": {"logits": logits, "alignments": alignments}, "node": node}
        return search(shared_step, state, source_mask, START, 1)

    found = runner(find)(problem)
    expected = eager(search_prefixes(search, 1))(problem)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.alignments, expected.alignments, atol=1e-6)


def test_every_step_is_given_what_is_shared_as_it_was():
    given = []

    def step(token_ids, state):
        given.append(state["shared"])
        logits = ops.one_hot(token_ids + 1, 3)
        return logits, {"shared": state["shared"] + 1}, logits[:, :1]

    state = {"shared": ops.convert_to_tensor(np.array([2.0, 5.0], "float32"))}
    found = Beam(width=2, max_length=3)(step, state, ops.ones((2, 1), "bool"), 0, 2)
    assert ops.convert_to_numpy(found.ids)[:, 0].tolist() == [[1, 0, 0]] * 2
    assert all(shared is state["shared"] for shared in given)


@traced
def test_a_state_leaf_that_changed_once_follows_its_beam():
    transitions = np.random.default_rng(6).normal(size=(100, 7)).astype("float32")
    transitions[:, END] = -9
    steps = []

    def step(token_ids, state):
        steps.append(1)
        if len(steps) == 2:  # from here on untouched
            state = {"first": token_ids}
        logits = ops.take(transitions, token_ids, axis=0)
        return logits, state, ops.one_hot(state["first"], 7)

    state = {"first": ops.zeros((1,), "int32")}
    mask = ops.ones((1, 7), dtype="bool")
    result = arrays(Beam(width=5, n_best=5, max_length=5)(step, state, mask, START, END))
    assert len(set(result.ids[0, :, 0])) > 1 and result.lengths.max() > 3
    for ids, alignment, length in zip(
        result.ids[0], result.alignments[0], result.lengths[0], strict=True
    ):
        np.testing.assert_array_equal(alignment[1:length].argmax(-1), ids[0])


def test_fewer_hypotheses_than_asked_for():
    problem = spelled_out({(): {A: 0.7, END: 0.3}})
    result = search(problem, width=7, n_best=4, max_length=3)
    assert result.ids.tolist() == [[[A, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]]
    assert result.lengths.tolist() == [[1, 0, 0, 0]]
    np.testing.assert_allclose(np.exp(result.scores[0, :2]), [0.7, 0.3], rtol=1e-5)
    np.testing.assert_array_equal(result.scores[0, 2:], np.full(2, -1e30, "float32"))


@pytest.mark.parametrize("width", [1, 3])
def test_a_model_that_is_sure_spells_the_same_as_greedy(width):
    texts = [[2, 4, 3, 3, END], [3, END], [END]]
    found = []
    for searched in (Greedy(max_length=7), Beam(width=width, max_length=7)):
        mask = ops.ones((3, 5), dtype="bool")
        found.append(arrays(searched(spelling_step(5), spelling_state(texts), mask, START, END)))
    for greedy, beam in zip(*found, strict=True):
        np.testing.assert_allclose(greedy, beam, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_are_scored_in_float32(dtype):
    def step(token_ids, state):
        logits = ops.cast(ops.zeros((3, 1009)), dtype)
        return logits, state, ops.cast(ops.ones((3, 1)), dtype)

    beam = Beam(width=3, max_length=11)
    result = arrays(beam(step, {}, ops.ones((1, 1), "bool"), START, 1008))
    assert result.scores.dtype == result.alignments.dtype == np.float32
    np.testing.assert_allclose(result.scores, -11 * np.log(1009), rtol=1e-5)


def test_config_round_trip():
    config = {
        "width": 7,
        "length_penalty": 0.6,
        "coverage_penalty": 0.2,
        "n_best": 3,
        "length_normalization": "simple",
        "max_length": 31,
    }
    search = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Beam(**config))
    )
    assert isinstance(search, Beam)
    assert search.get_config() == config
    assert search.beams == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, r"`width`.*at least 1\. Received: width=0"),
        ({"width": 2.0}, r"`width`.*an integer.*Received: width=2\.0"),
        ({"n_best": 0}, r"`n_best`.*at least 1\. Received: n_best=0"),
        ({"width": 2, "n_best": 3}, r"at most `width`\. Received: n_best=3, width=2"),
        ({"max_length": 0}, r"`max_length`.*at least 1\. Received: max_length=0"),
        ({"coverage_penalty": -0.1}, r"at least 0\. Received: coverage_penalty=-0\.1"),
        ({"coverage_penalty": float("nan")}, r"Received: coverage_penalty=nan"),
        ({"length_penalty": None}, r"finite.*Received: length_penalty=None"),
        ({"length_penalty": float("nan")}, r"finite.*Received: length_penalty=nan"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Beam(**arguments)
