"""The series profile through the one scoring path."""

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Status, Verdicts
from anomaliz.data.behaviour import STEP, realistic_behaviour

READINGS = ("score", "rank_score", "alert_score", "contributions", "expected", "status", "detector_surprise")
FAR = np.datetime64("2031-01-01", "ns")


@pytest.fixture
def values(rng: np.random.Generator) -> Floats:
    values = realistic_behaviour(900, rng)
    values[700:706, 0] = 0.95
    return values


def stamps(n: int, first: np.datetime64 = FAR) -> Stamps:
    return first + np.arange(n) * STEP


def same(parts: list[Verdicts], whole: Verdicts) -> None:
    for name in READINGS:
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(found, getattr(whole, name), rtol=1e-9, atol=1e-9, err_msg=name)


def test_few_rows_are_a_window_and_many_a_series(bundle: Bundle, values: Floats) -> None:
    assert bundle.series is not None
    enough = bundle.series.enough
    most = 2 * (enough - 1)
    assert bundle.score(values[: most - 1]).profile == "window"
    assert bundle.score(values[:most]).profile == "series"
    assert bundle.score(values[: enough - 1], newest=1).profile == "window"
    assert bundle.score(values[:enough], newest=1).profile == "series"
    assert bundle.score(values, profile="window").profile == "window"
    assert bundle.score(values[:20], profile="series").profile == "series"


def test_an_unknown_profile_is_refused(bundle: Bundle, values: Floats) -> None:
    with pytest.raises(DataError, match="'sereis' is not a profile"):
        bundle.score(values, profile="sereis")


def test_a_series_in_chunks_is_the_series_at_once(bundle: Bundle, values: Floats) -> None:
    values[400:404] = np.nan
    times = stamps(len(values))
    parts, state = [], None
    for start, stop in ((0, 350), (350, 351), (351, 402), (402, 703), (703, 900)):
        parts.append(bundle.score(values[start:stop], times[start:stop], state, profile="series"))
        state = parts[-1].state
    same(parts, bundle.score(values, times))


@pytest.mark.parametrize("chunk", [1, 7, 250])
def test_a_series_that_begins_cold_becomes_that_of_the_whole(
    bundle: Bundle, values: Floats, chunk: int
) -> None:
    assert bundle.series is not None
    times = stamps(len(values))
    parts, state = [], None
    for start in range(0, len(values), chunk):
        rows = slice(start, start + chunk)
        parts.append(bundle.score(values[rows], times[rows], state))
        state = parts[-1].state
    profiles = [part.profile for part in parts]
    switched = profiles.index("series")
    assert profiles == ["window"] * switched + ["series"] * (len(parts) - switched)
    assert abs(switched * chunk - bundle.series.enough) <= chunk
    judged = parts[switched:]
    same(judged, bundle.score(values, times).newest(sum(map(len, judged))))
    last = judged[0].times
    assert last is not None
    assert last[0] == times[switched * chunk]


def test_nothing_comes_from_the_future(bundle: Bundle, values: Floats, rng: np.random.Generator) -> None:
    noise = values.copy()
    noise[600:] = rng.uniform(0, 1, (300, 3))
    for name in READINGS:
        before = getattr(bundle.score(values), name)[:600]
        np.testing.assert_array_equal(getattr(bundle.score(noise), name)[:600], before, err_msg=name)


def test_the_newest_points_are_those_of_the_whole(bundle: Bundle, values: Floats) -> None:
    whole, newest = bundle.score(values), bundle.score(values, newest=3)
    assert len(newest) == 3
    np.testing.assert_array_equal(newest.score, whole.score[-3:])
    assert newest.alert is not None
    np.testing.assert_array_equal(newest.alert, whole.alert[-3:])


def test_a_spike_is_alerted_once_and_is_anomalous_at_once(bundle: Bundle, values: Floats) -> None:
    verdicts = bundle.score(values)
    assert verdicts.alert is not None
    assert np.flatnonzero(verdicts.alert[690:720]).tolist() == [10]
    assert verdicts.anomaly[700:706].all()
    assert verdicts.contributions[700].argmax() == 0


def test_a_series_that_begins_anew_is_degraded_until_every_member_has_its_history(
    bundle: Bundle, values: Floats
) -> None:
    verdicts = bundle.score(values)
    assert bundle.series is not None
    assert (verdicts.status[: bundle.window_size - 1] == Status.warming_up).all()
    assert (verdicts.status[bundle.series.enough :] == Status.ok).all()
    early = verdicts.status[: bundle.series.enough - 1]
    assert (early != Status.ok).all()


def test_a_series_that_follows_the_training_starts_warm(bundle: Bundle, values: Floats) -> None:
    assert bundle.series is not None
    last = bundle.series.trained.last
    assert last is not None
    times = stamps(5, last + STEP)
    verdicts = bundle.score(values[:5], times)
    assert verdicts.profile == "series"
    assert (verdicts.status == Status.ok).all()
    assert bundle.score(values[:5], times + 10 * STEP).profile == "window"


def test_a_missing_row_has_no_verdict_and_is_not_remembered(bundle: Bundle, values: Floats) -> None:
    values[500] = np.nan
    verdicts = bundle.score(values)
    assert verdicts.status[500] == Status.no_data
    assert np.isnan(verdicts.score[500])
    assert verdicts.rank_score is not None
    assert np.isnan(verdicts.rank_score[500])
    assert np.isnan(verdicts.contributions[500]).all()
    assert np.isnan(verdicts.expected[500]).all()
    assert verdicts.status[501] == Status.degraded


def test_a_long_gap_keeps_the_time_of_day(bundle: Bundle, values: Floats) -> None:
    """Rows are inserted for a whole number of days more than filling bridges."""
    times = np.concatenate([stamps(400), stamps(500, FAR + 2000 * STEP)])
    _, _, positions = bundle.regularise(values, times)
    assert (positions[400] - 400) % 288 == (2000 - 400) % 288
    assert positions[400] - 400 < 2000 - 400
