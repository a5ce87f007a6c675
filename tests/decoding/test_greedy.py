"""Greedy search against spelling and a plain Python loop."""

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
)
from keras import ops

from keras_attention.decoding import Beam, DiverseBeam, Greedy, Sample

END = 1
LETTERS = "_$" + "abcdefghijklmnopqrstuvwxyz"


def spell(search, words):
    texts = [[LETTERS.index(letter) for letter in word + "$"] for word in words]
    state = spelling_state(texts)
    mask = ops.convert_to_tensor(np.ones(state["text"].shape, bool))
    result = arrays(search(spelling_step(len(LETTERS)), state, mask, START, END))
    spelled = ["".join(LETTERS[token] for token in ids).rstrip("_") for ids in result.ids[:, 0]]
    return spelled, result


def test_it_spells_sequentially():
    words = ["sequentially", "a", "seven"]
    spelled, result = spell(Greedy(max_length=17), words)
    assert spelled == words
    assert result.ids.shape == (3, 1, 17)
    assert result.scores.shape == (3, 1)
    np.testing.assert_array_equal(result.lengths, [[12], [1], [5]])


def test_the_score_counts_the_end_token():
    _, result = spell(Greedy(max_length=17), ["sequentially", "a"])
    each = -np.log1p(27 * np.exp(-5.0))  # one logit of 5 against 27 of 0
    np.testing.assert_allclose(result.scores[:, 0], [13 * each, 2 * each], rtol=1e-5)


def test_alignments_end_with_the_sentence():
    _, result = spell(Greedy(max_length=5), ["abc", "a"])
    expected = np.zeros((2, 1, 5, 4), "float32")
    expected[0, 0, range(3), range(3)] = 1
    expected[1, 0, 0, 0] = 1
    np.testing.assert_array_equal(result.alignments, expected)


def test_an_unfinished_sentence_is_cut_off():
    spelled, result = spell(Greedy(max_length=5), ["sequentially", "seven", "four"])
    assert spelled == ["seque", "seven", "four"]
    np.testing.assert_array_equal(result.lengths[:, 0], [5, 5, 4])
    np.testing.assert_array_equal(result.finished[:, 0], [False, False, True])


def test_padding_is_written_after_the_end():
    problem_state = spelling_state([[2, END, 2], [3, 3, END]])
    mask = ops.ones((2, 3), dtype="bool")
    result = Greedy(max_length=4)(spelling_step(5), problem_state, mask, START, END, pad_id=4)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(result.ids)[:, 0], [[2, 4, 4, 4], [3, 3, 4, 4]]
    )


@pytest.mark.parametrize("runner", RUNNERS)
def test_it_equals_a_plain_loop(runner):
    problem = prefix_problem(seed=1, batch=7, source_length=5, vocabulary=3, max_length=4)
    result = runner(search_prefixes(Greedy(max_length=4), END))(problem)
    for row in range(7):
        expected = reference.greedy(reference.Row(problem, row), END, max_length=4)
        reference.assert_found(result, row, [expected])


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_row_does_not_depend_on_its_neighbours(runner):
    problem = prefix_problem(seed=2, batch=7, source_length=5, vocabulary=3, max_length=4)
    search = runner(search_prefixes(Greedy(max_length=4), END))
    together = search(problem)
    assert len(set(together.lengths[:, 0])) > 2
    for row in range(7):
        copies = Problem(*(np.repeat(x[row : row + 1], 7, axis=0) for x in problem))
        for whole, copied in zip(together, search(copies), strict=True):
            np.testing.assert_array_equal(whole[row], copied[row])


def test_a_row_alone_is_the_same_row():
    problem = prefix_problem(seed=2, batch=7, source_length=5, vocabulary=3, max_length=4)
    search = eager(search_prefixes(Greedy(max_length=4), END))
    together = search(problem)
    for row in range(0, 7, 3):
        single = Problem(*(x[row : row + 1] for x in problem))
        for whole, alone in zip(together, search(single), strict=True):
            np.testing.assert_array_equal(whole[row], alone[0])


def test_it_stops_when_every_row_has_ended():
    calls = []

    def step(token_ids, state):
        calls.append(1)
        return spelling_step(5)(token_ids, state)

    if keras.backend.backend() == "jax":
        pytest.skip("JAX traces the step once, however often it runs")
    state = spelling_state([[2, 3, END], [2, END]])
    Greedy(max_length=50)(step, state, ops.ones((2, 3), dtype="bool"), START, END)
    assert len(calls) == 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_are_scored_in_float32(dtype):
    def step(token_ids, state):
        logits = ops.cast(ops.zeros((1, 1009)), dtype)
        return logits, state, ops.cast(ops.ones((1, 1)), dtype)

    result = arrays(Greedy(max_length=11)(step, {}, ops.ones((1, 1), "bool"), START, 1008))
    assert result.scores.dtype == result.alignments.dtype == np.float32
    np.testing.assert_allclose(result.scores, -11 * np.log(1009), rtol=1e-5)


def test_the_state_may_be_any_nest():
    def step(token_ids, state):
        (count,), constants = state
        logits = ops.one_hot(ops.where(count == constants["end"], END, 2), 3) * 9.0
        return logits, [(count + 1,), constants], ops.ones((2, 1))

    state = [(ops.zeros((2,), "int32"),), {"end": ops.convert_to_tensor(np.array([3, 1], "int32"))}]
    result = arrays(Greedy(max_length=5)(step, state, ops.ones((2, 1), "bool"), START, END))
    np.testing.assert_array_equal(result.lengths, [[3], [1]])


def test_config_round_trip():
    search = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Greedy(max_length=31))
    )
    assert isinstance(search, Greedy)
    assert search.get_config() == {"max_length": 31}
    assert search.beams == 1
    assert repr(search) == "Greedy(max_length=31)"


@pytest.mark.parametrize("max_length", [0, -3, 2.5, True])
def test_a_bad_max_length_is_refused(max_length):
    with pytest.raises(ValueError, match=rf"at least 1\. Received: max_length={max_length}"):
        Greedy(max_length=max_length)


def test_an_unknown_vocabulary_size_is_refused():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only a TensorFlow graph has unknown sizes")
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def run(logits):
        def step(token_ids, state):
            return logits, state, logits[:, :1]

        return Greedy()(step, {}, ops.ones_like(logits[:, :1], dtype="bool"), START, END)

    with pytest.raises(ValueError, match=r"static vocabulary axis\. Received: shape=\(None, None"):
        run(np.zeros((2, 3), "float32"))


@pytest.mark.parametrize(
    "search",
    [
        Greedy(max_length=3),
        Beam(width=2, n_best=2, max_length=3),
        DiverseBeam(width=4, groups=2, n_best=2, max_length=3),
        Sample(samples=2, max_length=3, temperature=0.01),
    ],
)
def test_each_row_begins_with_its_own_token(search):
    """The model counts: whatever comes in, the next number is all but certain."""

    def count(token_ids, state):
        logits = 9.0 * ops.one_hot(token_ids + 1, 12)
        return logits, state, ops.ones((ops.shape(token_ids)[0], 1))

    result = search(count, {}, ops.ones((3, 1), "bool"), np.array([7, 2, 4]), end_id=11)
    expected = [[8, 9, 10], [3, 4, 5], [5, 6, 7]]
    assert arrays(result).ids[:, 0].tolist() == expected
