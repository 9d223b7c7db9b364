"""One conformance suite for every series detector that the registry gives."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import NamedTuple

import numpy as np
import pytest

from anomaliz.core.detector import NotFittedError
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.models.series.detector import SeriesDetector, SeriesReading
from anomaliz.models.series.registry import series_detectors
from anomaliz.models.series.rows import Rows

DAY = 24
TRAINING = 1500
LONG = 4800
"""Rows, more than any detector reaches back."""
ROUNDING = {"rtol": 1e-9, "atol": 1e-9}
"""Sums over windows are the same to the last bit wherever an array begins; products of matrices (neighbours,
forecasts, subspaces) are summed in another order when other rows stand beside them."""


class Case(NamedTuple):
    """One detector that a series of this shape gets."""

    name: str
    n_features: int
    period: int

    def __str__(self) -> str:
        return f"{self.name}-{self.n_features}-features-period-{self.period}"

    def create(self) -> SeriesDetector:
        found = [one for one in series_detectors(self.n_features, self.period) if one.name == self.name]
        assert len(found) == 1
        return found[0]

    def rows(self, n: int, seed: int = 1) -> Rows:
        """Noisy days, each feature at a phase of its own."""
        noise = np.random.default_rng(seed).standard_normal((n, self.n_features))
        days = np.arange(n)[:, np.newaxis] / DAY + np.arange(self.n_features) / 7
        return Rows(np.sin(2 * np.pi * days) + 0.2 * noise, self.period)


CASES = [
    Case(detector.name, n_features, period)
    for n_features in (1, 3)
    for period in (DAY, 0)
    for detector in series_detectors(n_features, period)
]
Fitted = Callable[[Case], SeriesDetector]
everyone = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    detectors = {case: case.create().fit(case.rows(TRAINING, seed=0)) for case in CASES}
    return detectors.__getitem__


def part(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(rows.values[max(start, 0) : stop], rows.period)


def arrays_of(reading: SeriesReading) -> list[Floats]:
    return [values for values in astuple(reading) if values is not None]


def read_in_chunks(detector: SeriesDetector, rows: Rows, first: int, sizes: Sequence[int]) -> list[Floats]:
    """Read the rows from `first` on in chunks of these sizes, each with `reach` rows before it."""
    chunks = []
    for size in sizes:
        with_reach = part(rows, first - detector.reach, first + size)
        chunks.append(arrays_of(detector.read(with_reach, size)))
        first += size
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def assert_alike(left: Sequence[Floats], right: Sequence[Floats]) -> None:
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, **ROUNDING)


def assert_same(left: SeriesReading, right: SeriesReading) -> None:
    for one, other in zip(arrays_of(left), arrays_of(right), strict=True):
        np.testing.assert_array_equal(one, other)


@everyone
def test_constructor_only_stores_its_parameters(case: Case) -> None:
    detector = case.create()
    assert set(inspect.signature(type(detector)).parameters) == set(vars(detector))
    other = {key: object() for key in vars(detector)}
    assert vars(type(detector)(**other)) == other


@everyone
def test_reading_has_the_promised_shapes(case: Case, fitted: Fitted) -> None:
    reading = fitted(case).read(case.rows(400), 30)
    assert reading.errors.shape[0] == 30
    assert reading.errors.ndim == 2
    assert (reading.errors >= 0).all()
    if reading.feature_errors is not None:
        assert reading.feature_errors.shape == (30, case.n_features)
        assert (reading.feature_errors >= 0).all()
    if reading.expected is not None:
        assert reading.expected.shape == (30, case.n_features)
    assert len(fitted(case).read(case.rows(400), 0).errors) == 0


@everyone
def test_chunks_and_single_rows_read_as_the_whole(case: Case, fitted: Fitted) -> None:
    detector, rows, first = fitted(case), case.rows(LONG), LONG - 400
    assert detector.reach < first
    whole = arrays_of(detector.read(rows, 400))
    assert_alike(read_in_chunks(detector, rows, first, [1, 7, 257, 115, 20]), whole)
    one_by_one = read_in_chunks(detector, rows, first, [1] * 12)
    assert_alike(one_by_one, [values[:12] for values in whole])


@everyone
def test_what_lies_beyond_reach_does_not_count(case: Case, fitted: Fitted) -> None:
    detector, rows = fitted(case), case.rows(LONG)
    other = rows.values.copy()
    other[: LONG - detector.reach - 1] = 9
    assert_alike(arrays_of(detector.read(Rows(other, case.period), 1)), arrays_of(detector.read(rows, 1)))


@everyone
def test_nothing_comes_from_the_future(case: Case, fitted: Fitted, rng: np.random.Generator) -> None:
    rows = case.rows(900)
    future = rows.values.copy()
    future[700:] = 5 * rng.standard_normal(future[700:].shape)
    left = arrays_of(fitted(case).read(rows, 900))
    right = arrays_of(fitted(case).read(Rows(future, case.period), 900))
    assert_alike([values[:700] for values in left], [values[:700] for values in right])
    assert (left[0][700:] != right[0][700:]).any()


@everyone
def test_a_series_that_begins_reads_as_it_will_when_it_is_longer(case: Case, fitted: Fitted) -> None:
    detector, rows = fitted(case), case.rows(60)
    whole = arrays_of(detector.read(rows, 60))
    assert all(np.isfinite(values).all() for values in whole)
    assert_alike(read_in_chunks(detector, rows, 0, [1] * 60), whole)


@everyone
def test_with_enough_history_a_young_series_is_not_strange(case: Case, fitted: Fitted) -> None:
    detector, rows = fitted(case), case.rows(LONG)
    assert 0 <= detector.min_history <= detector.reach
    settled = detector.read(rows, 400).errors
    young = detector.read(part(rows, 0, detector.min_history + 50), 50).errors
    assert (np.median(young, axis=0) < 2 * settled.max(axis=0)).all()


@everyone
@pytest.mark.parametrize("n", [1, 2, 3, 10, 60])
def test_a_short_series_can_be_learnt_from(case: Case, n: int) -> None:
    detector = case.create().fit(case.rows(n))
    assert all(np.isfinite(values).all() for values in arrays_of(detector.read(case.rows(80), 80)))


@everyone
@pytest.mark.parametrize("every", [4, 30])
def test_a_series_of_which_no_long_window_is_normal_can_be_learnt_from(case: Case, every: int) -> None:
    rows = case.rows(300)
    detector = case.create().fit(Rows(rows.values, case.period, np.arange(300) % every > 0))
    assert all(np.isfinite(values).all() for values in arrays_of(detector.read(rows, 100)))


@everyone
@pytest.mark.parametrize("level", [0.0, 3.7, -1000.0])
def test_a_constant_series_gives_finite_readings(case: Case, level: float) -> None:
    constant = Rows(np.full((400, case.n_features), level), case.period)
    detector = case.create().fit(constant)
    still, moving, moved = (
        arrays_of(detector.read(rows, len(rows)))
        for rows in (constant, case.rows(300), Rows(-constant.values, case.period))
    )
    assert all(np.isfinite(values).all() for values in still + moving + moved)
    assert (still[0][-100:] <= moving[0].max(axis=0)).all()


@everyone
def test_same_rows_give_the_same_readings_and_are_left_as_they_were(case: Case, fitted: Fitted) -> None:
    training, rows = case.rows(TRAINING, seed=0), case.rows(300)
    again = case.create().fit(training)
    assert_same(again.read(rows, 50), fitted(case).read(rows, 50))
    np.testing.assert_array_equal(training.values, case.rows(TRAINING, seed=0).values)
    np.testing.assert_array_equal(rows.values, case.rows(300).values)


@everyone
def test_restored_detector_reads_the_same(case: Case, fitted: Fitted) -> None:
    state = fitted(case).state()
    assert all(value.dtype.kind in "fi" for value in state.values())
    restored, rows = case.create().restore(state), case.rows(300)
    assert (restored.reach, restored.min_history) == (fitted(case).reach, fitted(case).min_history)
    assert_same(restored.read(rows, 50), fitted(case).read(rows, 50))


@everyone
def test_unfitted_detector_says_so(case: Case) -> None:
    with pytest.raises(NotFittedError, match=case.name):
        case.create().read(case.rows(5), 5)


@everyone
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_and_infinite_values_are_refused(case: Case, fitted: Fitted, value: float) -> None:
    rows = case.rows(100)
    rows.values[50, 0] = value
    for use in (lambda: case.create().fit(rows), lambda: fitted(case).read(rows, 10)):
        with pytest.raises(DataError, match=f"{case.name} takes finite values: fill or drop"):
            use()


@everyone
def test_rows_of_another_shape_are_refused(case: Case, fitted: Fitted) -> None:
    wider = Case(case.name, case.n_features + 1, case.period).rows(100)
    flat = Rows(np.zeros(100), case.period)
    with pytest.raises(DataError, match=f"fitted on {case.n_features} features, got {case.n_features + 1}"):
        fitted(case).read(wider, 10)
    with pytest.raises(DataError, match=r"takes values \(n, n_features\), got shape \(100,\)"):
        fitted(case).read(flat, 10)
    with pytest.raises(DataError, match="cannot read 101 of 100 rows"):
        fitted(case).read(case.rows(100), 101)
    with pytest.raises(DataError, match="cannot be fitted on no rows"):
        case.create().fit(case.rows(0))
