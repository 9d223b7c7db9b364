import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.core.labels import series_name
from anomaliz.sources.readings import Readings, joined

A, B = {"instance": "a"}, {"instance": "b"}


def readings(minutes: list[int], values: list[list[float]], *labels: dict[str, str]) -> Readings:
    times = np.datetime64("2026-01-01", "ns") + np.array(minutes, dtype="timedelta64[m]")
    return Readings(times, np.array(values, dtype=np.float64).reshape(len(minutes), len(labels)), labels)


def test_chunks_join_to_the_union_of_stamps_and_series() -> None:
    whole = joined([readings([0, 1], [[1], [2]], A), readings([2, 3], [[3, 30], [4, np.nan]], A, B)])
    assert whole.labels == (A, B)
    assert (np.diff(whole.times) == np.timedelta64(1, "m")).all()
    nan = np.nan
    assert np.array_equal(whole.values, [[1, nan], [2, nan], [3, 30], [4, nan]], equal_nan=True)


def test_joining_goes_by_label_sets_and_not_by_their_order() -> None:
    whole = joined([readings([0], [[1, 10]], A, B), readings([1], [[20, 2]], B, A)])
    assert whole.values.tolist() == [[1, 10], [2, 20]]


def test_of_two_samples_for_one_place_the_later_chunk_counts_and_nan_is_none() -> None:
    whole = joined([readings([0, 1], [[1], [2]], A), readings([0, 1], [[5], [np.nan]], A)])
    assert whole.values.tolist() == [[5], [2]]


def test_nothing_joins_to_nothing() -> None:
    assert not joined([]).has_data
    assert not joined([Readings.empty(), Readings.empty()]).has_data
    assert joined([Readings.empty(), readings([0], [[1]], A)]).values.tolist() == [[1]]


def test_only_missing_samples_are_no_data() -> None:
    assert not readings([0, 1], [[np.nan], [np.nan]], A).has_data
    assert readings([0, 1], [[np.nan], [0]], A).has_data


def test_readings_refuse_what_they_cannot_be() -> None:
    with pytest.raises(ValueError, match="distinct"):
        readings([0], [[1, 2]], A, dict(A))
    with pytest.raises(DataError, match="must increase"):
        readings([1, 0], [[1], [2]], A)
    with pytest.raises(ValueError, match="do not fit"):
        Readings(np.empty(0, "datetime64[ns]"), np.empty((1, 0)), ())


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({}, "{}"),
        ({"__name__": "up"}, "up"),
        ({"b": "2", "__name__": "up", "a": 'say "\\n"'}, r'up{a="say \"\\n\"",b="2"}'),
        (A, '{instance="a"}'),
    ],
)
def test_series_are_named_as_prometheus_writes_them(labels: dict[str, str], name: str) -> None:
    assert series_name(labels) == name


def test_frame_has_utc_stamps_and_named_columns() -> None:
    frame = readings([0, 1], [[1, 10], [2, 20]], A, B).frame()
    assert str(frame.index.tz) == "UTC"
    assert list(frame.columns) == ['{instance="a"}', '{instance="b"}']
    assert frame.iloc[1].tolist() == [2, 20]
