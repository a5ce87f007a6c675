import gzip
import socket
import sys

import pytest
import tensorflow as tf
from keras_attention.training import datasets
from keras_attention.training.datasets import Pairs, parallel_text, split_share, table
from keras_attention.training.dates import generate

from keras_attention.errors import UserError


def write(path, text):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


# --- dates ---------------------------------------------------------------------------------------


def test_dates_are_those_of_the_generator():
    pairs = datasets.dates("validation", 83, seed=5)
    assert list(zip(pairs.sources, pairs.targets, pairs.groups, strict=True)) == list(
        generate("validation", 83, 5)
    )
    assert pairs.dropped == 0
    assert len(datasets.dates("test", 0)) == 0


def test_dates_stream_is_lazy_and_repeats_itself():
    stream = datasets.dates_stream("train", seed=7, batch_size=13)  # without end
    expected = datasets.dates("train", 39, seed=7)
    for _ in range(2):
        batches = list(stream.take(3).as_numpy_iterator())
        assert [len(sources) for sources, _ in batches] == [13, 13, 13]
        assert [text.decode() for sources, _ in batches for text in sources] == expected.sources
        assert [text.decode() for _, targets in batches for text in targets] == expected.targets


def test_dates_stream_of_a_size():
    stream = datasets.dates_stream("test", batch_size=5, size=17)
    assert [sources.shape[0] for sources, _ in stream] == [5, 5, 5, 2]
    assert stream.element_spec == (tf.TensorSpec((None,), tf.string),) * 2
    with pytest.raises(ValueError, match="split='dev'"):
        datasets.dates_stream("dev")


# --- two parallel files --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_parallel_text(tmp_path, suffix, end):
    break_inside = "zwei\u2028drei\x0bvier\x85"  # no line ends to a corpus
    separator = end or "\n"
    source = write(
        tmp_path / f"a.de{suffix}", separator.join(["eins", break_inside, " fünf "]) + end
    )
    target = write(tmp_path / f"a.en{suffix}", separator.join(["one", "two", "five"]) + end)
    pairs = parallel_text(source, str(target))
    assert pairs == Pairs(["eins", "zwei\u2028drei\x0bvier", "fünf"], ["one", "two", "five"])


def test_parallel_text_counts_what_it_drops(tmp_path):
    source = write(tmp_path / "a", "\ufeffeins\n \nzwei\n\ndrei\n")
    target = write(tmp_path / "b", "one\ntwo\n\t\n\nthree\n")
    assert parallel_text(source, target) == Pairs(["eins", "drei"], ["one", "three"], dropped=3)


@pytest.mark.parametrize(
    "text, message",
    [
        (None, r"There is no file .*bad\.de"),
        ("", r"bad\.de is empty"),
        (" \n\n", r"bad\.de is empty"),
        ("eins\nzwei\n", r"bad\.de has 2 lines but .*good\.en has 3"),
        (b"eins\nzw\xe9i\ndrei\n", r"bad\.de is not valid UTF-8 in line 2"),
    ],
)
@pytest.mark.parametrize("swap", [False, True])
def test_parallel_text_with_bad_input(tmp_path, text, message, swap):
    good, bad = write(tmp_path / "good.en", "one\ntwo\nthree\n"), tmp_path / "bad.de"
    if text is not None:
        write(bad, text)
    if swap:
        message = message.replace(r"bad\.de has 2 lines but .*good\.en has 3", "has 3 .* has 2")
    with pytest.raises(UserError, match=message) as caught:
        parallel_text(*((good, bad) if swap else (bad, good)))
    assert "\n" not in str(caught.value)


def test_parallel_text_that_is_no_file(tmp_path):
    good = write(tmp_path / "good", "one\n")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        parallel_text(tmp_path, good)
    for content in (b"plain text", gzip.compress(b"one\n" * 99)[:-9], b"\x1f\x8b\x08\x00bad"):
        broken = tmp_path / "broken.gz"
        broken.write_bytes(content)
        with pytest.raises(UserError, match=r"broken\.gz is not a whole gzip file"):
            parallel_text(broken, good)
    with pytest.raises(UserError, match="holds no pair"):
        parallel_text(write(tmp_path / "a", "a\n\n"), write(tmp_path / "b", "\nb\n"))


# --- tables --------------------------------------------------------------------------------------

QUOTED = 'id,en,"de, at"\r\n7,"one,\ntwo","eins, ""zwei"""\r\n8,three,drei\r\n9,,vier\r\n\r\n'


@pytest.mark.parametrize("columns", [("en", "de, at"), ("2", "de, at")])
def test_csv_with_names_and_quoted_fields(tmp_path, columns):
    path = write(tmp_path / "a.csv", QUOTED)
    expected = Pairs(["one,\ntwo", "three"], ['eins, "zwei"', "drei"], dropped=2)
    assert table(path, *columns) == expected
    assert table(path, 2, 3, header=True) == expected
    assert table(write(tmp_path / "a.csv.gz", QUOTED), "en", 3, "id").groups == ["7", "8"]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.tab", "a.dev.tsv.gz"])
def test_tab_separated_with_numbers(tmp_path, name):
    path = write(tmp_path / name, '"Hi," he said.\t你好\nRun.\t跑\n')
    assert table(path, 1, 2) == Pairs(['"Hi," he said.', "Run."], ["你好", "跑"])
    assert table(path, "2", "1").targets == ['"Hi," he said.', "Run."]
    assert table(path, 1, 2, header=True) == Pairs(["Run."], ["跑"])


def test_tab_separated_with_quotes(tmp_path):
    path = write(tmp_path / "a.tsv", 'en\tde\n"one\ttwo\nthree"\teins\n')
    assert table(path, "en", "de", quoted=True) == Pairs(["one\ttwo\nthree"], ["eins"])


def test_digits_may_be_a_name(tmp_path):
    path = write(tmp_path / "a.csv", "2,1\nzwei,eins\n")
    assert table(path, "1", "2", header=True) == Pairs(["eins"], ["zwei"])
    assert table(path, "1", "2") == Pairs(["2", "zwei"], ["1", "eins"])


@pytest.mark.parametrize(
    "name, text, columns, message",
    [
        ("a.csv", None, (1, 2), r"There is no file .*a\.csv"),
        ("a.csv", "", (1, 2), r"a\.csv is empty"),
        (
            "a.csv",
            "en,de\none,eins\n",
            ("en", "fr"),
            "no column 'fr': .* 1 to 2, named en, de",
        ),
        ("a.csv", "one,eins\n", (1, 3), "no column 3: it has columns 1 to 2"),
        ("a.csv", "one,eins\n", (0, 1), "no column 0: it has columns 1 to 2"),
        ("a.csv", "one,eins\ntwo\n", (1, 2), "1 columns in the row that ends in line 2.* column 2"),
        ("a.csv", 'one,eins\ntwo,"zwei\n', (1, 2), "no table at line 2: unexpected end of data"),
        ("a.csv", 'one,"ei"ns\n', (1, 2), "no table at line 1"),
        ("a.csv", "en,de\n", ("en", "de"), "holds no pair"),
        ("a.tsv", b"one\teins\ntwo\tzw\xe9i\n", (1, 2), "not valid UTF-8 in line 2"),
        ("a.json", "{}", (1, 2), r"a\.json should end in \.csv, \.tsv"),
        ("a", "one\teins", (1, 2), r"should end in \.csv, \.tsv"),
    ],
)
def test_table_with_bad_input(tmp_path, name, text, columns, message):
    path = tmp_path / name
    if text is not None:
        write(path, text)
    with pytest.raises(UserError, match=message) as caught:
        table(path, *columns)
    assert "\n" not in str(caught.value)


# --- TensorFlow Datasets -------------------------------------------------------------------------

TEXTS = {
    "train": [("um", "one"), ("dois", "two"), ("  ", "three"), ("quatro", "four"), ("avô", "ok")],
    "test": [("cinco", "five"), ("seis", "six")],
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Where a translation set and one that is none lie, prepared as TFDS does it."""
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("tfds")

    with tfds.core.registered.skip_registering():  # so that they can only come from the disk

        class Toy(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _split_generators(self, download_manager):
                return {split: self._generate_examples(split) for split in TEXTS}

        class ToyTranslate(Toy):
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="pt_to_en", version="1.0.0")]

            def _info(self):
                features = tfds.features.Translation(languages=("en", "pt"))
                return tfds.core.DatasetInfo(
                    builder=self, features=features, supervised_keys=("pt", "en")
                )

            def _generate_examples(self, split):
                for index, (portuguese, english) in enumerate(TEXTS[split]):
                    yield index, {"pt": portuguese, "en": english}

        class ToyLabels(Toy):
            def _info(self):
                features = tfds.features.FeaturesDict(
                    {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
                )
                return tfds.core.DatasetInfo(
                    builder=self, features=features, supervised_keys=("text", "label")
                )

            def _generate_examples(self, split):
                for index, (text, _) in enumerate(TEXTS[split]):
                    yield index, {"text": text, "label": index % 2}

    class ToyRemote(ToyTranslate):  # known to TFDS by its name, still to be downloaded
        def _split_generators(self, download_manager):
            raise ConnectionError("no way to example.org\nbecause of a cable")

    ToyTranslate(config="pt_to_en", data_dir=folder).download_and_prepare()
    ToyLabels(data_dir=folder).download_and_prepare()
    return folder


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_tfds_translation(data_dir, no_network):
    pairs = datasets.tfds_translation("toy_translate/pt_to_en", "train", data_dir=data_dir)
    kept = {pair for pair in TEXTS["train"] if pair[0].strip()}
    assert set(zip(pairs.sources, pairs.targets, strict=True)) == kept
    assert pairs.dropped == 1 and pairs.groups is None
    again = datasets.tfds_translation("toy_translate/pt_to_en", "train", data_dir=data_dir)
    assert again == pairs


def test_tfds_translation_the_other_way_and_part_of_a_split(data_dir, no_network):
    name = "toy_translate/pt_to_en:1.0.0"
    pairs = datasets.tfds_translation(name, "test", swap=True, data_dir=str(data_dir))
    assert set(zip(pairs.targets, pairs.sources, strict=True)) == set(TEXTS["test"])
    assert len(datasets.tfds_translation(name, "test[:50%]", data_dir=data_dir)) == 1


@pytest.mark.parametrize(
    "name, split, message",
    [
        ("toy_translate/pt_to_en", "dev", "has no split 'dev': it has train, test"),
        ("toy_translate/pt_to_fr", "train", "knows no set 'toy_translate/pt_to_fr'"),
        ("toy_labels", "train", "toy_labels is no translation set"),
        ("no_such_set_anywhere", "train", "knows no set 'no_such_set_anywhere'"),
        ("toy_remote/pt_to_en", "train", "cannot be prepared in .*: no way to example.org$"),
    ],
)
def test_tfds_with_bad_input(data_dir, no_network, name, split, message):
    with pytest.raises(UserError, match=message) as caught:
        datasets.tfds_translation(name, split, data_dir=data_dir)
    assert "\n" not in str(caught.value)


def test_without_the_libraries(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r'pip install "keras-attention\[training\]"'):
        datasets.tfds_translation("toy_translate/pt_to_en", "train")


# --- pairs ---------------------------------------------------------------------------------------


def test_split_share_keeps_equal_sources_together():
    sources = [f"{'Frage' if n % 2 else ' frage '} {n % 97}" for n in range(401)]
    pairs = Pairs(sources, [str(n) for n in range(401)], [f"g{n}" for n in range(401)], dropped=3)
    rest, held_out = split_share(pairs, 0.1, seed=3)
    assert sorted(map(int, rest.targets + held_out.targets)) == list(range(401))
    assert 40 <= len(held_out) <= 44
    plain = [{source.lower().strip() for source in part.sources} for part in (rest, held_out)]
    assert not plain[0] & plain[1]
    assert all(t == g[1:] for t, g in zip(held_out.targets, held_out.groups, strict=True))
    assert list(map(int, held_out.targets)) == sorted(map(int, held_out.targets))
    assert (rest.dropped, held_out.dropped) == (3, 0)


def test_split_share_depends_on_seed_and_not_on_order():
    sources = [f"s{n}" for n in range(211)]
    pairs, turned = Pairs(sources, sources), Pairs(sources[::-1], sources[::-1])
    held_out = split_share(pairs, 0.2, seed=1)[1]
    assert len(held_out) == 42
    assert set(split_share(turned, 0.2, seed=1)[1].sources) == set(held_out.sources)
    assert set(split_share(pairs, 0.2, seed=2)[1].sources) != set(held_out.sources)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_split_share_out_of_range(share):
    with pytest.raises(UserError, match=f"between 0 and 1. Received: share={share}"):
        split_share(Pairs(["a", "b"], ["c", "d"]), share, seed=0)


def test_split_share_of_too_few_pairs():
    for pairs in (Pairs(["a", "b"], ["c", "d"]), Pairs(["a"] * 7, ["b"] * 7)):
        with pytest.raises(UserError, match="leaves one side empty"):
            split_share(pairs, 0.1, seed=0)


def test_pairs_of_unequal_lengths():
    with pytest.raises(ValueError, match=r"Received: lengths=\[1, 2\]"):
        Pairs(["a"], ["b", "c"])
