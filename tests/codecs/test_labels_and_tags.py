"""Labels and tags: ids and back, spans, malformed rows, and what is refused."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import Span, UserError, codecs, text

TEXT = "Ada King wrote to Babbage ."
BIO = ["B-PER", "I-PER", "O", "O", "B-PER", "O"]
BILOU_ROW = ["B-PER", "L-PER", "O", "O", "U-PER", "O"]


def strings_of(tensor):
    return tf.nest.map_structure(lambda item: item.decode(), tensor.numpy().tolist())


def test_labels_have_their_places_as_ids():
    labels = codecs.Labels.train(["refund", " card lost", "refund", "Ärger", ""])
    assert labels.names == ["card lost", "refund", "Ärger"]
    ids = labels.encode([" refund", "Ärger", "card lost"])
    assert ids.dtype == tf.int32 and ids.numpy().tolist() == [1, 2, 0]
    assert strings_of(labels.decode([[1, 2], [0, -1]])) == [["refund", "Ärger"], ["card lost", ""]]
    assert labels.lengths(ids).numpy().tolist() == [1, 1, 1]
    assert labels.padded(ids, 5) is ids
    in_a_graph = tf.function(labels.encode, input_signature=[labels.spec])
    assert in_a_graph(tf.constant(["refund"])).numpy().tolist() == [1]
    with pytest.raises(tf.errors.InvalidArgumentError, match="label is not among those"):
        in_a_graph(tf.constant(["refunds"]))


def test_white_space_around_a_label_does_not_count():
    spaces = [char for char in map(chr, range(0x110000)) if char.isspace()]
    assert "\u00a0" in spaces and len(spaces) > 20
    raw = [f"{space}card{space * 2}lost{space}" for space in spaces]
    labels = codecs.Labels.train(raw)
    assert labels.names == [f"card{space * 2}lost" for space in spaces]
    assert labels.encode(raw).numpy().tolist() == list(range(len(raw)))
    several = codecs.Labels(["a", "b"], several=True)
    assert several.encode(["\u00a0b\u00a0,a\u3000"]).numpy().tolist() == [[1, 1]]


def test_labels_that_are_numbers_are_in_their_order():
    assert codecs.Labels.train(["10", "9", "-1.5", "nan"]).names == ["-1.5", "9", "10", "nan"]


def test_several_labels_of_a_text():
    labels = codecs.Labels.train(["b,a", "", "a , c c"], several=True)
    assert labels.names == ["a", "b", "c c"]
    rows = labels.encode(["c c,a", "", "b, b"])
    assert rows.dtype == tf.int32 and rows.numpy().tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert labels.encode([""]).numpy().tolist() == [[0, 0, 0]]
    assert labels.encode([]).shape == (0, 3)
    every = np.array(list(itertools.product([False, True], repeat=3)))
    wanted = [", ".join(np.array(labels.names)[row]) for row in every]
    assert strings_of(labels.decode(every)) == wanted
    assert labels.encode(wanted).numpy().tolist() == every.astype(int).tolist()
    assert strings_of(labels.tokens(every[-2:])) == [["a", "b", ""], ["a", "b", "c c"]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: codecs.Labels([]), "list of strings .* Received: names=\\[\\]"),
        (lambda: codecs.Labels(["a", "b", "a"]), "each label once .* Received twice: 'a'"),
        (lambda: codecs.Labels(["a,b"], several=True), "no comma in `names`"),
        (lambda: codecs.Labels.train(["", " "]), "no label to learn"),
        (lambda: codecs.Labels(["a"]).encode(["a", "b", "b"]), "one of the 1 .*: 'a'. Rec.*: 'b'$"),
        (lambda: codecs.Tags(["O", "B-x"]), "all tags of the scheme 'bio'"),
        (lambda: codecs.Tags(["O", "x"]), "tags of BIO or BILOU.*Received: 'x'"),
        (lambda: codecs.Tags(["O"], scheme="iob"), "`scheme` to be one of .*scheme='iob'"),
        (lambda: codecs.Tags(["a b"], scheme="plain"), "without white space. Received: 'a b'"),
        (lambda: codecs.Tags.train([[], ""]), "no tag to learn"),
        (lambda: codecs.Tags.train([["NOUN"]]), "choose the scheme \"plain\".*'NOUN'"),
        (lambda: codecs.Tags(["O"]).encode(["O B-x"]), "Expected each tag .* Received: 'B-x'"),
        (lambda: codecs.Tags(["O"]).spans(["O"], "a b"), "each of the 2 words .* 1 tags"),
        (lambda: codecs.LabelsAndTags(), "Expected `labels` to be Labels"),
        (lambda: codecs.LabelsAndTags(tags=codecs.Labels(["a"])), "`tags` to be Tags"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_a_user_can_mend_is_a_user_error():
    with pytest.raises(UserError):
        codecs.Labels(["a"]).encode(["b"])
    with pytest.raises(UserError):
        codecs.Tags.train([["NOUN"]])


def test_tags_to_ids_and_back():
    tags = codecs.Tags.train(["O B-b", ["I-a"]])
    assert tags.names == ["O", "B-a", "I-a", "B-b", "I-b"]
    ids = tags.encode([["O", "B-b"], [], ["I-a"]])
    assert ids.dtype == tf.int32 and ids.to_list() == [[0, 3], [], [2]]
    assert tags.encode(["O B-b", "", "I-a"]).to_list() == ids.to_list()
    padded = tags.padded(ids, 3)
    assert padded.numpy().tolist() == [[0, 3, -1], [-1, -1, -1], [2, -1, -1]]
    assert strings_of(tags.tokens(padded))[0] == ["O", "B-b", ""]
    holes = tf.constant([[-1, 0, -1, 3], [-1, -1, -1, -1], [2, -1, -1, 0]])
    assert strings_of(tags.decode(holes)) == ["O B-b", "", "I-a O"]
    assert strings_of(tf.function(tags.decode)(holes)) == ["O B-b", "", "I-a O"]
    assert strings_of(tags.decode(ids)) == ["O B-b", "", "I-a"]


def test_plain_tags_stand_for_themselves():
    tags = codecs.Tags.train(["DET B-x NOUN"], scheme="plain")
    assert tags.names == ["B-x", "DET", "NOUN"]
    assert tags.repaired(["B-x", "DET"]) == tags.rewritten(["B-x", "DET"]) == ["B-x", "DET"]
    assert tags.spans(["B-x"], "a") == []


@pytest.mark.parametrize(("scheme", "row"), [("bio", BIO), ("bilou", BILOU_ROW)])
def test_spans_have_their_text_and_characters(scheme, row):
    tags = codecs.Tags.train([BIO], scheme=scheme)
    assert tags.spans(row, TEXT, [0.9, 0.5, 1, 1, 0.75, 1]) == [
        Span("PER", "Ada King", 0, 8, 0.5),
        Span("PER", "Babbage", 18, 25, 0.75),
    ]
    assert tags.rewritten(BIO) == tags.rewritten(BILOU_ROW) == row


def entities(row, pattern):
    """The spans of a well-formed row by a regular expression over the prefixes of each kind."""
    found = []
    for kind in "ab":
        prefixes = "".join(tag[0] if tag[2:] == kind else "." for tag in row)
        found += [(kind, *match.span()) for match in re.finditer(pattern, prefixes)]
    return sorted(found, key=lambda span: span[1])


@pytest.mark.parametrize(("scheme", "pattern"), [("bio", "BI*"), ("bilou", "BI*L|U")])
def test_every_row_of_four_words_is_repaired(scheme, pattern):
    """Brute force: a repaired row is well-formed, and one that was well-formed stays."""
    tags = codecs.Tags.train(["B-a B-b"], scheme=scheme)
    for row in itertools.product(tags.names, repeat=3):
        row = [*row, "O"]
        repaired = tags.repaired(row)
        assert tags.repaired(repaired) == repaired
        assert [tag == "O" for tag in repaired] == [tag == "O" for tag in row]
        assert [tag[2:] for tag in repaired] == [tag[2:] for tag in row]
        spans = [
            (span.kind, span.begin // 2, span.end // 2 + 1) for span in tags.spans(row, "w w w w")
        ]
        assert entities(repaired, pattern) == spans
        if is_well_formed(row, scheme):
            assert repaired == row


def is_well_formed(row, scheme):
    """By the definition of the schemes: what each pair of neighbours may be."""
    for one, other in itertools.pairwise(["O", *row, "O"]):
        is_open = one[0] in ("BI" if scheme == "bilou" else "")
        continues = other[0] in "IL"
        may_continue = one[0] in "BI" and one[2:] == other[2:]
        if (continues and not may_continue) or (is_open and not continues):
            return False
    return True


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_spans_to_tags_and_back(scheme):
    tags = codecs.Tags.train(["B-a B-b"], scheme=scheme)
    text = "an ö  w!"  # The third of its four words is empty.
    for row in itertools.product(tags.names, repeat=2):
        row = tags.repaired([*row, "O", "B-a"])
        assert tags.from_spans(tags.spans(row, text), text) == (row, [], [])
    assert tags.from_spans([], "") == (["O"], [], [])


def test_spans_that_words_do_not_hold():
    tags = codecs.Tags.train(["B-a B-b"])
    text = "ab cd  ef."
    cut = Span("a", "b c", 1, 4)
    overlaps, without_word = Span("b", "d", 4, 5), Span("b", " ", 5, 6)
    before_the_sign = Span("b", "ef", 7, 9)
    found = tags.from_spans([before_the_sign, overlaps, without_word, cut], text)
    assert found.tags == ["B-a", "I-a", "O", "B-b"]
    assert found.grown == [cut, before_the_sign] and found.left_out == [overlaps, without_word]
    spaced = tags.from_spans([Span("a", " cd ", 2, 6)], text)
    assert spaced == (["O", "B-a", "O", "O"], [], [])
    for wrong in (Span("a", "", 2, 2), Span("a", "x", 9, 11), Span("a", "x", -1, 2)):
        with pytest.raises(ValueError, match="inside of the 10 characters"):
            tags.from_spans([wrong], text)
    with pytest.raises(ValueError, match="has spans"):
        codecs.Tags(["NOUN"], scheme="plain").from_spans([], "a")


def test_values_of_words_go_to_tokens_and_back():
    """A word that a tokenizer splits, one that it drops, and an empty text."""
    tokenizer = text.ByteTokenizer()
    strings = ["an  ö", "", "x \u3000"]
    numbers = tokenizer.word_numbers(strings)
    assert numbers.to_list() == [[0, -1, -1, -1, 2, -1, -1], [-1], [0, -1, 1, -1, -1, -1]]
    values = tf.ragged.constant([[5, 6, 7], [8], [9, 4]])
    spread = tf.function(codecs.words_to_tokens)(values, numbers)
    assert spread.to_list() == [[5, -1, -1, -1, 7, -1, -1], [-1], [9, -1, 4, -1, -1, -1]]
    back = tf.function(codecs.tokens_to_words)(
        spread.to_tensor(3), numbers, tf.constant(strings), 0
    )
    assert back.to_list() == [[5, 0, 7], [0], [9, 4]]
    scores = codecs.tokens_to_words(tf.ones([3, 9]), numbers, strings, 0.5)
    assert scores.to_list() == [[1, 0.5, 1], [0.5], [1, 1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="more words than values"):
        codecs.words_to_tokens(values[:, :1], numbers)
    assert codecs.words_to_tokens(tf.ragged.constant([[]], tf.int32), numbers[1:2]).to_list() == [
        [-1]
    ]


def test_malformed_rows_by_hand():
    bio = codecs.Tags.train(["B-a B-b"])
    assert bio.repaired(["I-a", "I-b", "I-b", "O", "I-a"]) == ["B-a", "B-b", "I-b", "O", "B-a"]
    bilou = codecs.Tags.train(["B-a B-b"], scheme="bilou")
    assert bilou.repaired(["B-a", "O", "L-b", "I-b"]) == ["U-a", "O", "U-b", "U-b"]
    assert bilou.repaired(["I-a", "I-a", "B-a", "U-a"]) == ["B-a", "L-a", "U-a", "U-a"]


@pytest.mark.parametrize(
    "codec",
    [
        codecs.Labels(["b", "a", "ä"], several=True),
        codecs.Tags.train(["B-x"], scheme="bilou"),
        codecs.LabelsAndTags(labels=codecs.Labels(["a"])),
        codecs.LabelsAndTags(tags=codecs.Tags(["NOUN"], scheme="plain")),
    ],
    ids=lambda codec: codec.kind,
)
def test_saved_and_loaded(codec, tmp_path):
    codec.save(tmp_path)
    loaded = codecs.load(tmp_path)
    assert type(loaded) is type(codec) and loaded.get_config() == codec.get_config()
    if codec.kind == "labelling":
        assert set(loaded.parts) == set(codec.parts)
        assert all(loaded.parts[p].get_config() == codec.parts[p].get_config() for p in codec.parts)


def test_labels_and_tags_at_once(tmp_path):
    examples = SimpleNamespace(labels=["play", "book"], tags=[["O", "B-song"], ["O"]])
    codecs.LabelsAndTags.train(examples).save(tmp_path)
    both = codecs.load(tmp_path)
    assert both.labels.names == ["book", "play"] and both.tags.names == ["O", "B-song", "I-song"]
    encoded = both.encode({"labels": examples.labels, "tags": examples.tags})
    assert encoded["labels"].numpy().tolist() == [1, 0]
    assert both.lengths(encoded).numpy().tolist() == [2, 1]
    padded = both.padded(encoded)
    assert padded["tags"].numpy().tolist() == [[0, 1], [0, -1]]
    answers = both.decode(padded)
    assert strings_of(answers["labels"]) == ["play", "book"]
    assert strings_of(answers["tags"]) == ["O B-song", "O"]
    assert strings_of(both.tokens(padded)["tags"]) == [["O", "B-song"], ["O", ""]]
    only = codecs.LabelsAndTags.train(SimpleNamespace(labels=["a"], tags=None))
    assert only.tags is None and only.lengths({"labels": tf.constant([0, 0])}).shape == (2,)


@pytest.mark.parametrize("scheme", ["bio", "bilou", "plain"])
def test_allowed_rows_are_those_that_need_no_repair(scheme):
    kinds = ["N", "V"] if scheme == "plain" else ["B-a", "B-b"]
    tags = codecs.Tags.train([kinds], scheme=scheme)
    allowed = tags.allowed()
    for places in itertools.product(range(len(tags.names)), repeat=3):
        row = [tags.names[place] for place in places]
        fits = allowed["start"][places[0]] and allowed["end"][places[-1]]
        fits &= all(allowed["between"][one][two] for one, two in itertools.pairwise(places))
        assert fits == (tags.repaired(row) == row), row


@pytest.mark.parametrize("scheme", ["bio", "bilou"])
def test_words_without_a_token_leave_rows_well_formed(scheme):
    """Of all rows of three tags, with a word put anywhere into them."""
    tags = codecs.Tags.train([["B-a", "B-b"]], scheme=scheme)
    names = tags.names
    rows = [
        [names.index(tag) for tag in row]
        for row in itertools.product(names, repeat=3)
        if tags.repaired(row) == list(row)
    ]
    holes = [[*row[:place], -1, *row[place:]] for row in rows for place in range(4)]
    filled = tags.filled(tf.ragged.constant(holes)).to_list()
    for row, full in zip(holes, filled, strict=True):
        named = [names[tag] for tag in full]
        assert tags.repaired(named) == named
        assert [tag for tag, old in zip(full, row, strict=True) if old >= 0] == [
            tag for tag in row if tag >= 0
        ]
