import numpy as np
import pytest

from anomaliz.core.score import score_of
from anomaliz.detection.calibration import Tail
from anomaliz.detection.thresholds import decide, from_alert_budget


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
