import re

import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.data.dataset import Dataset
from anomaliz.data.merging import merge

HOUR = np.timedelta64(1, "h")


def series(name: str, first_hour: int, values: Floats | None = None, **parts: object) -> Dataset:
    values = np.full((3, 2), float(first_hour)) if values is None else values
    times = np.datetime64("2024-01-01", "ns") + (first_hour + np.arange(3)) * HOUR
    defaults = {"times": times, "features": ("cpu", "memory"), "step": HOUR, "name": name}
    return Dataset(values, **{**defaults, **parts})  # type: ignore[arg-type]


def test_files_join_in_time_order() -> None:
    merged = merge([series("late", 10), series("early", 0)])
    assert merged.values[:, 0].tolist() == [0, 0, 0, 10, 10, 10]
    assert merged.times is not None
    assert ((merged.times - merged.times[0]) / HOUR).tolist() == [0, 1, 2, 10, 11, 12]
    assert (merged.step, merged.name) == (HOUR, "early+late")
    assert merged.labels is merged.split is None


def test_features_follow_the_first_file() -> None:
    swapped = series("b", 3, values=np.array([[1.0, 2.0]] * 3), features=("memory", "cpu"))
    merged = merge([series("a", 0), swapped])
    assert merged.features == ("cpu", "memory")
    assert merged.values[-1].tolist() == [2, 1]


def test_labels_and_splits_are_joined() -> None:
    train = {"labels": np.array([False, False, True]), "split": np.array(["train"] * 3)}
    test = {"labels": np.array([True, False, False]), "split": np.array(["test"] * 3)}
    merged = merge([series("b", 3, **test), series("a", 0, **train)])
    assert merged.labels is not None
    assert merged.labels.tolist() == [False, False, True, True, False, False]
    assert merged.split is not None
    assert merged.split.tolist() == ["train"] * 3 + ["test"] * 3


def test_one_file_is_itself() -> None:
    alone = series("a", 0)
    assert merge([alone]) is alone


BAD = [
    ([], "give one series or more"),
    ([series("a", 0), series("b", 2)], "a and b overlap in time: give each row once"),
    (
        [series("a", 0), series("b", 9, step=2 * HOUR)],
        "a and b have steps of their own: resample one of them",
    ),
    ([series("a", 0), series("b", 9, features=("cpu", "gpu"))], "b must have a column 'memory'"),
    (
        [series("a", 0, labels=np.zeros(3, bool)), series("b", 9)],
        "b must have a column 'label', as other files do",
    ),
    (
        [series("a", 0, split=np.array(["test"] * 3)), series("b", 9, split=np.array(["train"] * 3))],
        "column 'split' must have all train rows before all test rows",
    ),
    ([series("a", 0), series("b", 9, times=None)], "b has no stamps to merge by"),
]


@pytest.mark.parametrize(("datasets", "message"), BAD)
def test_files_that_are_not_one_series_are_refused(datasets: list[Dataset], message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        merge(datasets)
