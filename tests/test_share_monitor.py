"""Shares of labels in a stream: their equations, a planted shift, and alerts that do not repeat."""

import math

import numpy as np
import pytest

from keras_attention.errors import UserError
from keras_attention.share_alerts import AlertRule, Alerts, parse_rules
from keras_attention.share_monitor import ShareMonitor


def deviations_of(hits, **options):
    """Deviations `(texts, labels)` of streams of independent labels, given bool `(texts, labels)`.

    None of the baseline.
    """
    labels = [str(number) for number in range(hits.shape[1])]
    monitor, found = ShareMonitor(labels, **options), []
    for row in hits:
        monitor.update([labels[place] for place in np.flatnonzero(row)])
        if monitor.is_ready:
            found.append(monitor.deviations())
    return np.array(found)


def test_two_texts_by_hand():
    monitor = ShareMonitor(["a", "b"], smoothing=0.5, expected={"a": 0.5, "b": 0.2})
    assert monitor["a"] == (0.5, 0.5, 0.0, 0.0)
    monitor.update(["a"])
    # 0.25 * (0.5 / 1.5) * (1 - 0.5^2) = 0.0625
    assert monitor["a"] == pytest.approx((0.75, 0.5, 0.25, 1.0))
    assert monitor["b"] == pytest.approx((0.1, 0.2, 0.4 * 0.5, -0.5))
    monitor.update(["a", "b"])
    sigma = math.sqrt(0.25 / 3 * (1 - 1 / 16))
    assert monitor["a"] == pytest.approx((0.875, 0.5, sigma, 0.375 / sigma))
    assert monitor["b"].share == pytest.approx(0.55)


def test_the_baseline_is_counted_and_its_error_is_part_of_sigma():
    monitor = ShareMonitor(["a", "never"], smoothing=0.2, baseline=4)
    for labels in (["a"], [], ["a"]):
        monitor.update(labels)
        assert not monitor.is_ready
        assert monitor["a"] is None
    monitor.update(["a"])
    assert monitor["a"][:2] == (0.7, 0.7)  # (3 + 1/2) / (4 + 1)
    assert monitor["never"].expected == pytest.approx(0.1)
    monitor.update([])
    # z - p = -0.2 p, of which the one text has the variance 0.2^2 p (1 - p), and the baseline of
    # four a quarter of it.
    expected = math.sqrt(0.7 * 0.3 * (0.04 + 0.04 / 4))
    assert monitor["a"] == pytest.approx((0.56, 0.7, expected, -0.14 / expected))


def test_deviations_of_a_stationary_stream_are_standard_normal_from_the_first_text_on():
    generator = np.random.default_rng(5)
    hits = generator.random((400, 1500)) < 0.4
    known = deviations_of(
        hits, smoothing=0.05, expected={str(number): 0.4 for number in range(1500)}
    )
    for first, last in ((0, 1), (9, 10), (40, 400)):
        assert known[first:last].std() == pytest.approx(1, abs=0.06)
    # Beyond 3 sigma lies 0.27 % of a normal distribution.
    assert 0.0018 < np.mean(np.abs(known) > 3) < 0.0036
    # With a baseline of 100 texts the deviations would have the variance 1.4 without its error.
    estimated = deviations_of(hits, smoothing=0.05, baseline=100)
    assert estimated[150:].std() == pytest.approx(1, abs=0.06)


def test_false_alarms_come_as_rarely_as_the_literature_says():
    """Runs of a chart with smoothing 0.05 and 3 sigma last 1,379 samples (Crowder, 1987).

    That is for a normal distribution, whose tails those of a label with a share of 0.3 are like.
    """
    generator = np.random.default_rng(8)
    hits = generator.random((1200, 1000)) < 0.3
    found = deviations_of(hits, smoothing=0.05, expected={str(n): 0.3 for n in range(1000)})
    alarmed = (np.abs(found) > 3).any(axis=0).mean()
    assert alarmed == pytest.approx(1 - math.exp(-1200 / 1379.3), abs=0.06)


def test_a_planted_shift_is_seen_soon():
    generator = np.random.default_rng(13)
    before, after = generator.random((500, 300)) < 0.2, generator.random((100, 300)) < 0.6
    found = deviations_of(np.concatenate([before, after]), smoothing=0.05, baseline=300)[-100:]
    delays = np.argmax(found > 3, axis=0) + 1
    assert (found > 3).any(axis=0).all()
    # The mean of the share, 0.2 + 0.4 (1 - 0.95^t), is 3 sigma (some 0.2) above 0.2 from t = 14 on.
    assert 8 <= np.median(delays) <= 18
    assert delays.max() <= 60


def test_a_certain_shift_is_seen_at_a_known_text():
    monitor = ShareMonitor(["a"], smoothing=0.1, expected={"a": 0.25})
    seen = 0
    while monitor["a"].deviations <= 3:
        monitor.update(["a"])
        seen += 1
    kept = [0.9**t for t in range(1, 50)]
    limits = [3 * math.sqrt(0.1875 * (0.1 / 1.9) * (1 - k**2)) for k in kept]
    assert seen == 1 + next(t for t, k in enumerate(kept) if 0.75 * (1 - k) > limits[t])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"smoothing": 0}, "Expected `smoothing` .*Received: smoothing=0"),
        ({"smoothing": 1.5}, "Expected `smoothing`"),
        ({"baseline": 0}, "Expected `baseline`"),
        ({"expected": {"b": 0.5}}, "share for each of \\['a'\\]"),
        ({"expected": {"a": 1.0}}, "between 0 and 1"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        ShareMonitor(["a"], **options)


def test_rules_are_read_as_they_are_written():
    assert parse_rules(" very bad>2.5sigma ; * <> 3 sigmas;a < b < 4 sigma;") == [
        AlertRule("very bad", ">", 2.5),
        AlertRule("*", "<>", 3),
        AlertRule("a < b", "<", 4),
    ]
    for wrong in ("bad", "bad > sigma", "> 3 sigma", "bad > 3", "bad >= 3 sigma", "bad > 0 sigma"):
        with pytest.raises(UserError, match="An alert must be of the form"):
            parse_rules(wrong)
    with pytest.raises(UserError, match="There is no label bed: there are bad, good"):
        Alerts(parse_rules("bed > 3 sigma"), ["bad", "good"])


def test_one_shift_makes_one_alert_that_ends_once():
    expected = {"a": 0.5, "b": 0.5}
    monitor = ShareMonitor(["a", "b"], smoothing=0.1, expected=expected)
    alerts, changes = Alerts(parse_rules("a > 3 sigma; * < 3 sigma"), ["a", "b"]), []
    assert alerts.labels == ["a"]
    assert list(alerts.changes(monitor, None)) == []
    # A shift, then a share that hops around its limit, then the old share again.
    stream = 20 * ["a"] + 40 * ["a", "a", "a", "a", "b"] + 30 * ["a", "b"]
    for time, label in enumerate(stream):
        monitor.update([label])
        changes += [(str(r), name, since) for r, name, _, since in alerts.changes(monitor, time)]
    began = changes[0][0], changes[0][1]
    assert began == ("a > 3 sigma", "a")
    assert [change[:2] for change in changes] == [
        ("a > 3 sigma", "a"),
        ("* < 3 sigma", "b"),
        ("a > 3 sigma", "a"),
        ("* < 3 sigma", "b"),
    ]
    assert [since is None for _, _, since in changes] == [True, True, False, False]
    assert changes[2][2] < 20
