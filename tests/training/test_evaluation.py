import pytest

from anomaliz.training.evaluation import summarise


def run(f1: float | None) -> dict[str, dict[str, float | None]]:
    other = dict.fromkeys(("precision", "recall", "roc_auc", "pr_auc", "false_alarm_rate"), 0.5)
    return {"fused": {**other, "f1": f1}}


def test_summary_is_mean_and_standard_deviation_over_runs() -> None:
    found = summarise([run(0.6), run(0.8)])["fused"]
    assert found["f1"] == {"mean": pytest.approx(0.7), "std": pytest.approx(0.1)}
    assert found["recall"] == {"mean": 0.5, "std": 0}


def test_a_metric_that_is_undefined_everywhere_stays_undefined() -> None:
    assert summarise([run(None), run(None)])["fused"]["f1"] is None
