import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.score import MAX_SURPRISE, score_of
from anomaliz.core.types import Floats
from anomaliz.detection.calibration import Tail
from anomaliz.detection.thresholds import (
    ALARM_POINTS,
    decide,
    decide_runs,
    from_alert_budget,
    from_run_budget,
)
from anomaliz.metrics.events import runs

surprises = st.lists(
    st.integers(0, 40).map(lambda tenths: tenths / 10) | st.floats(0, 8), min_size=1, max_size=60
).map(np.array)
budgets = st.sampled_from([2, 5, 10, 20, 50, 1000])


@pytest.fixture(scope="module")
def tail() -> Tail:
    return Tail.fit(np.random.default_rng(0).gamma(2, size=5000))


def test_labels_choose_the_threshold_with_the_best_f1(tail: Tail) -> None:
    surprise = np.array([1.0, 2.0, 3.0, 8.0, 9.0])
    decision = decide(tail, surprise, np.array([False, False, False, True, True]), 1000)
    assert (decision.chosen_by, decision.validation_f1) == ("f1", 1.0)
    assert 0.3 < decision.threshold <= 0.8


def test_on_a_plateau_the_middle_is_chosen(tail: Tail) -> None:
    surprise = np.array([1.0, 2.0, 8.0, 8.2, 8.4, 8.6, 9.0])
    decision = decide(tail, surprise, surprise > 7, 1000)
    assert decision.threshold == pytest.approx((0.5 + 0.8) / 2)


@pytest.mark.parametrize("labels", [None, np.zeros(3, bool)])
def test_without_an_anomaly_the_alert_budget_chooses(tail: Tail, labels: np.ndarray | None) -> None:
    decision = decide(tail, np.array([1.0, 2.0, 3.0]), labels, 1000)
    assert decision.chosen_by == "alert_budget"
    assert decision.threshold == pytest.approx(0.3)
    assert not decision.extrapolated


def test_labels_that_would_flag_everything_leave_it_to_the_budget(tail: Tail) -> None:
    decision = decide(tail, np.array([1.0, 1.0, 1.0]), np.array([True, True, False]), 1000)
    assert decision.chosen_by == "alert_budget"


def test_a_budget_rarer_than_the_data_says_so(tail: Tail) -> None:
    assert from_alert_budget(tail, 100_000).extrapolated
    assert not from_alert_budget(tail, 1000).extrapolated


def test_a_budget_rarer_than_can_come_out_stays_reachable(tail: Tail) -> None:
    decision = from_alert_budget(tail, 1e9, most=6.7)
    assert score_of(np.array(6.7)) >= decision.threshold
    assert decision.extrapolated


def test_the_budget_is_kept_on_new_normal_data(tail: Tail) -> None:
    new = tail.surprise(np.random.default_rng(1).gamma(2, size=500_000))
    threshold = from_alert_budget(tail, 1000).threshold
    assert 1 / 3000 < (score_of(new) >= threshold).mean() < 1 / 300


def false_alarms(surprise: Floats, threshold: float) -> int:
    return len(runs(score_of(surprise) >= threshold))


def obvious_run_budget(surprise: Floats, points_per_alarm: float) -> float:
    """The lowest score of a rising row from which on every threshold keeps the budget, or just above all."""
    before = np.concatenate([[-np.inf], surprise[:-1]])
    rising = np.unique(score_of(surprise[surprise > before]))
    kept = np.nextafter(rising[-1], np.inf)
    for threshold in rising[::-1]:
        if false_alarms(surprise, threshold) > len(surprise) / points_per_alarm:
            break
        kept = threshold
    return max(float(kept), np.log10(points_per_alarm / ALARM_POINTS) / MAX_SURPRISE)


@given(surprises, budgets)
def test_the_run_budget_gives_the_lowest_threshold_that_keeps_it(
    surprise: Floats, points_per_alarm: float
) -> None:
    decision = from_run_budget(surprise, points_per_alarm)
    expected = obvious_run_budget(surprise, points_per_alarm)
    assert decision.threshold == pytest.approx(expected, rel=1e-12)
    assert decision.chosen_by == "alert_budget"
    assert decision.extrapolated == (points_per_alarm > len(surprise))


@pytest.mark.parametrize("points_per_alarm", [20, 100, 500, 5000])
def test_the_run_budget_is_kept(points_per_alarm: float) -> None:
    for seed in range(20):
        surprise = np.random.default_rng(seed).exponential(1 / np.log(10), 1500)
        threshold = from_run_budget(surprise, points_per_alarm).threshold
        assert false_alarms(surprise, threshold) <= len(surprise) / points_per_alarm


def test_a_long_run_is_one_false_alarm() -> None:
    surprise = np.tile([0.0, 1.0], 500)
    surprise[100:150] = 3
    assert from_run_budget(surprise, 500).threshold == pytest.approx(0.3)
    assert false_alarms(surprise, from_run_budget(surprise, 2000).threshold) == 0


def test_a_reading_with_a_long_memory_gets_no_low_threshold() -> None:
    """One long run is one alarm at any threshold, but it would last for half of the time."""
    surprise = np.repeat([0.0, 0.5], 500)
    assert from_run_budget(surprise, 1000).threshold == pytest.approx(np.log10(1000 / ALARM_POINTS) / 10)


def test_the_strangest_of_points_reaches_any_threshold() -> None:
    assert from_run_budget(np.tile([0.0, 30.0], 50), 1000).threshold == 1


def test_labels_come_before_the_run_budget() -> None:
    surprise = np.array([1.0, 2.0, 3.0, 8.0, 9.0])
    decision = decide_runs(surprise, surprise > 7, 2)
    assert (decision.chosen_by, decision.validation_f1) == ("f1", 1.0)
    for unlabelled in (None, np.zeros(5, bool)):
        assert decide_runs(surprise, unlabelled, 2) == from_run_budget(surprise, 2)


def test_without_any_reading_the_calibration_chooses() -> None:
    decision = from_run_budget(np.empty(0), 1000)
    assert decision.threshold == pytest.approx(np.log10(1000 / ALARM_POINTS) / 10)
    assert decision.extrapolated
