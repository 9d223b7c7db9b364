import numpy as np
import pytest

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.training.preparation import prepare

STEP = np.timedelta64(300, "s").astype("timedelta64[ns]")


def dataset(n: int = 1000, **changes: object) -> Dataset:
    values = np.arange(n, dtype=float)[:, np.newaxis].repeat(2, axis=1)
    times = np.datetime64("2024-01-01", "ns") + np.arange(n) * STEP
    given = {"values": values, "times": times, "features": ("a", "b"), "step": STEP, **changes}
    return Dataset(**given)


def test_every_row_of_a_part_has_its_window() -> None:
    prepared = prepare(dataset(), 10)
    assert len(prepared.train.picked) == 600 - 9
    assert len(prepared.validation.picked) == len(prepared.test.picked) == 200
    np.testing.assert_array_equal(prepared.test.observed[:, 0], np.arange(800, 1000))


def test_no_training_window_reaches_into_validation_or_test() -> None:
    train = prepare(dataset(), 10).train
    assert train.windows[train.picked].max() == 599


def test_a_split_column_wins() -> None:
    split = np.array(["train"] * 500 + ["test"] * 500)
    prepared = prepare(dataset(split=split), 10)
    assert prepared.train.windows[prepared.train.picked].max() == 399
    np.testing.assert_array_equal(prepared.validation.observed[:, 0], np.arange(400, 500))
    np.testing.assert_array_equal(prepared.test.observed[:, 0], np.arange(500, 1000))


def test_a_window_has_the_label_of_its_last_row_and_is_clean_without_any() -> None:
    labels = np.zeros(1000, bool)
    labels[100:103] = True
    train = prepare(dataset(labels=labels), 10).train
    assert train.labels is not None
    np.testing.assert_array_equal(np.flatnonzero(train.labels) + 9, [100, 101, 102])
    np.testing.assert_array_equal(np.flatnonzero(~train.clean) + 9, np.arange(100, 112))


def test_gaps_are_filled_from_the_past_only() -> None:
    kept = np.r_[0:300, 303:1000]
    prepared = prepare(dataset().select(kept), 10)
    assert len(prepared.dataset) == 1000
    np.testing.assert_array_equal(prepared.filled[300:303, 0], 299)
    assert np.isnan(prepared.dataset.values[300:303]).all()


def test_windows_across_a_long_gap_are_left_out() -> None:
    kept = np.r_[0:300, 400:1000]
    train = prepare(dataset().select(kept), 10).train
    windows = train.windows[train.picked]
    assert np.isfinite(windows).all()
    assert np.diff(windows[:, :, 0], axis=1).max() <= 1


@pytest.mark.parametrize(("n", "part"), [(150, "training"), (200, "validation")])
def test_too_short_a_series_says_what_is_missing(n: int, part: str) -> None:
    with pytest.raises(DataError, match=rf"complete normal windows of 10 rows for {part}, which needs \d+"):
        prepare(dataset(n), 10)


def test_a_column_that_is_constant_in_training_is_kept_with_a_warning() -> None:
    series = dataset()
    series.values[:600, 1] = 7
    with pytest.warns(DataWarning, match="column 'b' is constant where the detectors train"):
        prepare(series, 10)


def test_constant_columns_share_one_warning() -> None:
    series = dataset()
    series.values[:600] = 7
    with pytest.warns(DataWarning, match="columns 'a', 'b' are constant") as said:
        prepare(series, 10)
    assert len(said) == 1


def test_a_column_without_values_in_training_is_refused() -> None:
    series = dataset()
    series.values[:600, 1] = np.nan
    with pytest.raises(DataError, match="column 'b' has no values to train on"):
        prepare(series, 10)


def test_labels_everywhere_are_named_as_the_cause() -> None:
    with pytest.raises(DataError, match="label fewer rows"):
        prepare(dataset(labels=np.ones(1000, bool)), 10)
