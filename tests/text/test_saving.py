"""Tokenizers on disk, and what is said about broken ones."""

import json
import os

import pytest

from keras_attention import text
from keras_attention.errors import UserError


def test_saved_and_loaded(tokenizer, dates, tmp_path):
    folder = tmp_path / "deep" / "tokenizer"
    tokenizer.save(folder)
    for loaded in (text.load(folder), type(tokenizer).load(str(folder))):
        assert type(loaded) is type(tokenizer)
        assert loaded.get_config() == tokenizer.get_config()
        assert loaded.encode(dates).to_list() == tokenizer.encode(dates).to_list()


def test_options_are_saved(tmp_path):
    options = {"lowercase": True, "normalization": "nfkc", "split_punctuation": False}
    text.WordTokenizer(["a", "\n\x00\u2028", "ä"], **options).save(tmp_path)
    assert text.load(tmp_path).get_config() == {**options, "vocabulary": ["a", "\n\x00\u2028", "ä"]}


def test_saving_again_replaces(tmp_path):
    text.CharacterTokenizer(["a"]).save(tmp_path)
    text.CharacterTokenizer(["b"]).save(tmp_path)
    assert text.load(tmp_path).vocabulary == ["b"]
    assert os.listdir(tmp_path) == ["tokenizer.json"]


def test_an_interrupted_save_leaves_the_old_one(tmp_path, monkeypatch):
    text.CharacterTokenizer(["a"]).save(tmp_path)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            text.CharacterTokenizer(["b"]).save(tmp_path)
    assert text.load(tmp_path).vocabulary == ["a"]


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match=r"No tokenizer in '.*nowhere': cannot read tokenizer.json"):
        text.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is broken"),
        (b'{"format": 1, "kind": "char', "is broken"),
        (b"\xff\xfe\xff", "is broken"),
        (b"[1, 2]", "names no kind"),
        (b'{"format": 1}', "names no kind"),
        (b'{"format": 2, "kind": "byte"}', r"Expected format=1 .* Received: format=2"),
        (b'{"format": 1, "kind": "rune"}', r"among character, byte.* Received: 'rune'"),
        (b'{"format": 1, "kind": "character"}', "is broken.*vocabulary"),
        (b'{"format": 1, "kind": "character", "vocabulary": []}', "is broken.*vocabulary"),
        (b'{"format": 1, "kind": "character", "vocabulary": ["ab"]}', "is broken.*'ab'"),
        (b'{"format": 1, "kind": "byte", "colour": 3}', "is broken.*colour"),
        (b'{"format": 1, "kind": "byte", "normalization": "x"}', "is broken.*normalization"),
        (b'{"format": 1, "kind": "sentencepiece"}', "Cannot read .*sentencepiece.model"),
    ],
)
def test_broken_files(tmp_path, content, message):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        text.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_kind(tmp_path):
    text.ByteTokenizer().save(tmp_path)
    with pytest.raises(UserError, match=r"kind 'character' in .* Received: kind='byte'"):
        text.CharacterTokenizer.load(tmp_path)


def test_a_sentencepiece_model_of_other_content(tokenizers, tmp_path):
    tokenizers["sentencepiece"].save(tmp_path)
    model = tmp_path / "sentencepiece.model"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(UserError, match="is not the file its tokenizer.json was written with"):
        text.load(tmp_path)


def test_a_sentencepiece_model_that_is_none(tmp_path):
    from hashlib import sha256

    (tmp_path / "sentencepiece.model").write_bytes(b"nonsense")
    config = {"format": 1, "kind": "sentencepiece", "sha256": sha256(b"nonsense").hexdigest()}
    (tmp_path / "tokenizer.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is broken"):
        text.load(tmp_path)


def test_unknown_kind():
    with pytest.raises(UserError, match="Received: 'syllable'"):
        text.train("syllable", ["a"])
