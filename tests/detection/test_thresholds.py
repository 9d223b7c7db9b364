import numpy as np
import pytest

from anomaliz.detection.thresholds import decide, from_alert_budget


def test_labels_choose_the_threshold_with_the_best_f1() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    decision = decide(score, np.array([False, False, False, True, True]), 1000, 500)
    assert (decision.chosen_by, decision.validation_f1) == ("f1", 1.0)
    assert 0.3 < decision.threshold <= 0.8


@pytest.mark.parametrize("labels", [None, np.zeros(3, bool)])
def test_without_an_anomaly_the_alert_budget_chooses(labels: np.ndarray | None) -> None:
    decision = decide(np.array([0.1, 0.2, 0.3]), labels, 1000, 5000)
    assert decision.chosen_by == "alert_budget"
    assert decision.threshold == pytest.approx(0.3)
    assert not decision.extrapolated


def test_a_budget_rarer_than_the_data_says_so() -> None:
    assert from_alert_budget(100_000, 1600).extrapolated
    assert not from_alert_budget(1000, 1600).extrapolated
