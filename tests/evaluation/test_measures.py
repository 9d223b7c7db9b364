"""Measures of scored series whose worth is known."""

from dataclasses import replace

import numpy as np
import pytest

from anomaliz.core.types import Floats
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import (
    RANKING,
    of_all_rows,
    of_detectors,
    of_test_rows,
    ranking_of_all_rows,
    ranking_of_test_rows,
)
from anomaliz.metrics.events import runs

HOUR = np.timedelta64(1, "h")
N, N_TRAIN, N_VALIDATION = 480, 200, 80


def labelled(*events: tuple[int, int], n_validation: int = 0) -> Labelled:
    labels = np.zeros(N, bool)
    for start, end in events:
        labels[start:end] = True
    return Labelled(
        name="one.csv",
        values=np.sin(np.arange(N) / 4)[:, np.newaxis],
        times=np.datetime64("2024-01-01", "ns") + np.arange(N) * HOUR,
        labels=labels,
        features=("value",),
        n_train=N_TRAIN,
        n_validation=n_validation,
        windows=runs(labels),
    )


def scored(series: Labelled, surprise: Floats, alert: Floats | None = None) -> Scored:
    """Readings that all are `surprise`, with a threshold of 0.3."""
    alerts = np.zeros(N, bool) if alert is None else alert.astype(bool)
    return Scored(
        series=series,
        score=surprise / 10,
        rank_score=surprise,
        alert_score=surprise * alerts,
        alert=alerts,
        threshold=0.3,
        alert_threshold=3.0,
        surprise={"far": 10 - surprise, "fused": surprise},
        thresholds={"far": 0.3, "fused": 0.3},
        status=np.zeros(N, np.int8),
        seconds=1.0,
    )


def perfect(series: Labelled) -> Scored:
    return scored(series, np.where(series.labels, 9.0, 1.0), series.labels)


@pytest.mark.parametrize("measure", [of_all_rows, of_test_rows])
def test_readings_that_know_the_labels_are_perfect(measure) -> None:
    found = measure(perfect(labelled((300, 320), (400, 410))))
    ones = ("auc_pr", "roc_auc", "best_f1", "f1", "precision", "recall", "event_recall")
    assert [found[name] for name in ones] == [1.0] * len(ones)
    assert found["vus_pr"] > 0.9
    assert found["median_delay"] == found["false_alarm_rate"] == found["false_alarms_per_day"] == 0


def test_a_series_without_anomaly_has_only_false_alarms() -> None:
    alerts = np.zeros(N)
    alerts[[250, 251, 300, 470]] = 1
    found = of_test_rows(scored(labelled(), np.where(alerts, 9.0, 1.0), alerts))
    defined = {name: value for name, value in found.items() if value is not None}
    days = (N - N_TRAIN) / 24
    assert defined == {
        "false_alarm_rate": 4 / (N - N_TRAIN),
        "false_alarms_per_day": pytest.approx(3 / days),
        "threshold": 0.3,
    }


def test_a_missed_event_has_no_delay_and_a_found_one_has() -> None:
    series = labelled((300, 320), (400, 410))
    alerts = np.zeros(N)
    alerts[307] = 1
    found = of_test_rows(scored(series, np.where(alerts, 9.0, 1.0), alerts))
    assert found["event_recall"] == 0.5
    assert found["median_delay"] == 7
    none = of_test_rows(scored(series, np.ones(N)))
    assert none["event_recall"] == 0
    assert none["median_delay"] is None


def test_labelled_training_rows_count_for_all_rows_only() -> None:
    series = labelled((100, 110), (300, 310))
    readings = np.where(series.labels & (np.arange(N) >= N_TRAIN), 9.0, 0.0)
    assert of_all_rows(scored(series, readings))["recall"] == 0.5
    assert of_test_rows(scored(series, readings))["recall"] == 1.0


def test_ranking_reads_the_rank_score_and_f1_the_score() -> None:
    series = labelled((300, 320))
    mixed = replace(perfect(series), score=np.zeros(N))
    found = of_test_rows(mixed)
    assert found["best_f1"] == 1.0
    assert found["f1"] == 0.0


@pytest.mark.parametrize(
    "times",
    [
        None,
        np.full(N, np.datetime64("2024-01-01", "ns")),
        np.datetime64("2024-01-01", "ns") - np.arange(N) * HOUR,
    ],
)
def test_without_a_step_false_alarms_have_no_rate_per_day(times) -> None:
    series = replace(labelled((300, 320)), times=times)
    assert of_test_rows(perfect(series))["false_alarms_per_day"] is None


def test_detectors_are_ranked_by_their_surprise_in_the_rows_that_count() -> None:
    series = labelled((100, 110), (300, 310))
    late = np.where(series.labels & (np.arange(N) >= N_TRAIN), 9.0, 0.0)
    some, every = ranking_of_test_rows(scored(series, late)), ranking_of_all_rows(scored(series, late))
    assert list(some) == list(every) == ["fused", "far"]
    assert set(some["far"]) == set(RANKING)
    assert some["fused"]["best_f1"] == 1
    assert every["fused"]["best_f1"] == pytest.approx(2 / 3)
    assert some["far"]["roc_auc"] == 0


def test_the_buffer_is_read_off_the_rows_that_count() -> None:
    series = labelled((300, 320))
    # Of another period in the training part, which is most of what all rows show.
    slow = np.sin(np.arange(N) / 16)[:, np.newaxis]
    changed = replace(series, values=np.where(np.arange(N)[:, np.newaxis] < N_TRAIN, slow, series.values))
    readings = np.random.default_rng(2).normal(2 * series.labels, 1)
    known, again = (scored(one, readings) for one in (series, changed))
    assert of_test_rows(again) == of_test_rows(known)
    assert of_all_rows(again)["vus_pr"] != of_all_rows(known)["vus_pr"]


def test_a_column_that_is_empty_in_the_rows_that_count_takes_no_part() -> None:
    series = labelled((300, 320))
    values, empty = series.values, series.values.copy()
    empty[N_TRAIN:] = np.nan
    readings = np.random.default_rng(2).normal(2 * series.labels, 1)
    one, two = (
        scored(replace(series, values=np.hstack(columns), features=("a", "b")), readings)
        for columns in ([empty, values], [values, empty])
    )
    assert of_test_rows(one) == of_test_rows(two)


def test_the_fusion_comes_first_among_detectors() -> None:
    found = of_detectors(perfect(labelled((240, 250), (300, 320), n_validation=N_VALIDATION)))
    assert list(found) == ["fused", "far"]
    assert found["fused"]["f1"] == found["fused"]["roc_auc"] == 1
    assert found["far"]["roc_auc"] == 0


def test_the_threshold_is_tuned_where_validation_has_anomalies() -> None:
    # Below the label-free threshold of 0.3, so that only a tuned one finds them.
    series = labelled((240, 250), (300, 320), n_validation=N_VALIDATION)
    fused = of_detectors(scored(series, np.where(series.labels, 2.0, 1.0)))["fused"]
    assert fused["chosen_by"] == "f1"
    assert 0.1 < fused["threshold"] <= 0.2
    assert fused["f1"] == 1


def test_the_threshold_is_label_free_where_validation_has_none() -> None:
    series = labelled((300, 320), n_validation=N_VALIDATION)
    fused = of_detectors(scored(series, np.where(series.labels, 2.0, 1.0)))["fused"]
    assert (fused["chosen_by"], fused["threshold"], fused["f1"]) == ("alert_budget", 0.3, 0)


def test_scores_that_tell_nothing_apart_tune_no_threshold() -> None:
    series = labelled((240, 250), (300, 320), n_validation=N_VALIDATION)
    assert of_detectors(scored(series, np.ones(N)))["fused"]["chosen_by"] == "alert_budget"


def test_a_test_part_without_anomaly_has_no_f1() -> None:
    fused = of_detectors(perfect(labelled((240, 250), n_validation=N_VALIDATION)))["fused"]
    assert fused["f1"] is fused["roc_auc"] is fused["auc_pr"] is None
    assert fused["false_alarm_rate"] == 0


def test_ranking_is_undefined_where_every_row_is_an_anomaly() -> None:
    series = labelled((N_TRAIN, N))
    found = of_test_rows(perfect(series))
    assert [found[name] for name in RANKING] == [None, None, None, 1.0]
    assert found["false_alarm_rate"] is None
