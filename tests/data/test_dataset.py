import re

import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset


def dataset(**parts: object) -> Dataset:
    given = {
        "values": np.arange(8.0).reshape(4, 2),
        "times": np.datetime64("2024-01-01", "ns") + np.arange(4) * np.timedelta64(1, "h"),
        "features": ("cpu", "memory"),
        "labels": np.array([False, True, False, False]),
        "split": np.array(["train", "train", "test", "test"]),
        "step": np.timedelta64(1, "h"),
        "name": "server",
    }
    return Dataset(**{**given, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([False, True, True, False]), np.array([1, 2])])
def test_selected_rows_keep_all_their_parts(rows: object) -> None:
    whole = dataset()
    part = whole.select(rows)  # type: ignore[arg-type]
    np.testing.assert_array_equal(part.values, [[2, 3], [4, 5]])
    assert part.times is not None
    assert part.times.tolist() == whole.times[1:3].tolist()  # type: ignore[index]
    assert part.labels is not None
    assert part.labels.tolist() == [True, False]
    assert part.split is not None
    assert part.split.tolist() == ["train", "test"]
    assert (len(part), part.features, part.step, part.name) == (2, whole.features, whole.step, "server")


def test_absent_parts_stay_absent() -> None:
    part = dataset(times=None, labels=None, split=None).select(slice(2))
    assert part.times is part.labels is part.split is None
    assert len(part) == 2


def test_features_are_reordered_by_name() -> None:
    reordered = dataset().reordered(("memory", "cpu"))
    assert reordered.features == ("memory", "cpu")
    np.testing.assert_array_equal(reordered.values, dataset().values[:, ::-1])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("cpu", "memory", "latency"), "server must have a column 'latency'"),
        (("cpus", "memory"), "server must have a column 'cpus', did you mean 'cpu'?"),
        (("cpu",), "server has an unknown column 'memory': drop it"),
    ],
)
def test_other_features_are_refused(features: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        dataset().reordered(features)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"features": ("cpu",)}, "values must be rows of 1 features"),
        ({"times": None, "labels": np.array([True])}, "labels must have one entry for each of the 4 rows"),
        ({"split": np.array(["train", "test", "train", "test"])}, "all train rows before all test rows"),
        ({"split": np.array(["train", "train", "tset", "test"])}, "'train' or 'test', got 'tset' in row 2"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        dataset(**parts)
