"""What one strange row, and a change that lasts, do to the rows after them, in metrics of five minutes."""

from collections.abc import Callable

import numpy as np
import pytest

from anomaliz.core.panel import Panel
from anomaliz.core.types import Flags, Floats
from anomaliz.panel.model import PanelModel

STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
START = np.datetime64("2026-03-01", "ns")
DAY = 288
TRAINING = 7 * DAY
SCORED = 4 * DAY
AT = DAY
"""Row of those scored at which something happens."""
SIX_HOURS = 72
N_SERIES = 24
SHIPPED_BUDGET, WEEKLY_BUDGET = 150.0, 2016.0

Change = Callable[[Floats], None]
"""Of the values of one feature, `(n, k)`, that of the first row at which something happens first."""
Score = Callable[[int, float, Change], Flags]


def panel_of(n: int, n_features: int, seed: int, begin: int = 0) -> Panel:
    """A sine of a day, a tenth of whose amplitude the noise is."""
    rows = begin + np.arange(n)
    phase = np.arange(N_SERIES)[:, np.newaxis] / N_SERIES
    days = np.sin(2 * np.pi * (rows[:, np.newaxis, np.newaxis] / DAY + phase))
    noise = np.random.default_rng(seed).standard_normal((n, N_SERIES, n_features))
    labels = tuple({"instance": f"host-{i}"} for i in range(N_SERIES))
    return Panel(START + rows * STEP, 50 + 10 * days + noise, labels, ("cpu", "memory", "disk")[:n_features])


@pytest.fixture(scope="module")
def score() -> Score:
    models: dict[tuple[int, float], PanelModel] = {}

    def anomalies(n_features: int, budget: float, change: Change) -> Flags:
        """Which of SCORED rows are anomalous, `(SCORED, N_SERIES)`, after training on normal ones."""
        known = n_features, budget
        if known not in models:
            models[known] = PanelModel.fit(
                panel_of(TRAINING, n_features, 0), STEP, tail_quantile=0.95, alert_budget=budget
            )
        model = models[known]
        panel = panel_of(model.reach + SCORED, n_features, 1, begin=TRAINING)
        change(panel.values[model.reach + AT :, :, 0])
        verdicts, _ = model.score(panel, SCORED, None)
        flags: Flags = verdicts.score >= model.threshold
        return flags

    return anomalies


def nothing(values: Floats) -> None:
    pass


def spike(size: float) -> Change:
    def change(values: Floats) -> None:
        values[0] += size

    return change


@pytest.mark.parametrize("size", [-450.0, -30.0, 30.0, 450.0])
@pytest.mark.parametrize(
    ("n_features", "budget", "mean", "most"),
    [(1, SHIPPED_BUDGET, 4.0, 8), (1, WEEKLY_BUDGET, 1.2, 2), (3, SHIPPED_BUDGET, 1.5, 3)],
)
def test_a_row_however_far_is_anomalous_and_those_after_it_are_not(
    score: Score, n_features: int, budget: float, mean: float, most: int, size: float
) -> None:
    found, normal = (score(n_features, budget, change)[AT:] for change in (spike(size), nothing))
    assert found[0].all()
    rows = (found & ~normal).sum(axis=0)
    assert rows.mean() <= mean
    # Without the spike too, single rows come and go at the threshold.
    assert (found & ~normal)[:DAY].sum(axis=0).max() <= most


@pytest.mark.parametrize("size", [30.0, 450.0])
def test_half_an_hour_however_far_is_over_some_hours_later(score: Score, size: float) -> None:
    def change(values: Floats) -> None:
        values[:6] += size

    found, normal = (score(1, SHIPPED_BUDGET, one)[AT:] for one in (change, nothing))
    assert found[:6].all()
    assert (found & ~normal)[6:].sum(axis=0).mean() <= 24


def test_a_level_that_shifts_is_found_at_once_and_to_its_end(score: Score) -> None:
    def change(values: Floats) -> None:
        values[:SIX_HOURS] += 3

    found = score(1, SHIPPED_BUDGET, change)[AT : AT + SIX_HOURS]
    assert found[:12].any(axis=0).all()
    assert found.mean() > 0.9


def test_a_metric_that_becomes_restless_is_found_at_once_and_to_its_end(score: Score) -> None:
    def change(values: Floats) -> None:
        values[:SIX_HOURS] += 3 * np.random.default_rng(5).standard_normal((SIX_HOURS, N_SERIES))

    found = score(1, SHIPPED_BUDGET, change)[AT : AT + SIX_HOURS]
    assert found[:15].any(axis=0).all()
    assert found.mean() > 0.88


def test_a_slow_drift_is_found_before_it_is_two_deviations_far(score: Score) -> None:
    def change(values: Floats) -> None:
        values += np.minimum(np.arange(len(values)) / SIX_HOURS, 4)[:, np.newaxis]

    found = score(1, SHIPPED_BUDGET, change)[AT:]
    assert found[: 2 * SIX_HOURS].any(axis=0).all()
    assert found.mean() > 0.85


def test_a_series_that_stands_still_is_anomalous_for_one_row() -> None:
    still = panel_of(TRAINING + SCORED, 1, 0)
    still.values[:] = 20.3
    model = PanelModel.fit(still.rows(slice(0, TRAINING)), STEP, tail_quantile=0.95, alert_budget=150.0)
    still.values[TRAINING + AT] += 5
    verdicts, _ = model.score(still, SCORED, None)
    assert np.flatnonzero((verdicts.score >= model.threshold).any(axis=1)).tolist() == [AT]
