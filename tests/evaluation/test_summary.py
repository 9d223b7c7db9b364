"""The JSON of runs whose results are known."""

import json

import numpy as np
import pytest

from anomaliz import __version__
from anomaliz.config.loading import load_settings
from anomaliz.evaluation.protocols import Protocol
from anomaliz.evaluation.report import report
from anomaliz.evaluation.runs import Result
from anomaliz.evaluation.summary import summarise

SETTINGS = load_settings(environ={}, env_file=None)
N = 1000


def result(name: str, *windows: tuple[int, int], alerts: tuple[int, ...] = (), **measures: object) -> Result:
    alert = np.zeros(N, bool)
    alert[list(alerts)] = True
    known = dict.fromkeys(("vus_pr", "auc_pr", "best_f1", "f1", "roc_auc")) | {"detectors": {}} | measures
    return Result(name, known, windows, np.where(alert, 5.0, 0.0), alert, 1.23456)


def nab(*results: Result) -> dict:
    return summarise(results, Protocol.NAB, SETTINGS)


def test_means_leave_out_series_without_the_measure() -> None:
    found = nab(result("a/1.csv", vus_pr=0.2, f1=0.0), result("a/2.csv", vus_pr=0.4), result("b/3.csv"))
    assert found["mean"] == {"vus_pr": pytest.approx(0.3), "auc_pr": None, "best_f1": None, "f1": 0.0}
    assert found["groups"]["a"]["mean"]["vus_pr"] == pytest.approx(0.3)
    assert found["groups"]["b"]["mean"]["vus_pr"] is None


def test_a_run_says_what_made_it() -> None:
    found = nab(result("a/1.csv"))
    assert found["version"] == __version__
    assert found["seconds"] == {"a/1.csv": 1.235}
    assert found["settings"]["training"]["seed"] == 42
    assert set(found["settings"]) == {"data", "models", "training", "detection"}


def test_alerts_at_the_start_of_every_window_earn_the_full_nab_score() -> None:
    found = nab(
        result("a/1.csv", (300, 400), alerts=(300,)),
        result("b/2.csv", (500, 600), (700, 800), alerts=(500, 700)),
    )
    for profile in ("standard", "reward_low_FP_rate", "reward_low_FN_rate"):
        assert found["nab"][profile] == {
            "score": pytest.approx(100),
            "threshold": 5.0,
            "score_at_default_threshold": pytest.approx(100),
        }


def test_a_group_is_scored_at_the_threshold_of_all() -> None:
    found = nab(result("a/1.csv", (300, 400), alerts=(300,)), result("b/2.csv", (500, 600)))
    assert found["groups"]["a"]["nab"]["standard"]["score"] == pytest.approx(100)
    assert found["groups"]["b"]["nab"]["standard"] == {
        "score": 0.0,
        "threshold": 5.0,
        "score_at_default_threshold": 0.0,
    }


def test_the_threshold_that_nothing_reaches_is_the_published_one() -> None:
    found = nab(result("a/1.csv", (300, 400), alerts=(900,)))
    standard = found["nab"]["standard"]
    assert (standard["score"], standard["threshold"]) == (0.0, 1e18)
    assert standard["score_at_default_threshold"] < 0


@pytest.mark.parametrize("windows", [(), ((20, 60),)])
def test_without_a_window_behind_the_probation_there_is_no_nab_score(windows) -> None:
    found = nab(result("a/1.csv", *windows, alerts=(900,)))
    assert set(found["nab"]["standard"].values()) == {None}


@pytest.mark.parametrize("protocol", [Protocol.NAB, Protocol.EVALUATE])
def test_detectors_have_means_over_the_series_they_were_there_for(protocol: Protocol) -> None:
    one = {"fused": {"vus_pr": 0.2}, "forest": {"vus_pr": 0.1}}
    two = {"fused": {"vus_pr": 0.6}}
    found = summarise(
        [result("a/1.csv", detectors=one), result("a/2.csv", detectors=two)], protocol, SETTINGS
    )
    assert found["detectors"] == {"fused": {"vus_pr": pytest.approx(0.4)}, "forest": {"vus_pr": 0.1}}
    assert found["series"]["a/1.csv"]["detectors"] == one
    assert "detectors" not in found["mean"]
    heading, fused, forest = (line.split() for line in report(found).splitlines()[-3:])
    assert heading == ["detector", "vus_pr", "auc_pr", "roc_auc", "best_f1", "series"]
    assert fused == ["fused", "0.400", "-", "-", "-", "2"]
    assert forest == ["forest", "0.100", "-", "-", "-", "1"]


def test_a_split_run_has_means_by_detector() -> None:
    series = [
        Result(name, {"fused": {"f1": f1, "chosen_by": "f1"}}, [], np.zeros(N), np.zeros(N, bool), 1.0)
        for name, f1 in (("a/1.csv", 0.2), ("a/2.csv", 0.4))
    ]
    found = summarise(series, Protocol.SPLIT, SETTINGS)
    assert found["mean"]["fused"]["f1"] == pytest.approx(0.3)
    assert "nab" not in found


@pytest.mark.parametrize("protocol", [Protocol.NAB, Protocol.EVALUATE])
def test_a_result_is_json_and_a_table_that_names_every_series(protocol: Protocol) -> None:
    measures = {"precision": 0.5, "recall": 0.5, "event_recall": 1.0}
    found = summarise(
        [result("a/1.csv", vus_pr=0.25, **measures), result("a/2.csv", **measures)], protocol, SETTINGS
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    lines = report(found).splitlines()
    assert lines[1].split()[:3] == ["a/1.csv", "0.250", "-"]
    assert lines[2].split()[:3] == ["a/2.csv", "-", "-"]
    assert any(line.startswith("mean ") and "0.250" in line for line in lines)
