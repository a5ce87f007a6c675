"""`keras-attention train` and `evaluate`, as a person and as a program call them."""

import json

import pytest
from tiny_runs import TINY

from keras_attention import decoding
from keras_attention.__main__ import main
from keras_attention.training import cli, recipes
from keras_attention.training import train as train_module
from keras_attention.training.run_directory import record_recipe


@pytest.fixture
def asked(monkeypatch, run):
    """What the command asks to train, without training it."""
    found = {}

    def train_and_evaluate(recipe, run_dir, report, accept_changed_data, given):
        found.update(recipe=recipe, run_dir=run_dir, given=given)
        report("Reading [/data] of [bold]run[/bold] :smile:")
        print("Epoch 1/3")  # As Keras does.
        return run.result

    monkeypatch.setattr(train_module, "train_and_evaluate", train_and_evaluate)
    return found


def test_name_of_a_recipe_and_flags(asked, capsys):
    assert main(["train", "dates", "--epochs", "2", "--cell", "gru", "--no-bidirectional"]) == 0
    expected = recipes.get("dates")
    assert asked["recipe"].fit.epochs == 2
    assert asked["recipe"].model.cell == "gru"
    assert not asked["recipe"].model.bidirectional and expected.model.bidirectional
    assert asked["recipe"].data == expected.data
    assert asked["run_dir"].as_posix() == "runs/dates"
    assert asked["given"] == {"epochs", "cell", "bidirectional"}
    output = capsys.readouterr().out
    assert "Reading [/data] of [bold]run[/bold] :smile:" in output
    assert "tensorboard --logdir runs/dates/logs" in output
    assert "validation" in output and "test" in output and "exact match" in output


def test_recorded_recipe_stands_in_for_the_name(asked, run, tmp_path):
    recorded = str(run.folder / "recipe.json")
    assert main(["train", recorded, "--run-dir", str(tmp_path / "again"), "--seed", "7"]) == 0
    assert asked["recipe"].fit.seed == 7
    assert asked["recipe"].text == TINY.text and asked["recipe"].name == "tiny"
    assert asked["run_dir"] == tmp_path / "again"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], decoding.Beam(5, 0.6)),
        (["--beam-width", "3"], decoding.Beam(3, 0.6)),
        (["--beam-width", "1"], decoding.Greedy()),
        (["--search", "greedy"], decoding.Greedy()),
        (["--search", "beam", "--beam-width", "1"], decoding.Beam(1, 0.6)),
        (["--top-p", "0.9"], decoding.Sample(top_p=0.9)),
        (["--sample-seed", "3"], decoding.Sample(seed=3)),
        (
            ["--groups", "5", "--no-repeat-ngram", "3"],
            decoding.DiverseBeam(5, 5, length_penalty=0.6, constraints=[decoding.NoRepeatNGram(3)]),
        ),
    ],
)
def test_flags_change_the_search_of_the_recipe(asked, tmp_path, flags, expected):
    assert main(["train", "translation", *flags]) == 0
    found = decoding.make_search(asked["recipe"].search, 64)
    assert repr(found) == repr(expected)
    if not flags:
        assert asked["recipe"] == recipes.get("translation")
    # What is recorded is what the same command asks for again.
    record_recipe(tmp_path / "recipe.json", asked["recipe"])
    first = asked["recipe"]
    assert main(["train", str(tmp_path / "recipe.json")]) == 0
    assert asked["recipe"] == first


def test_only_what_the_user_said_is_blamed(asked, capsys):
    assert main(["train", "translation", "--search", "greedy", "--n-best", "2"]) == 2
    assert "--n-best does not fit greedy search. Received: 2" in capsys.readouterr().err
    assert not asked


def as_told(result):
    """Scores as the command line prints them: the search as a call, which is a config on disk."""
    assert result["search"]["class_name"] == "Greedy"
    return {**result, "search": "Greedy(max_length=12)"}


def test_json_is_alone_on_standard_output(asked, run, capsys):
    assert main(["train", "dates", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == as_told(run.result)
    assert "Epoch 1/3" in captured.err and "Reading" in captured.err


def test_train_goes_on_with_a_finished_run(copied_run, capsys):
    arguments = [str(copied_run.folder / "recipe.json"), "--run-dir", str(copied_run.folder)]
    assert main(["train", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    scores = json.loads(captured.out)["test"]
    assert scores["exact_match"] == copied_run.result["test"]["exact_match"]
    assert scores["groups"] == copied_run.result["test"]["groups"]
    assert "has all its 3 epochs" in captured.err


def test_train_goes_on_with_a_run_of_version_0_1(copied_run, capsys):
    path = copied_run.folder / "recipe.json"
    recorded = copied_run.read("recipe.json")
    # What it wrote for `train translation --beam-width 1`, which was greedy search there.
    recorded["recipe"]["search"] = {
        "beam_width": 1,
        "length_penalty": 0.6,
        "coverage_penalty": 0.0,
    }
    path.write_text(json.dumps(recorded))
    assert main(["train", str(path), "--run-dir", str(copied_run.folder), "--json"]) == 0
    captured = capsys.readouterr()
    # A config on disk, a call for people.
    assert copied_run.read("evaluation.json")["search"] == copied_run.result["search"]
    assert json.loads(captured.out)["search"].startswith("Greedy(max_length=")
    assert "has all its 3 epochs" in captured.err
    assert copied_run.read("recipe.json") == recorded


def test_evaluate(copied_run, capsys):
    (copied_run.folder / "evaluation.json").unlink()
    assert main(["evaluate", str(copied_run.folder), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == as_told(copied_run.read("evaluation.json"))
    assert "Decoding 43 pairs of test" in captured.err
    assert main(["evaluate", str(copied_run.folder)]) == 0
    output = capsys.readouterr().out
    assert copied_run.result["test"]["signatures"]["bleu"] in output


def test_defaults_of_the_flags_are_those_of_the_recipe(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.train_options(["dates", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    epochs = recipes.get("dates").fit.epochs
    assert f"Passes over the training pairs. (default: {epochs})" in text


def test_options_that_name_other_data_or_another_family(asked, capsys):
    files = ["--train-source", "a", "--train-target", "b"]
    assert main(["train", "dates", *files, "--embedded=", "--norm", "pre"]) == 0
    assert asked["recipe"].data.train_source == "a" and asked["recipe"].data.train_size == 60_000
    assert asked["recipe"].model == recipes.get("dates").model
    assert main(["train", "dates", *files, "--train-table", "c"]) == 2
    assert "Received: --train-source, --train-table" in capsys.readouterr().err
    assert main(["train", "dates", "--model", "transformer-tiny", "--no-bidirectional"]) == 2
    assert "--bidirectional is for the recurrent model. Received: False" in capsys.readouterr().err
    assert main(["train", "--norm", "post", "dates-transformer"]) == 2
    assert "The recipe comes first: keras-attention train dates-tr" in capsys.readouterr().err
    assert main(["train", "translation", "--source-column", "3"]) == 2
    assert "Exactly one of --embedded, --train-source" in capsys.readouterr().err
