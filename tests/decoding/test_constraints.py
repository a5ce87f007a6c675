"""Every search under every constraint, against plain Python that asks token by token."""

import json

import keras
import numpy as np
import pytest
import search_reference as reference
from fake_steps import (
    RUNNERS,
    START,
    Problem,
    arrays,
    eager,
    prefix_problem,
    search_prefixes,
    spelling_state,
    spelling_step,
    tensorflow_graph,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import (
    AllowedIds,
    Beam,
    Constraint,
    DiverseBeam,
    Greedy,
    MinimumLength,
    NoRepeatNGram,
    Sample,
)

END, VOCABULARY, LENGTH = 1, 4, 5
EXAMPLES = 2 if keras.backend.backend() == "jax" else 7  # JAX compiles each of them
TABLE = [[2, 3], [0, 2], [1, 3], [0, 1, 2]]
PREFIX = np.array([[3, 2, 3], [2, 0, 0], [0, 0, 0], [3, END, 0], [2, 0, 2]], "int32")


def longer_than(tokens, token):
    return token != END or len(tokens) >= 3


def no_bigram_twice(tokens, token):
    tokens = (*tokens, token)
    pairs = list(zip(tokens, tokens[1:], strict=False))
    return len(pairs) == len(set(pairs))


def no_token_twice(tokens, token):
    return token == END or token not in tokens


def two_letters(tokens, token):
    return token in (END, 0, 3)


def by_the_table(tokens, token):
    return token in TABLE[min(len(tokens), 3)]


CASES = {
    "minimum length": ([MinimumLength(3)], longer_than),
    "no bigram twice": ([NoRepeatNGram(2)], no_bigram_twice),
    "no token twice": ([NoRepeatNGram(1)], no_token_twice),
    "two letters": ([AllowedIds({3, 0})], two_letters),
    "a table": ([AllowedIds(TABLE)], by_the_table),
    "together": (
        [MinimumLength(3), NoRepeatNGram(2)],
        lambda tokens, token: longer_than(tokens, token) and no_bigram_twice(tokens, token),
    ),
}


def forced(row):
    """The prefix of a row as what it permits; padding, 0, leaves the choice."""
    prefix = [int(token) for token in PREFIX[row]]

    def permits(tokens, token):
        place = len(tokens)
        return place >= len(prefix) or prefix[place] in (0, token)

    return permits


def problem_of(seed, batch=5):
    problem = prefix_problem(seed, batch, 3, VOCABULARY, LENGTH)
    problem.logits[..., END] += 0.5
    return problem


def row_of(problem, row):
    return reference.Row(problem, row)


@pytest.mark.parametrize("case", CASES)
def test_greedy_equals_a_plain_loop(case):
    constraints, permits = CASES[case]
    problem = problem_of(seed=3)
    search = Greedy(max_length=LENGTH, constraints=constraints)
    result = eager(search_prefixes(search, END))(problem)
    for row in range(5):
        expected = reference.greedy(row_of(problem, row), END, LENGTH, permits)
        reference.assert_found(result, row, [expected])


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("case", CASES)
def test_beam_equals_a_plain_beam(case, runner):
    constraints, permits = CASES[case]
    problem = problem_of(seed=4)
    search = Beam(3, 0.6, 0.2, n_best=2, max_length=LENGTH, constraints=constraints)
    result = runner(search_prefixes(search, END))(problem)
    for row in range(5):
        best = reference.beam(row_of(problem, row), END, LENGTH, 3, permits, alpha=0.6, beta=0.2)
        reference.assert_found(result, row, best[:2])


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 999),
    case=st.sampled_from(list(CASES)),
    alpha=st.floats(-1, 2),
    normalization=st.sampled_from(["wu", "simple"]),
    beta=st.sampled_from([0.0, 0.2]),
    width=st.sampled_from([1, 2, 5, 243]),
    one=st.booleans(),
)
def test_stopping_early_loses_nothing(seed, case, alpha, normalization, beta, width, one):
    """A beam of 243 holds every prefix: there it equals brute force."""
    constraints, permits = CASES[case]
    problem = problem_of(seed)
    scoring = {"alpha": alpha, "beta": beta, "normalization": normalization}
    n_best = 1 if one else min(width, 7)
    search = Beam(
        width, alpha, beta, n_best, LENGTH, constraints, length_normalization=normalization
    )
    result = eager(search_prefixes(search, END))(problem)
    for row in range(5):
        if width == 243:
            best = reference.all_hypotheses(row_of(problem, row), END, LENGTH, permits, **scoring)
        else:
            best = reference.beam(row_of(problem, row), END, LENGTH, width, permits, **scoring)
        reference.assert_found(result, row, best[:n_best])
        assert (result.scores[row, len(best) :] == np.float32(-1e30)).all()


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("constraints", [[], [NoRepeatNGram(1)]], ids=repr)
def test_the_prefix_comes_first_and_counts(constraints, runner):
    """No constraint forbids it: in the last row, one token comes twice."""
    problem = problem_of(seed=6)

    def permits_of(row):
        def permits(tokens, token):
            if len(tokens) < 3 and PREFIX[row, len(tokens)]:
                return token == PREFIX[row, len(tokens)]
            return not constraints or no_token_twice(tokens, token)

        return permits

    greedy = Greedy(max_length=LENGTH, constraints=constraints)
    beam = Beam(3, 0.6, n_best=3, max_length=LENGTH, constraints=constraints)
    greedy = runner(search_prefixes(greedy, END))(problem, prefix=PREFIX)
    beam = runner(search_prefixes(beam, END))(problem, prefix=PREFIX)
    for row in range(5):
        options = (row_of(problem, row), END, LENGTH)
        reference.assert_found(greedy, row, [reference.greedy(*options, permits_of(row))])
        best = reference.beam(*options, 3, permits_of(row), alpha=0.6)
        reference.assert_found(beam, row, best[:3])
    assert greedy.ids[0, 0, :3].tolist() == beam.ids[0, 0, :3].tolist() == [3, 2, 3]
    assert greedy.lengths[3].tolist() == [1]


def test_a_prefix_is_spelled_on():
    """A speller that is told to begin with another letter goes on with its own."""
    texts = [[2, 4, 3, END], [3, 3, END, 0]]
    mask = ops.ones((2, 4), dtype="bool")
    for search, padded in (
        (Greedy(max_length=6), [6, 0]),
        (Greedy(max_length=6), [0, 6]),  # on the left
        (Beam(2, max_length=6), [0, 6]),
        (Sample(top_k=1, max_length=6), [6, 0]),
    ):
        prefix = np.array([[5, 5], padded], "int32")
        result = arrays(
            search(spelling_step(7), spelling_state(texts), mask, START, END, prefix=prefix)
        )
        assert result.ids[:, 0].tolist() == [[5, 5, 3, 0, 0, 0], [6, 3, 0, 0, 0, 0]]
        each = -np.log1p(6 * np.exp(-5.0))  # one logit of 5 against 6 of 0
        expected = [[each - 5, each - 5, each, 0, 0, 0], [each - 5, each, 0, 0, 0, 0]]
        np.testing.assert_allclose(result.token_scores[:, 0], expected, atol=1e-5)
        np.testing.assert_allclose(result.scores[:, 0], np.sum(expected, axis=1) + each, 1e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only a TensorFlow graph has unknown sizes"
)
def test_the_prefix_of_a_graph_may_have_any_length():
    problem = problem_of(seed=6)

    find = search_prefixes(Beam(3, max_length=LENGTH), END)
    run = tensorflow_graph(find)
    for prefix in (PREFIX, PREFIX[:, :1], PREFIX[:, :0], np.pad(PREFIX, ((0, 0), (0, 7)))):
        expected = eager(find)(problem, prefix=prefix[:, :LENGTH])
        np.testing.assert_array_equal(run(problem, prefix=prefix).ids, expected.ids)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    "search",
    [
        Greedy(max_length=LENGTH, constraints=[NoRepeatNGram(2)]),
        Beam(3, n_best=2, max_length=LENGTH, constraints=[MinimumLength(3), NoRepeatNGram(2)]),
        DiverseBeam(4, 2, n_best=4, max_length=LENGTH, constraints=[NoRepeatNGram(1)]),
        Sample(samples=2, max_length=LENGTH, constraints=[AllowedIds(TABLE)]),
    ],
    ids=repr,
)
def test_a_row_does_not_depend_on_its_neighbours(search, runner):
    problem = problem_of(seed=5)
    run = runner(search_prefixes(search, END))
    together = run(problem, prefix=PREFIX)
    for row in range(0, 5, 2):
        copies = Problem(*(np.repeat(x[row : row + 1], 5, axis=0) for x in problem))
        copied = run(copies, prefix=np.repeat(PREFIX[row : row + 1], 5, axis=0))
        for whole, same in zip(together, copied, strict=True):
            np.testing.assert_array_equal(whole[row], same[row])


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_sentence_that_may_not_go_on(runner):
    """Nothing is allowed after the second token but what came before, and that is not either."""
    constraints = [AllowedIds([[2, 3], [2, 3], [2, 3]]), NoRepeatNGram(1)]
    problem = problem_of(seed=7)
    for search in (
        Greedy(max_length=LENGTH, constraints=constraints),
        Sample(samples=2, max_length=LENGTH, constraints=constraints),
    ):
        result = runner(search_prefixes(search, END))(problem)
        assert (result.scores == np.float32(-1e30)).all()
        assert (result.lengths == 2).all()
        assert set(map(tuple, result.ids.reshape(-1, LENGTH))) == {(2, 3, 0, 0, 0), (3, 2, 0, 0, 0)}
        assert (result.token_scores[..., :2] < 0).all() and (
            result.token_scores[..., 2:] == 0
        ).all()
    result = runner(search_prefixes(Beam(3, max_length=5, constraints=constraints), END))(problem)
    assert (result.scores == np.float32(-1e30)).all()
    assert (result.lengths == 0).all() and (result.ids == 0).all()
    assert (result.token_scores == 0).all()


def test_impossible_tokens_are_not_allowed_by_a_constraint():
    problem = problem_of(seed=8)
    problem.logits[:, :, 2:] = -np.inf
    constraints = [MinimumLength(2), NoRepeatNGram(1)]  # leaves token 0, once
    for search in (Greedy(5, constraints), Beam(2, max_length=5, constraints=constraints)):
        result = eager(search_prefixes(search, END))(problem)
        assert (result.scores == np.float32(-1e30)).all()


def test_the_end_is_allowed_beside_a_set_but_not_beside_a_table():
    problem = problem_of(seed=9)
    lengths = {}
    for name, ids in {"set": [2, 3], "table": [[2, 3]]}.items():
        search = Greedy(max_length=LENGTH, constraints=[AllowedIds(ids)])
        lengths[name] = eager(search_prefixes(search, END))(problem).lengths
    assert (lengths["table"] == LENGTH).all() and (lengths["set"] < LENGTH).any()


@keras.saving.register_keras_serializable("test_constraints")
class EvenLength(Constraint):
    """A constraint of a user's own."""

    def allowed(self, prefixes):
        even = prefixes.length % 2 == 0
        return ops.logical_or(ops.arange(prefixes.vocabulary) != prefixes.end_id, even)[None]

    def get_config(self):
        return {}


def test_a_constraint_of_ones_own():
    search = Beam(4, n_best=4, max_length=LENGTH, constraints=[EvenLength()])
    search = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(search))
    result = eager(search_prefixes(search, END))(problem_of(seed=11))
    finished = result.lengths[result.lengths < LENGTH]
    assert finished.size and (finished % 2 == 0).all()


@pytest.mark.parametrize(
    "as_given",
    [
        np.asarray,
        ops.convert_to_tensor,
        list,
        lambda table: [np.asarray(row) for row in table],
        lambda table: tuple(map(tuple, table)),
    ],
)
def test_a_bool_table_of_any_kind(as_given):
    table = as_given([[False, True, True], [True, False, False]])
    assert AllowedIds(table).ids == [[1, 2], [0]]


def test_integers_of_any_kind():
    for ids in (np.array([5, 7]), ops.convert_to_tensor([5, 7]), (5, np.int64(7)), {7, 5}):
        assert AllowedIds(ids).ids == [5, 7]


ALL = [MinimumLength(3), NoRepeatNGram(2), AllowedIds([5, 7]), AllowedIds([[1], [0, 2]])]


@pytest.mark.parametrize("kind", [Greedy, Beam, DiverseBeam, Sample])
def test_searches_are_saved_with_their_constraints(kind):
    config = keras.saving.serialize_keras_object(kind(max_length=7, constraints=ALL))
    search = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(search) is kind
    assert repr(search) == repr(kind(max_length=7, constraints=ALL))
    assert repr(search).endswith(
        "constraints=[MinimumLength(tokens=3), NoRepeatNGram(size=2), AllowedIds(ids=[5, 7]), "
        "AllowedIds(ids=[[1], [0, 2]])])"
        if kind is not DiverseBeam
        else "groups=3, diversity=0.5)"
    )
    assert repr(search.all_beams().constraints) == repr(search.constraints)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MinimumLength(0), r"`tokens`.*at least 1\. Received: tokens=0"),
        (lambda: NoRepeatNGram(1.5), r"`size`.*an integer.*Received: size=1\.5"),
        (lambda: AllowedIds([]), r"`ids`.*Received: ids=\[\]"),
        (lambda: AllowedIds([[2], []]), r"`ids`.*Received: ids=\[\[2\], \[\]\]"),
        (lambda: AllowedIds([2, -1]), r"`ids`.*Received: ids=\[2, -1\]"),
        (lambda: AllowedIds([2, [3]]), r"`ids`.*Received: ids=\[2, \[3\]\]"),
        (lambda: AllowedIds("ab"), r"`ids`.*Received: ids='ab'"),
        (lambda: AllowedIds(7), r"`ids`.*Received: ids=7"),
        (lambda: AllowedIds([2.0, 3.5]), r"`ids`.*Received: ids=\[2\.0, 3\.5\]"),
        (lambda: AllowedIds([True, False]), r"`ids`.*Received: ids=\[True, False\]"),
        (lambda: AllowedIds(np.array([True, False, True])), r"`ids`.*Received: ids=array"),
        (lambda: AllowedIds(np.array([[2.0, 3.0]])), r"`ids`.*Received: ids=array"),
        (lambda: AllowedIds([[True, False], [True]]), r"`ids`.*Received: ids="),
        (lambda: Greedy(constraints=["long"]), r"`constraints`.*Received: constraints=\['long'\]"),
        (
            lambda: eager(search_prefixes(Greedy(5, [AllowedIds([4])]), END))(problem_of(1)),
            r"ids below the size of the vocabulary, 4\. Received: ids=\[4, 1\]",
        ),
        (
            lambda: eager(search_prefixes(Greedy(5), END, prefix=PREFIX[:3]))(problem_of(1)),
            r"`prefix` to have shape \(5, prefix\)\. Received: prefix.shape=\(3, 3\)",
        ),
        (
            lambda: eager(search_prefixes(Greedy(2), END, prefix=PREFIX))(problem_of(1)),
            r"at most `max_length` tokens, 2\. Received: prefix.shape=\(5, 3\)",
        ),
        (
            lambda: eager(search_prefixes(Greedy(5), END, prefix=PREFIX * 1.0))(problem_of(1)),
            r"`prefix` to hold integers\. Received: prefix.dtype=float",
        ),
        (
            lambda: eager(search_prefixes(Greedy(5), END, prefix=PREFIX > 0))(problem_of(1)),
            r"`prefix` to hold integers\. Received: prefix.dtype=bool",
        ),
        (
            lambda: eager(search_prefixes(Greedy(5), END, prefix=PREFIX + 4))(problem_of(1)),
            r"at least 0 and below 4\. Received: prefix=\[\[",
        ),
        (
            lambda: eager(search_prefixes(Greedy(5), END, prefix=-1 - PREFIX))(problem_of(1)),
            r"at least 0 and below 4\. Received: prefix=\[\[",
        ),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
