"""Backtests of a series whose fault is known."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from anomaliz.config.loading import load_settings
from anomaliz.core.errors import DataError
from anomaliz.core.verdict import Status
from anomaliz.data.dataset import Dataset
from anomaliz.detection.thresholds import from_run_budget
from anomaliz.evaluation.backtest import BUDGETS, Backtest, run_backtest
from anomaliz.evaluation.backtest_plots import LEAST_CONTEXT, views
from anomaliz.evaluation.backtest_report import report, result_of
from anomaliz.metrics.events import runs

SETTINGS = load_settings(environ={}, env_file=None)
BUDGET = SETTINGS.detection.threshold.alert_budget
STEP = np.timedelta64(30, "m")
N, N_TRAIN = 1500, 450
FAULT = slice(1200, 1215)


def dataset(n: int = N) -> Dataset:
    """Two metrics with a daily rhythm; the second one fails for a while."""
    rng = np.random.default_rng(3)
    day = np.sin(np.arange(n) * 2 * np.pi / 48)
    values = np.column_stack([day, -day]) + rng.normal(0, 0.1, (n, 2))
    values[FAULT, 1] += 4
    times = np.datetime64("2024-01-01", "ns") + np.arange(n) * STEP
    return Dataset(values, times, ("steady", "faulty"), step=STEP, name="two")


def without(data: Dataset, rows: slice) -> Dataset:
    kept = np.ones(len(data), bool)
    kept[rows] = False
    return data.select(kept)


@pytest.fixture(scope="module")
def found() -> Backtest:
    return run_backtest(dataset(), SETTINGS)


def test_the_first_rows_are_fitted_and_the_others_judged(found: Backtest) -> None:
    assert found.judged.series.n_train == N_TRAIN
    assert len(found.verdicts) == found.n_judged == N - N_TRAIN
    assert found.times[0] == np.datetime64("2024-01-01") + N_TRAIN * STEP


def test_the_fault_is_an_event_of_its_feature(found: Backtest) -> None:
    (event,) = (event for event in found.events if event.start + N_TRAIN in range(FAULT.start, FAULT.stop))
    assert event.severity == "critical"
    assert np.argmax(event.contributions) == 1


def test_no_verdict_comes_from_the_future(found: Backtest) -> None:
    data = dataset()
    data.values[1000:] *= 7
    changed = run_backtest(data, SETTINGS).verdicts
    seen = slice(0, 1000 - N_TRAIN)
    for name in ("surprise", "rank_score", "alert_score", "alert"):
        assert (getattr(changed, name)[seen] == getattr(found.verdicts, name)[seen]).all()


def test_labels_are_not_looked_at(found: Backtest) -> None:
    labels = np.arange(N) % 3 == 0
    assert result_of(run_backtest(replace(dataset(), labels=labels), SETTINGS)) == result_of(found)


def test_a_split_says_what_to_fit_on() -> None:
    split = np.where(np.arange(N) < 700, "train", "test")
    assert run_backtest(replace(dataset(), split=split), SETTINGS, 0.1).judged.series.n_train == 700


def test_fewer_than_a_hundred_rows_are_never_fitted_on() -> None:
    assert run_backtest(dataset(400), SETTINGS, 0.01).judged.series.n_train == 100


def test_missing_rows_are_there_and_not_judged() -> None:
    data = without(without(dataset(), slice(200, 203)), slice(897, 902))
    found = run_backtest(data, SETTINGS)
    assert len(found.judged.series.values) == N
    assert np.array_equal(found.judged.series.times, dataset().times)
    missing = np.arange(N)[-len(found.verdicts) :]
    assert (found.verdicts.status == Status.no_data).sum() == 5
    assert np.flatnonzero(found.verdicts.status == Status.no_data)[0] + missing[0] == 900
    assert found.n_judged == len(found.verdicts) - 5
    assert "two: 1500 rows 1800 s apart, 8 of them missing" in report(result_of(found))


def test_a_row_after_a_long_gap_keeps_its_hour() -> None:
    found = run_backtest(without(dataset(), slice(700, 1000)), SETTINGS)
    series = found.judged.series
    assert len(series.values) < N
    given = np.flatnonzero(~np.isnan(series.values[:, 0]))
    rows = (series.times[given] - series.times[0]) // STEP
    assert (given % 48 == rows % 48).all()


def test_thresholds_rise_with_the_budget(found: Backtest) -> None:
    budgets = [one.decision.alert_budget for one in found.suggestions]
    thresholds = [one.decision.threshold for one in found.suggestions]
    assert budgets == sorted({*BUDGETS, BUDGET})
    assert thresholds == sorted(thresholds)
    assert [one.decision.extrapolated for one in found.suggestions] == [one > N_TRAIN for one in budgets]


def test_each_suggestion_says_what_it_would_have_raised(found: Backtest) -> None:
    for one in found.suggestions:
        assert one.n_runs == len(runs(found.verdicts.score >= one.decision.threshold))


def test_suggestions_come_from_the_training_part_as_the_threshold_in_use_does(found: Backtest) -> None:
    in_use = found.judged.scorer.profile.decision
    assert from_run_budget(found.judged.training_surprise, BUDGET) == in_use
    assert in_use in [one.decision for one in found.suggestions]


def test_the_volume_is_told_by_the_day(found: Backtest) -> None:
    result = result_of(found)
    volume, days = result["volume"], (N - N_TRAIN) / 48
    assert result["span"]["days"] == pytest.approx(days)
    assert volume["events"] == {
        "number": len(found.events),
        "per_day": pytest.approx(len(found.events) / days),
        "share": None,
    }
    anomalous = int(found.verdicts.anomaly.sum())
    assert volume["anomalous_points"]["share"] == pytest.approx(anomalous / (N - N_TRAIN))
    assert volume["alerts"]["number"] >= len(found.events) > 0


def test_the_result_is_json_and_a_text(found: Backtest) -> None:
    result = result_of(found)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    event = next(event for event in result["events"] if event["most_in"] == "faulty")
    said = report(result)
    assert f"{event['start']}  {event['end']}  {event['peak']}  critical" in said
    assert "fitted on the first 450, judged 1050" in said
    assert [line.split()[-2:] for line in said.splitlines()].count(["in", "use"]) == 1


def test_the_end_of_an_event_is_the_stamp_after_it(found: Backtest) -> None:
    for event, told in zip(found.events, result_of(found)["events"], strict=True):
        first = np.datetime64("2024-01-01") + (N_TRAIN + event.start) * STEP
        assert told["start"] == f"{np.datetime_as_string(first, 's')}Z"
        assert np.datetime64(told["end"][:-1]) - first == told["points"] * STEP


def test_there_is_a_view_of_everything_and_one_of_each_event(found: Backtest) -> None:
    whole, *near = views(found)
    assert (len(whole.score), whole.series.name) == (N, "two")
    assert len({view.series.name for view in near}) == len(found.events)
    for event, view in zip(found.events, near, strict=True):
        first = int(np.flatnonzero(view.series.times == found.times[event.start])[0])
        assert first >= LEAST_CONTEXT
        assert view.series.n_train == max(first - event.start, 0)
        shown = view.score[first : first + event.end - event.start]
        assert shown[event.peak - event.start] == shown.max() == event.score


def test_a_view_shows_first_what_contributed_most(found: Backtest) -> None:
    fault = next(i for i, event in enumerate(found.events) if event.severity == "critical")
    view = list(views(found))[fault + 1].series
    assert view.features == ("faulty", "steady")
    assert view.values[0, 0] == dataset().values[list(dataset().times).index(view.times[0]), 1]


def test_a_series_without_event_is_told_and_drawn_as_it_is() -> None:
    quiet = run_backtest(dataset(500), SETTINGS, 0.95)
    assert "no event" in report(result_of(quiet))
    assert [view.series.features for view in views(quiet)] == [("steady", "faulty")]


def missing(rows: slice, column: slice | int = slice(None)) -> Callable[[Dataset], Dataset]:
    def change(data: Dataset) -> Dataset:
        data.values[rows, column] = np.nan
        return data

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.select(slice(0, 100)), "two has 100 rows, of which 100 are there to fit on"),
        (missing(slice(0, 400)), "two has 50 rows with values to fit on, and 100 are needed"),
        (missing(slice(0, 600), 1), "column 'faulty' has no values where the profile is fitted"),
        (missing(slice(N_TRAIN, N)), "two has no row that can be judged"),
        (lambda data: replace(data, times=None), "two must have stamps"),
    ],
)
def test_a_series_that_cannot_be_judged_is_refused_with_a_reason(
    change: Callable[[Dataset], Dataset], said: str
) -> None:
    with pytest.raises(DataError) as caught:
        run_backtest(change(dataset()), SETTINGS)
    assert str(caught.value).startswith(said)
