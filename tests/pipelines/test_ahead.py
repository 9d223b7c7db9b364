"""What is expected of rows that are still to come."""

import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.core.panel import Panel
from anomaliz.panel.model import PanelModel
from anomaliz.pipelines.ahead import expected_ahead

STEP = np.timedelta64(15, "m").astype("timedelta64[ns]")
DAY = 96


def panel_of(n: int, features: tuple[str, ...]) -> Panel:
    """Two series of days with a little noise, each feature at a phase of its own."""
    rows = np.arange(n)[:, np.newaxis, np.newaxis]
    days = np.sin(2 * np.pi * (rows / DAY + np.arange(2)[:, np.newaxis] / 3 + np.arange(len(features)) / 7))
    values = 100 + 20 * days + 0.1 * np.random.default_rng(0).standard_normal(days.shape)
    times = np.datetime64("2026-03-01", "ns") + np.arange(n) * STEP
    return Panel(times, values, ({"i": "0"}, {"i": "1"}), features)


@pytest.fixture(scope="module", params=[("cpu",), ("cpu", "memory")], ids=["one feature", "two features"])
def whole(request: pytest.FixtureRequest) -> Panel:
    return panel_of(8 * DAY, request.param)


@pytest.fixture(scope="module")
def model(whole: Panel) -> PanelModel:
    past = whole.rows(slice(0, 7 * DAY))
    return PanelModel.fit(past, STEP, tail_quantile=0.95, alert_budget=150)


def test_expected_values_follow_the_day(model: PanelModel, whole: Panel) -> None:
    ahead = expected_ahead(model, whole.rows(slice(0, 7 * DAY)), None, 12)
    assert ahead.shape == (12, 2, len(whole.features))
    assert np.abs(ahead - whole.values[7 * DAY : 7 * DAY + 12]).max() < 4  # of days that rise and fall by 20


def test_the_first_is_what_scoring_the_next_row_says(model: PanelModel, whole: Panel) -> None:
    n = 7 * DAY + 30
    verdicts, _ = model.score(whole.rows(slice(0, n + 1)), 1, None)
    ahead = expected_ahead(model, whole.rows(slice(0, n)), None, 2)
    np.testing.assert_array_equal(ahead[0], verdicts.expected[0])


def test_a_missing_newest_value_does_not_end_it(model: PanelModel, whole: Panel) -> None:
    panel = whole.rows(slice(0, 7 * DAY))
    values = panel.values.copy()
    values[-1, 0] = np.nan
    ahead = expected_ahead(model, Panel(panel.times, values, panel.labels, panel.features), None, 3)
    assert np.isfinite(ahead).all()


def test_nothing_is_expected_of_an_unknown_series(model: PanelModel, whole: Panel) -> None:
    panel = whole.rows(slice(0, 7 * DAY))
    other = Panel(panel.times, panel.values, ({"i": "new"}, panel.labels[1]), panel.features)
    ahead = expected_ahead(model, other, None, 2)
    assert np.isnan(ahead[:, 0]).all()
    assert np.isfinite(ahead[:, 1]).all()


def test_features_keep_the_order_of_the_panel(model: PanelModel, whole: Panel) -> None:
    panel = whole.rows(slice(0, 7 * DAY))
    turned = Panel(panel.times, panel.values[..., ::-1], panel.labels, panel.features[::-1])
    found = expected_ahead(model, turned, None, 3)
    np.testing.assert_array_equal(found[..., ::-1], expected_ahead(model, panel, None, 3))


def test_one_row_has_no_step(model: PanelModel, whole: Panel) -> None:
    with pytest.raises(DataError, match="two rows or more, got 1"):
        expected_ahead(model, whole.rows(slice(0, 1)), None, 1)
