import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.sources.joining import join
from anomaliz.sources.readings import Readings

NAN = np.nan


def readings(minutes: list[int], *series: tuple[dict[str, str], list[float]]) -> Readings:
    times = np.datetime64("2026-01-01", "ns") + np.array(minutes, dtype="timedelta64[m]")
    values = np.array([values for _, values in series], dtype=np.float64).reshape(len(series), len(minutes)).T
    return Readings(times, values, tuple(labels for labels, _ in series))


def test_queries_become_features_on_the_union_of_their_stamps() -> None:
    cpu = readings([0, 1, 2], ({"__name__": "cpu"}, [1, 2, 3]))
    memory = readings([1, 2, 3], ({}, [10, 20, 30]))
    (series,) = join({"cpu": cpu, "memory": memory})
    assert series.features == ("cpu", "memory")
    assert series.labels == {}
    assert np.array_equal(series.values, [[1, NAN], [2, 10], [3, 20], [NAN, 30]], equal_nan=True)
    assert len(series.times) == 4


def test_each_label_set_has_a_series_of_its_own_in_the_order_of_labels() -> None:
    cpu = readings([0], ({"instance": "b", "job": "x"}, [2]), ({"instance": "a", "job": "x"}, [1]))
    memory = readings([0], ({"instance": "b", "mode": "free"}, [20]), ({"instance": "c"}, [30]))
    found = join({"cpu": cpu, "memory": memory}, ["instance"])
    assert [series.labels for series in found] == [{"instance": name} for name in "abc"]
    assert np.array_equal(
        [series.values[0] for series in found], [[1, NAN], [2, 20], [NAN, 30]], equal_nan=True
    )


def test_no_data_is_a_series_of_nothing() -> None:
    (series,) = join({"cpu": Readings.empty(), "memory": readings([0, 1])})
    assert series.values.shape == (2, 2)
    assert np.isnan(series.values).all()
    assert join({"cpu": Readings.empty()}, ["instance"]) == ()


def test_an_absent_label_is_an_empty_one() -> None:
    both = readings([0], ({"instance": "a"}, [1]), ({"job": "x"}, [2]))
    assert [series.labels for series in join({"cpu": both}, ["instance"])] == [{}, {"instance": "a"}]


def test_several_series_without_group_by_are_refused_with_the_labels_that_differ() -> None:
    cpu = readings([0], *(({"instance": name, "job": "x", "mode": name}, [1.0]) for name in "abc"))
    with pytest.raises(
        DataError, match=r"'cpu' gives 3 series that differ in instance, mode: add instance, mode"
    ):
        join({"cpu": cpu})


def test_several_series_in_one_group_are_refused_with_the_label_that_differs() -> None:
    cpu = readings([0], *(({"instance": "a", "mode": mode}, [1.0]) for mode in ("idle", "user")))
    with pytest.raises(DataError, match=r"'cpu' gives 2 series for instance='a' that differ in mode"):
        join({"cpu": cpu}, ["instance"])


def test_a_label_that_no_series_has_is_refused_with_the_near_one() -> None:
    cpu = readings([0], ({"instance": "a"}, [1]))
    with pytest.raises(DataError, match="no label 'instanc' to group by, did you mean 'instance'"):
        join({"cpu": cpu}, ["instanc"])
