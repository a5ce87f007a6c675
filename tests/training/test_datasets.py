import shutil
import socket
import sys

import pytest
import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.training import (
    DataOptions,
    LabelledDataOptions,
    Pairs,
    labelled_splits,
    load_splits,
)
from keras_attention.training.data import datasets
from keras_attention.training.data.dates_data import generate
from keras_attention.training.data.labelled_tfds import tfds_labelled, tfds_labelled_splits


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


TEXTS = {
    "train": [("um", "one"), ("dois", "two"), ("  ", "three"), ("quatro", "four"), ("avô", "ok")],
    "test": [("cinco", "five"), ("seis", "six")],
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Where a translation set and one that is none lie, prepared as TFDS does it."""
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("tfds")

    # Not registered: `tfds.builder` then finds them by name on the disk only.
    class Toy(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _split_generators(self, download_manager):
            return {split: self._generate_examples(split) for split in TEXTS}

    class ToyTranslate(Toy, skip_registration=True):
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="pt_to_en", version="1.0.0")]

        def _info(self):
            features = tfds.features.Translation(languages=("en", "pt"))
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("pt", "en")
            )

        def _generate_examples(self, split):
            for index, (portuguese, english) in enumerate(TEXTS[split]):
                yield index, {"pt": portuguese, "en": english}

    class ToyLabels(Toy, skip_registration=True):
        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=["zero", "one"]),
                }
            )
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=("text", "label")
            )

        def _generate_examples(self, split):
            for index, (text, _) in enumerate(TEXTS[split]):
                yield index, {"text": text, "label": -1 if index == 4 else index % 2}

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


def test_a_tfds_set_of_labels(data_dir, no_network):
    assert set(tfds_labelled_splits("toy_labels", data_dir=data_dir)) == set(TEXTS)
    examples = tfds_labelled("toy_labels", "train", data_dir=data_dir)
    found = dict(zip(examples.texts, examples.labels, strict=True))
    assert found == {"um": "zero", "dois": "one", "quatro": "one"}
    assert examples.dropped == 2  # One has no text, and one no label.
    options = LabelledDataOptions(
        tfds="toy_labels", tfds_data_dir=str(data_dir), validation_share=0.4
    )
    splits = labelled_splits(options, seed=0)
    assert sorted(splits.test.texts) == ["cinco", "seis"]
    assert (len(splits.train), len(splits.validation)) == (2, 1)
    for keys, said in ((("label", "text"), "'label', 'text'"), (("text", "x"), "are label, text")):
        with pytest.raises(UserError, match=f"no text with a label in .*{said}"):
            tfds_labelled_splits("toy_labels", *keys, data_dir)


def test_a_tfds_set_that_is_cut_off(data_dir, tmp_path, no_network):
    shutil.copytree(data_dir / "toy_translate", tmp_path / "toy_translate")
    (path,) = tmp_path.rglob("*train.tfrecord*")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="cannot be read in .*toy_translate") as caught:
        datasets.tfds_translation("toy_translate/pt_to_en", "train", data_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_tfds_set_whose_code_fails(monkeypatch, no_network):
    import tensorflow_datasets as tfds

    def fail(*arguments, **options):
        raise ImportError("No module named 'apache_beam'\n\nInstall it.")

    monkeypatch.setattr(tfds, "builder", fail)
    with pytest.raises(UserError, match="cannot open 'x/y': No module named 'apache_beam'$"):
        datasets.tfds_splits("x/y")


def test_tfds_texts_that_are_not_utf_8(data_dir, no_network, monkeypatch):
    import tensorflow_datasets as tfds

    bad = tf.data.Dataset.from_tensors({"pt": b"um\xe9", "en": b"one"})
    monkeypatch.setattr(
        tfds.core.DatasetBuilder, "as_dataset", lambda self, **options: bad, raising=True
    )
    lines = []
    name = "toy_translate/pt_to_en"
    pairs = datasets.tfds_translation(name, "train", data_dir=data_dir, report=lines.append)
    assert pairs == Pairs(["um\ufffd"], ["one"])
    assert lines == [f"{name}: 1 texts of train hold U+FFFD, for characters that are not UTF-8."]


def test_without_the_libraries(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r'pip install "keras-attention\[training\]"'):
        datasets.tfds_translation("toy_translate/pt_to_en", "train")


def test_a_recipe_reads_the_splits_of_a_tfds_set_and_holds_out_the_rest(data_dir, no_network):
    assert set(datasets.tfds_splits("toy_translate/pt_to_en", data_dir)) == set(TEXTS)
    options = DataOptions(
        tfds="toy_translate/pt_to_en", tfds_data_dir=str(data_dir), validation_share=0.4
    )
    lines = []
    splits = load_splits(options, seed=3, report=lines.append)
    assert lines == []
    whole = datasets.tfds_translation("toy_translate/pt_to_en", "test", data_dir=data_dir)
    assert splits.test == whole
    train = datasets.tfds_translation("toy_translate/pt_to_en", "train", data_dir=data_dir)
    assert sorted(splits.train.sources + splits.validation.sources) == sorted(train.sources)
    assert len(splits.train) and len(splits.validation)
