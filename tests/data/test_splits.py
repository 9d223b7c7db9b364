import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset
from anomaliz.data.splits import split_rows


def series(n_train: int, n_test: int | None = None) -> Dataset:
    split = None if n_test is None else np.array(["train"] * n_train + ["test"] * n_test, dtype=np.str_)
    return Dataset(np.zeros((n_train + (n_test or 0), 1)), None, ("cpu",), split=split)


def test_three_fifths_train_one_validates_one_tests() -> None:
    assert split_rows(series(8000)) == (slice(0, 4800), slice(4800, 6400), slice(6400, 8000))


def test_a_split_column_wins() -> None:
    assert split_rows(series(8640, 4320)) == (slice(0, 6912), slice(6912, 8640), slice(8640, 12960))


@given(st.integers(5, 500), st.none() | st.integers(1, 500))
def test_the_parts_follow_one_another_and_leave_no_row_out(n_train: int, n_test: int | None) -> None:
    dataset = series(n_train, n_test)
    rows = np.concatenate([np.arange(len(dataset))[part] for part in split_rows(dataset)])
    assert rows.tolist() == list(range(len(dataset)))


@pytest.mark.parametrize(
    ("dataset", "part"),
    [(series(1), "train"), (series(10, 0), "test"), (series(0, 10), "train"), (series(0), "train")],
)
def test_a_part_without_rows_is_refused(dataset: Dataset, part: str) -> None:
    with pytest.raises(DataError, match=f"the {part} part of series has no rows"):
        split_rows(dataset)
