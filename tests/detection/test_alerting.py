from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.types import Floats
from anomaliz.detection.alerting import FLOOR, ROUNDING, STEP_UP, AlertState, alert_scores

QUIET = 6
# Steps of a tenth meet the rule's edges: equal readings, the floor, exactly one step up.
reading = st.integers(0, 60).map(lambda tenths: tenths / 10) | st.floats(0, 12) | st.just(np.nan)
fused_readings = st.lists(reading, max_size=60).map(np.array)
quiets = st.integers(1, 12)


def obvious_alerts(fused: Floats, quiet: int) -> list[float]:
    """The rule, row by row."""
    alerts: list[float] = []
    for row, value in enumerate(fused):
        earlier = range(max(row - quiet, 0), row)
        news = value >= FLOOR and all(
            np.isnan(fused[other]) or value > fused[other] + ROUNDING for other in earlier
        )
        recent_alerts = [alerts[other] for other in earlier if alerts[other] > 0]
        alerts.append(value if news and all(value >= alert + STEP_UP for alert in recent_alerts) else 0.0)
    return alerts


def scored(fused: Floats, quiet: int = QUIET) -> list[float]:
    return alert_scores(fused, quiet, AlertState.none())[0].tolist()


@given(fused_readings, quiets)
def test_the_rule_is_the_one_that_its_definition_says(fused: Floats, quiet: int) -> None:
    assert scored(fused, quiet) == obvious_alerts(fused, quiet)


@given(fused_readings, quiets, st.lists(st.integers(0, 60), max_size=5).map(sorted))
def test_chunks_give_the_same_as_the_whole(fused: Floats, quiet: int, cuts: list[int]) -> None:
    whole, after = alert_scores(fused, quiet, AlertState.none())
    state, parts = AlertState.none(), []
    for part in np.split(fused, cuts):
        scores, state = alert_scores(part, quiet, state)
        parts.append(scores)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(state.recent, after.recent)
    assert (state.since, state.last) == (after.since, after.last)


@given(fused_readings, quiets)
def test_alerts_are_rare_unless_things_get_clearly_worse(fused: Floats, quiet: int) -> None:
    scores = np.array(scored(fused, quiet))
    at = np.flatnonzero(scores)
    for first, second in pairwise(at):
        assert second - first > quiet or scores[second] >= scores[first] + STEP_UP


@given(fused_readings, quiets)
def test_an_alert_reads_the_surprise_itself(fused: Floats, quiet: int) -> None:
    scores = np.array(scored(fused, quiet))
    assert ((scores == 0) | ((scores == fused) & (scores >= FLOOR))).all()


@pytest.mark.parametrize(
    ("fused", "alerts"),
    [
        ([0, 0.9, 0], [0, 0, 0]),
        ([0, 1.0, 0], [0, 1.0, 0]),
        ([3, 3, 3], [3, 0, 0]),
        ([3, 3.4, 3.5], [3, 0, 3.5]),
        ([3, 5, 4], [3, 5, 0]),
        ([3, 0, 0, 0, 0, 0, 0, 3], [3, 0, 0, 0, 0, 0, 0, 3]),
        ([3, 0, 0, 0, 0, 0, 3], [3, 0, 0, 0, 0, 0, 0]),
        ([3, 0, 0, 0, 0, 3.2, 0, 3.1], [3, 0, 0, 0, 0, 0, 0, 0]),
        ([np.nan, 2, np.nan, 2], [0, 2, 0, 0]),
    ],
)
def test_examples(fused: list[float], alerts: list[float]) -> None:
    assert scored(np.array(fused, np.float64)) == alerts


def test_a_missing_reading_passes_time() -> None:
    fused = np.array([3.0, *[np.nan] * QUIET, 3.0])
    assert scored(fused)[-1] == 3
    assert scored(fused[1:-1]) == [0] * QUIET


def test_the_memory_is_as_long_as_the_quiet_time() -> None:
    for n in (0, 2, 50):
        _, state = alert_scores(np.ones(n), QUIET, AlertState.none())
        assert len(state.recent) == QUIET
