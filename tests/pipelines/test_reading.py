from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.core.panel import Panel
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.reading import read_panel, side_by_side
from anomaliz.sources.readings import Readings

STEP = np.timedelta64(300, "s").astype("timedelta64[ns]")
START = np.datetime64("2026-03-02", "ns")
END = START + 4 * STEP


class Store:
    """A source of readings that are given, at the stamps that are given."""

    looks_back = False

    def __init__(self, found: Mapping[str, Readings]) -> None:
        self._found = found

    def read(
        self,
        query: str,
        start: np.datetime64,
        end: np.datetime64,
        step: np.timedelta64,  # noqa: ARG002
    ) -> Iterator[Readings]:
        yield self._found[query].between(start, end)

    def check(self) -> None: ...

    def close(self) -> None: ...


def readings(rows: list[int], values: list[list[float]], *labels: Mapping[str, str]) -> Readings:
    return Readings(START + np.array(rows) * STEP, np.array(values, np.float64), labels)


def pipeline(**fields: object) -> Pipeline:
    return Pipeline.model_validate({"name": "x", "schedule": "*/5 * * * *"} | fields)


def test_every_stamp_is_there_and_what_is_missing_is_nan() -> None:
    found = readings([0, 2], [[1, np.inf], [3, 4]], {"host": "a"}, {"host": "b"})
    panel = read_panel(Store({"q": found}), pipeline(query="q"), START, END)
    assert panel.times.tolist() == (START + np.arange(4) * STEP).tolist()
    assert np.array_equal(panel.values[:, 0, 0], [1, np.nan, 3, np.nan], equal_nan=True)
    assert np.array_equal(panel.values[:, 1, 0], [np.nan, np.nan, 4, np.nan], equal_nan=True)


def test_nothing_is_a_panel_without_series() -> None:
    panel = read_panel(Store({"q": Readings.empty()}), pipeline(query="q"), START, END)
    assert (len(panel), panel.labels) == (4, ())


def test_queries_are_features_of_one_series() -> None:
    store = Store(
        {
            "a": readings([0, 1], [[1], [2]], {"job": "x"}),
            "b": readings([1, 2], [[3], [4]], {"job": "y"}),
        }
    )
    panel = read_panel(store, pipeline(queries={"cpu": "a", "memory": "b"}), START, END)
    assert (panel.features, panel.labels) == (("cpu", "memory"), ({},))
    nan = np.nan
    assert np.array_equal(panel.values[:, 0], [[1, nan], [2, 3], [nan, 4], [nan, nan]], equal_nan=True)


def test_groups_are_series() -> None:
    both = {"host": "a", "job": "x"}, {"host": "b", "job": "x"}
    store = Store({"a": readings([0], [[1, 2]], *both), "b": readings([0], [[3, 4]], *both)})
    asked = pipeline(queries={"cpu": "a", "memory": "b"}, group_by=["host"])
    panel = read_panel(store, asked, START, END)
    assert panel.labels == ({"host": "a"}, {"host": "b"})
    assert panel.values[0].tolist() == [[1, 3], [2, 4]]


def test_several_series_for_one_place_are_refused() -> None:
    found = readings([0], [[1, 2]], {"host": "a"}, {"host": "b"})
    with pytest.raises(DataError, match="add host to group_by"):
        read_panel(Store({"a": found}), pipeline(queries={"cpu": "a"}), START, END)


def test_panels_that_follow_each_other_have_the_series_of_both() -> None:
    one = Panel(np.array([START]), np.array([[[1.0], [2.0]]]), ({"h": "a"}, {"h": "b"}), ("value",))
    two = Panel(np.array([START + STEP]), np.array([[[3.0], [4.0]]]), ({"h": "c"}, {"h": "b"}), ("value",))
    both = side_by_side(one, two)
    assert [labels["h"] for labels in both.labels] == ["a", "b", "c"]
    assert np.array_equal(both.values[:, :, 0], [[1, 2, np.nan], [np.nan, 4, 3]], equal_nan=True)
