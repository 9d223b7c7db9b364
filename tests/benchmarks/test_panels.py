"""The benchmarks of panels run, on little."""

import numpy as np
import pytest

from anomaliz.core.stamps import DAY
from anomaliz.evaluation.labelled import Labelled
from benchmarks.panel_quality import SCHEDULES, Schedule, judge, outcome
from benchmarks.panels import measured

STRANGE = slice(700, 730)


@pytest.fixture(scope="module")
def series() -> Labelled:
    """Hourly days, with something strange behind the training part."""
    n = 900
    values = 10 * np.sin(2 * np.pi * np.arange(n) / 24) + np.random.default_rng(0).standard_normal(n)
    values[STRANGE] += 12
    labels = np.zeros(n, np.bool_)
    labels[STRANGE] = True
    times = np.datetime64("2026-01-01", "ns") + np.arange(n) * np.timedelta64(1, "h")
    return Labelled("strange", values[:, np.newaxis], times, labels, ("value",), 400, windows=[(700, 730)])


def test_what_a_panel_costs_is_measured() -> None:
    found = measured(20)
    assert set(found) == {"fit_seconds", "model_megabytes", "score_seconds", "peak_megabytes"}
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_every_schedule_finds_what_is_strange(series: Labelled, schedule: Schedule) -> None:
    score = judge(series, schedule).score
    assert np.isnan(score[:400]).all()
    assert (score[STRANGE] >= 1).mean() > 0.3
    assert (score[400:700] >= 1).mean() < 0.1
    assert outcome(schedule, series).measures["vus_pr"] > 0.5


def test_a_window_bounds_what_is_learnt(series: Labelled) -> None:
    found = [judge(series, Schedule("", True, days * DAY)).score for days in (7, 14)]
    np.testing.assert_array_equal(found[0][400:424], found[1][400:424])
    assert (found[0][424:] != found[1][424:]).any()
