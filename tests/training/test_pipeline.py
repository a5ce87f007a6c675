import itertools

import house
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attention import UserError, text
from keras_attention.training import Pairs, make_batches, tokenize
from keras_attention.training.data import pipeline
from keras_attention.training.data.datasets import parallel_text

# Two full pools of batches and a third with a broken last batch.
NUMBER, BATCH = 743, 7
STEPS = 50 + 50 + 7
START, END = 2, 3


def numbered_pairs(number=NUMBER):
    """Pairs that carry their own number on both sides, of very different lengths."""
    generator = np.random.default_rng(47)
    fill = generator.integers(0, 23, size=(2, number))
    return Pairs(
        [f"{index}{'-' * fill[0, index]}" for index in range(number)],
        [f"{'+' * fill[1, index]}{index}" for index in range(number)],
    )


@pytest.fixture(scope="module")
def tokenizer():
    return text.CharacterTokenizer("0123456789-+")


@pytest.fixture(scope="module")
def tokenized(tokenizer):
    return tokenize(numbered_pairs(), tokenizer, tokenizer)


@pytest.fixture(scope="module")
def batches(tokenized):
    return make_batches(tokenized, BATCH, seed=11)


def rows_of(dataset):
    return [rows.tolist() for rows in dataset.as_numpy_iterator()]


def numbers_of(batch, tokenizer):
    """The number that each row of a batch carries, by source and by labels."""
    inputs, labels = batch
    sides = (tokenizer.decode(ids).numpy() for ids in (inputs["source"], labels))
    return [[int(row.strip(b"+-")) for row in side] for side in sides]


def test_every_pair_comes_exactly_once_an_epoch(batches, tokenizer):
    epoch = list(batches.training(3, 4))
    assert len(epoch) == batches.steps == STEPS
    seen = [numbers_of(batch, tokenizer) for batch in epoch]
    assert all(source == target for source, target in seen)
    assert sorted(itertools.chain(*(source for source, _ in seen))) == list(range(NUMBER))
    assert sorted(len(source) for source, _ in seen) == [1] + [BATCH] * (STEPS - 1)


def test_order_depends_on_seed_and_epoch(tokenized, batches):
    again = make_batches(tokenized, BATCH, seed=11)
    assert rows_of(batches.rows(0, 2)) == rows_of(again.rows(0, 2))
    first, second = (rows_of(batches.rows(epoch, epoch + 1)) for epoch in (0, 1))
    other = rows_of(make_batches(tokenized, BATCH, seed=12).rows(0, 1))
    assert sorted(map(len, first)) == sorted(map(len, second))
    assert {frozenset(rows) for rows in first} != {frozenset(rows) for rows in second}
    assert {frozenset(rows) for rows in first} != {frozenset(rows) for rows in other}
    assert [len(rows) for rows in first].index(1) != STEPS - 1 or first != sorted(first)


def test_resumed_epochs_are_those_of_an_uninterrupted_run(batches):
    whole = rows_of(batches.rows(0, 5))
    assert whole[2 * STEPS :] == rows_of(batches.rows(2, 5))
    assert batches.training(2, 5).cardinality() == 3 * STEPS


def test_one_dataset_reads_the_number_of_the_epoch_anew(batches):
    number = tf.Variable(0, dtype=tf.int64)
    dataset = batches.epoch(number)
    assert dataset.cardinality() == STEPS
    for epoch in (4, 1):
        number.assign(epoch)
        expected = batches.training(epoch, epoch + 1)
        for (inputs, labels), (others, other_labels) in zip(dataset, expected, strict=True):
            np.testing.assert_array_equal(inputs["source"], others["source"])
            np.testing.assert_array_equal(labels, other_labels)


def test_source_target_and_labels_are_aligned(tokenizer):
    tokenized = tokenize(Pairs(["01-"], ["2+"]), tokenizer, tokenizer)
    ((inputs, labels),) = make_batches(tokenized, 5).once()
    source, target = tokenizer.encode(["01-", "2+"]).to_list()
    np.testing.assert_array_equal(inputs["source"], [[*source, END]])
    np.testing.assert_array_equal(inputs["target"], [[START, *target]])
    np.testing.assert_array_equal(labels, [[*target, END]])
    assert {inputs["source"].dtype, inputs["target"].dtype, labels.dtype} == {tf.int32}


def test_padding_is_to_the_fixed_lengths_only(batches, tokenized):
    assert len(batches.source_lengths) <= pipeline.NUMBER_OF_LENGTHS
    assert len(batches.target_lengths) <= pipeline.NUMBER_OF_LENGTHS
    for epoch in (0, 6):
        for inputs, labels in batches.training(epoch, epoch + 1):
            assert inputs["source"].shape[1] in batches.source_lengths
            assert inputs["target"].shape[1] in batches.target_lengths
            assert inputs["target"].shape == labels.shape
            for ids, end in ((inputs["source"].numpy(), END), (labels.numpy(), END)):
                lengths = (ids != 0).sum(axis=1)  # Padding is on the right only.
                assert (ids[np.arange(len(ids)), lengths - 1] == end).all()
    assert batches.source_lengths[-1] == tokenized.source_lengths.max()
    assert batches.target_lengths[-1] == tokenized.target_lengths.max()


def test_waste_and_tokens_are_those_of_the_first_epoch(batches, tokenized):
    ids = [ids.numpy() for inputs, labels in batches.once() for ids in (inputs["source"], labels)]
    real = sum((array != 0).sum() for array in ids)
    assert tokenized.tokens == real
    expected = 1 - real / sum(array.size for array in ids)
    assert batches.padding_waste() == pytest.approx(expected)


def test_pairs_that_are_too_long_are_left_out_and_counted(tokenizer):
    pairs = numbered_pairs()
    limits = 17, 13
    tokenized = tokenize(pairs, tokenizer, tokenizer, *limits)
    fits = [
        row
        for row, sides in enumerate(zip(pairs.sources, pairs.targets, strict=True))
        if all(len(side) + 1 <= limit for side, limit in zip(sides, limits, strict=True))
    ]
    assert tokenized.rows.tolist() == fits
    assert tokenized.too_long == NUMBER - len(fits) > 0
    assert (tokenized.source_lengths.max(), tokenized.target_lengths.max()) == limits
    batches = make_batches(tokenized, BATCH)
    seen = []
    for batch in batches.training(0, 1):
        assert batch[0]["source"].shape[1] <= 17 and batch[1].shape[1] <= 13
        seen += numbers_of(batch, tokenizer)[0]
    assert sorted(seen) == fits


def test_no_pair_fits(tokenizer):
    with pytest.raises(UserError, match=r"All 743 pairs are longer .* \(1 source, 2 target"):
        tokenize(numbered_pairs(), tokenizer, tokenizer, 1, 2)


def test_texts_are_tokenized_in_parts(tokenizer, tokenized, monkeypatch):
    monkeypatch.setattr(pipeline, "TOKENIZE_AT_ONCE", 89)
    parts = tokenize(numbered_pairs(), tokenizer, tokenizer)
    assert parts.sources.to_list() == tokenized.sources.to_list()
    assert parts.targets.to_list() == tokenized.targets.to_list()


def padding(lengths, chosen):
    return sum(min(c for c in chosen if c >= length) - length for length in lengths)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=17), st.integers(1, 5))
def test_fixed_lengths_waste_the_least(lengths, number):
    found = pipeline.fixed_lengths(np.array(lengths), number)
    different = sorted(set(lengths))
    best = min(
        padding(lengths, [*chosen, different[-1]])
        for count in range(number)
        for chosen in itertools.combinations(different[:-1], count)
    )
    assert padding(lengths, found) == best
    assert list(found) == sorted(set(found)) and len(found) <= number
    assert found[-1] == max(lengths)


def test_padding_waste_on_multi30k():
    folder = house.ROOT.parent / "shared" / "data" / "multi30k" / "tok"
    if not folder.exists():
        pytest.skip(f"Multi30k is not in {folder}")
    name = "train.lc.norm.tok"
    pairs = parallel_text(folder / f"{name}.en", folder / f"{name}.de")
    tokenizers = [text.WordTokenizer.train(side) for side in (pairs.sources, pairs.targets)]
    batches = make_batches(tokenize(pairs, *tokenizers, 128, 128), batch_size=128, seed=1)
    assert batches.padding_waste() <= 0.17


def test_batches_of_one_pool_come_in_another_order_each_epoch(batches):
    # Sorted by length, the batches of a pool are alike in every epoch: their order must not be.
    orders = {tuple(y.shape[1] for _, y in batches.epoch(epoch)) for epoch in range(8)}
    assert len(orders) > 1
