import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import DataError
from anomaliz.core.verdict import Status, Verdicts
from anomaliz.models.registry import WINDOW_DETECTORS, window_detector
from anomaliz.preprocessing.normalizer import RangeNormalizer

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
lasting = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)

values = arrays(np.float64, (25, 3), elements=st.floats(-1e3, 1e3))
holey = arrays(np.float64, (40, 3), elements=st.one_of(st.floats(0, 20), st.just(np.nan)))


@pytest.fixture
def series(bundle: Bundle, rng: np.random.Generator) -> np.ndarray:
    """A series of 60 normal rows."""
    low, high = bundle.canary.min(axis=0), bundle.canary.max(axis=0)
    return rng.uniform(low, high, (60, len(bundle.features)))


def assert_same(one: Verdicts, other: Verdicts) -> None:
    np.testing.assert_array_equal(one.status, other.status)
    for reading in ("score", "detector_surprise", "contributions", "expected", "expected_lower"):
        np.testing.assert_allclose(getattr(one, reading), getattr(other, reading), **TOLERANCE)


def joined(parts: list[Verdicts], reading: str) -> np.ndarray:
    return np.concatenate([getattr(part, reading) for part in parts])


def test_rows_before_the_first_whole_window_are_warming_up(bundle: Bundle, series: np.ndarray) -> None:
    verdicts = bundle.score(series)
    warming = bundle.window_size - 1
    assert (verdicts.status[:warming] == Status.warming_up).all()
    assert (verdicts.status[warming:] == Status.ok).all()
    assert np.isnan(verdicts.score[:warming]).all()
    assert not verdicts.anomaly[:warming].any()
    assert np.isfinite(verdicts.score[warming:]).all()


def test_a_spike_is_an_anomaly_in_its_feature(bundle: Bundle, series: np.ndarray) -> None:
    series[-1, 0] = 0.99
    verdicts = bundle.score(series, newest=1)
    assert verdicts.anomaly[0]
    assert bundle.features[verdicts.contributions[0].argmax()] == "cpu"
    assert verdicts.expected[0, 0] < 0.6
    assert verdicts.expected_lower[0, 0] < verdicts.expected[0, 0] < verdicts.expected_upper[0, 0]
    assert verdicts.leading_detector(0) in verdicts.detectors


def test_the_newest_rows_alone_have_the_same_verdicts(bundle: Bundle, series: np.ndarray) -> None:
    whole, newest = bundle.score(series), bundle.score(series, newest=7)
    assert len(newest) == 7
    np.testing.assert_allclose(newest.score, whole.score[-7:], **TOLERANCE)


@given(rows=values)
@lasting
def test_windows_in_a_batch_score_as_the_series_does(bundle: Bundle, rows: np.ndarray) -> None:
    windows = np.stack([rows[i : i + 10] for i in range(16)])
    whole, batch = bundle.score(rows), bundle.score_windows(windows)
    np.testing.assert_allclose(batch.score, whole.score[9:], **TOLERANCE)
    np.testing.assert_allclose(batch.contributions, whole.contributions[9:], **TOLERANCE)


@given(rows=values, order=st.permutations(range(16)))
@lasting
def test_the_order_of_a_batch_changes_nothing(bundle: Bundle, rows: np.ndarray, order: list[int]) -> None:
    windows = np.stack([rows[i : i + 10] for i in range(16)])
    straight, permuted = bundle.score_windows(windows), bundle.score_windows(windows[order])
    np.testing.assert_allclose(permuted.score, straight.score[order], **TOLERANCE)


@given(rows=holey)
@lasting
def test_missing_data_is_never_health(bundle: Bundle, rows: np.ndarray) -> None:
    verdicts = bundle.score(rows)
    missing = np.isnan(rows).all(axis=1)
    assert (verdicts.status[missing] == Status.no_data).all()
    assert np.isnan(verdicts.score[~verdicts.scored]).all()
    assert np.isfinite(verdicts.score[verdicts.scored]).all()
    np.testing.assert_allclose(verdicts.contributions[verdicts.scored].sum(axis=1), 1)


@given(rows=holey, cuts=st.lists(st.integers(0, 40), max_size=4))
@lasting
def test_whole_equals_chunks_and_point_by_point(bundle: Bundle, rows: np.ndarray, cuts: list[int]) -> None:
    whole = bundle.score(rows)
    edges = [0, *sorted(cuts), len(rows)]
    for bounds in (edges, list(range(len(rows) + 1))):
        state, parts = None, []
        for start, end in pairwise(bounds):
            parts.append(bundle.score(rows[start:end], state=state))
            state = parts[-1].state
        np.testing.assert_array_equal(joined(parts, "status"), whole.status)
        np.testing.assert_allclose(joined(parts, "score"), whole.score, **TOLERANCE)


def test_what_comes_after_changes_nothing_before(
    bundle: Bundle, series: np.ndarray, rng: np.random.Generator
) -> None:
    noise = series.copy()
    noise[40:] = rng.normal(0, 1e3, noise[40:].shape)
    noise[45] = np.nan
    np.testing.assert_allclose(bundle.score(noise).score[:40], bundle.score(series).score[:40], **TOLERANCE)


def test_a_series_continues_across_calls_and_gaps(bundle: Bundle, series: np.ndarray) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(60) * bundle.step
    times[30:] += 1000 * bundle.step
    whole, stamps, positions = bundle.regularise(series, times)
    at_once = bundle.score(whole, stamps).status[positions]
    first = bundle.score(series[:30], times[:30])
    values, later, after = bundle.regularise(series[30:], times[30:], first.state)
    second = bundle.score(values, later, first.state)
    np.testing.assert_array_equal(np.concatenate([first.status, second.status[after]]), at_once)
    assert at_once[30] == Status.warming_up


def test_stamps_of_another_step_are_refused(bundle: Bundle, series: np.ndarray) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(60) * np.timedelta64(1, "s")
    with pytest.raises(DataError, match="resample"):
        bundle.regularise(series, times)


def test_stamps_that_are_too_few_are_refused(bundle: Bundle, series: np.ndarray) -> None:
    with pytest.raises(DataError, match="60 rows have 25 stamps"):
        bundle.score(series, np.arange(25).astype("datetime64[ns]"))


def test_a_point_whose_window_was_filled_is_degraded(bundle: Bundle, series: np.ndarray) -> None:
    series[30] = np.nan
    status = bundle.score(series).status
    assert status[30] == Status.no_data
    assert (status[31:40] == Status.degraded).all()
    assert status[40] == Status.ok


def test_a_row_with_some_features_missing_is_degraded(bundle: Bundle, series: np.ndarray) -> None:
    series[-1, 1] = np.nan
    verdicts = bundle.score(series)
    assert verdicts.status[-1] == Status.degraded
    assert np.isfinite(verdicts.score[-1])
    assert np.isnan(verdicts.observed[-1, 1])


def test_a_feature_that_stays_away_ends_in_no_data(bundle: Bundle, series: np.ndarray) -> None:
    series[30:, 1] = np.nan
    status = bundle.score(series).status
    assert (status[30 : 30 + bundle.fill_limit] == Status.degraded).all()
    assert (status[30 + bundle.fill_limit :] == Status.no_data).all()


def test_a_long_gap_is_no_data_and_then_warms_up(bundle: Bundle, series: np.ndarray) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(60) * bundle.step
    times[30:] += 1000 * bundle.step
    whole, stamps, positions = bundle.regularise(series, times)
    verdicts = bundle.score(whole, stamps)
    after = positions[30]
    assert (verdicts.status[positions[29] + 1 : after] == Status.no_data).all()
    assert (verdicts.status[after : after + bundle.window_size - 1] == Status.warming_up).all()
    assert verdicts.status[after + bundle.window_size - 1] == Status.ok


def test_frame_columns_go_by_name(bundle: Bundle, series: np.ndarray) -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(60) * bundle.step
    frame = pd.DataFrame(series, columns=list(bundle.features), index=pd.DatetimeIndex(times, tz="UTC"))
    shuffled = frame[["latency", "cpu", "memory"]].assign(other=1.0)
    assert_same(bundle.score_frame(shuffled), bundle.score(series, times))
    with pytest.raises(DataError, match="latency"):
        bundle.score_frame(frame.drop(columns="latency"))


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_is_refused(bundle: Bundle, series: np.ndarray, bad: float) -> None:
    series[5, 1] = bad
    with pytest.raises(DataError, match="finite"):
        bundle.score(series)


def test_a_wrong_number_of_features_is_refused(bundle: Bundle) -> None:
    with pytest.raises(DataError, match="rows of 3 features"):
        bundle.score(np.zeros((20, 2)))


@given(scale=st.floats(1e-300, 1e300), sign=st.sampled_from([-1, 1]))
@lasting
def test_no_magnitude_gives_a_score_that_is_not_finite(bundle: Bundle, scale: float, sign: int) -> None:
    rows = np.repeat(bundle.canary[-1:], 10, axis=0)
    rows[-1] = sign * scale
    verdicts = bundle.score(rows, newest=1)
    assert np.isfinite(verdicts.score).all()
    assert np.isfinite(verdicts.contributions).all()


def test_the_graph_agrees_with_the_saved_detectors(
    bundle_dir: Path, bundle: Bundle, series: np.ndarray
) -> None:
    windows = np.stack([series[i : i + 10] for i in range(40)])
    windows[::4, -1] *= 3
    state = json.loads((bundle_dir / "normalizer.json").read_text())
    normalised = RangeNormalizer.from_json(state).transform(windows)
    readings = bundle.session.read(windows, np.arange(40))
    assert set(readings.errors) == set(WINDOW_DETECTORS)
    for name, errors in readings.errors.items():
        detector = window_detector(name).load(bundle_dir / name)
        np.testing.assert_allclose(errors, detector.errors(normalised), **TOLERANCE)


def test_an_empty_series_has_no_verdicts(bundle: Bundle) -> None:
    assert len(bundle.score(np.empty((0, 3)))) == 0


def test_serving_needs_neither_tensorflow_nor_scikit_learn(bundle_dir: Path) -> None:
    code = f"""
import sys
for name in ("tensorflow", "keras", "sklearn", "skops", "onnx", "pandas", "matplotlib", "mlflow"):
    sys.modules[name] = None
from pathlib import Path
from anomaliz.bundle.bundle import Bundle
bundle = Bundle.load(Path({str(bundle_dir)!r}))
assert bundle.score(bundle.canary, newest=1).scored.all()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
