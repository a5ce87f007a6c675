"""The threshold of rejection that an evaluation records."""

import json

import numpy as np

from keras_attention import Explanation
from keras_attention.training.rejection import rejection


def answer(*probabilities):
    return Explanation("x", -1.0, ["a"], ["x"], None, np.log(probabilities))


def test_the_threshold_is_a_quantile_of_the_probabilities_of_tokens():
    answers = [answer(number / 1000) for number in range(200, 0, -1)]
    found = rejection(answers)
    assert found == {"quantile": 0.01, "threshold": 0.002}  # of 0.001, 0.002, 0.003, ...
    below = [row for row in answers if row.token_probability < found["threshold"] - 1e-6]
    assert len(below) == 1
    assert rejection([answer(0.5, 0.125)]) == {"quantile": 0.01, "threshold": 0.25}
    assert rejection([]) is None
    assert json.loads(json.dumps(found)) == found


def test_evaluation_records_it(run):
    evaluation = run.read("evaluation.json")
    for split in ("validation", "test"):
        recorded = evaluation[split]["rejection"]
        assert recorded["quantile"] == 0.01 and 0 <= recorded["threshold"] <= 1
