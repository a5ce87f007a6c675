"""What is encoded comes back, on every script."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_attention import text

LATIN = "abcäß#.,- \t\n0129"
OTHERS = "年月日март三가각กิ\u0301\u0628\u064e’„"


def as_read_back(tokenizer, string):
    """What each kind promises to give back."""
    if tokenizer.kind in ("word", "wordpiece"):
        return " ".join(string.split())
    if tokenizer.kind == "sentencepiece":
        return string.lstrip(" ").replace("\x00", "\ufffd")
    return string


def decoded(tokenizer, strings):
    return [item.decode("utf-8") for item in tokenizer.decode(tokenizer.encode(strings)).numpy()]


def test_dates_of_every_script(tokenizer, dates):
    assert decoded(tokenizer, dates) == [as_read_back(tokenizer, date) for date in dates]


def test_hand_made_texts(tokenizer):
    strings = [
        "a##b #c ## ### don't (x)  ,y",
        "one\ntwo\tthree",
        "zero\x00byte",
        "#",
        "##",
        "",
        " ",
    ]
    assert decoded(tokenizer, strings) == [as_read_back(tokenizer, string) for string in strings]


def test_training_text_has_no_unknown(core_tokenizer, dates):
    ids = core_tokenizer.encode(dates).flat_values.numpy()
    assert core_tokenizer.unknown_id not in ids
    assert ids.min() >= 4
    assert ids.max() < core_tokenizer.vocabulary_size


@pytest.fixture(scope="module")
def small():
    """Tokenizers that know LATIN and OTHERS, but no words that hypothesis would write."""
    known = [" ".join(LATIN + OTHERS), " ".join("a" + character for character in LATIN + OTHERS)]
    return {kind: text.train(kind, known) for kind in ("character", "byte", "wordpiece")}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(strings=st.lists(st.text(LATIN + OTHERS, max_size=23), max_size=7))
def test_any_text_of_known_characters(small, strings):
    for tokenizer in small.values():
        wanted = [as_read_back(tokenizer, string) for string in strings]
        assert decoded(tokenizer, strings) == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(strings=st.lists(st.one_of(st.text(max_size=19), st.binary(max_size=19)), max_size=5))
def test_any_bytes_at_all(tokenizers, strings):
    for tokenizer in tokenizers.values():
        ids = tokenizer.encode(strings)
        assert ids.shape[0] == len(strings)
        assert ids.dtype == tf.int32
        valid = [item.encode() if isinstance(item, str) else item for item in strings]
        valid = [item.decode("utf-8", "replace") for item in valid]
        back = decoded(tokenizer, strings)
        if tokenizer.kind == "byte":
            assert back == valid
        if tokenizer.kind == "character":
            known = set(tokenizer.vocabulary)
            wanted = ["".join(c if c in known else "\ufffd" for c in item) for item in valid]
            assert back == wanted


def test_eager_graph_and_dataset_agree(tokenizer, dates):
    wanted = tokenizer.encode(dates).to_list()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode(strings):
        return tokenizer.encode(strings)

    assert encode(tf.constant(dates)).to_list() == wanted
    assert encode(tf.constant(dates[:5])).to_list() == wanted[:5]
    batches = tf.data.Dataset.from_tensor_slices(dates).batch(43).map(tokenizer.encode)
    assert [row for batch in batches for row in batch.to_list()] == wanted


def test_first_use_inside_a_dataset():
    tokenizer = text.CharacterTokenizer(["a", "b"])
    dataset = tf.data.Dataset.from_tensors(["ab", "b"]).map(
        lambda strings: tokenizer.decode(tokenizer.encode(strings))
    )
    assert next(iter(dataset)).numpy().tolist() == [b"ab", b"b"]
    assert tokenizer.encode(np.array(["ba"])).to_list() == [[5, 4]]
