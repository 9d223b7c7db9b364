"""Labelled files of every shape that a user may have."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import DataWarning
from anomaliz.data.nab import Nab, NabFolder
from anomaliz.evaluation.labelled_file import find_files, read_labelled
from anomaliz.metrics.nab import labels_of


def frame(n: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=n, freq="5min"),
            "cpu": np.linspace(0, 1, n),
            "memory": np.linspace(1, 0, n),
            "label": [int(60 <= i < 70) for i in range(n)],
        }
    )


def write(data: pd.DataFrame, path: Path) -> Path:
    as_parquet = ".parquet" in path.name
    content = data.to_parquet(index=False) if as_parquet else data.to_csv(index=False).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.parquet", "s.parquet.gz"])
def test_every_format_gives_the_same_series(tmp_path: Path, name: str) -> None:
    series = read_labelled(write(frame(), tmp_path / name))
    assert series.name == name.removesuffix(".gz")
    assert series.features == ("cpu", "memory")
    assert series.values.shape == (100, 2)
    assert series.windows == [(60, 70)]
    assert series.labels.sum() == 10
    assert series.times is not None
    assert series.times[1] == np.datetime64("2024-01-01T00:05")
    assert (series.n_train, series.n_validation) == (50, 0)


def test_a_ratio_says_where_training_ends(tmp_path: Path) -> None:
    assert read_labelled(write(frame(), tmp_path / "s.csv"), train_ratio=0.3).n_train == 30


def test_a_split_column_wins_over_the_ratio(tmp_path: Path) -> None:
    data = frame().assign(split=["train"] * 40 + ["test"] * 60)
    series = read_labelled(write(data, tmp_path / "s.csv"), train_ratio=0.9)
    assert series.n_train == 40
    assert series.features == ("cpu", "memory")


def test_another_column_can_have_the_labels(tmp_path: Path) -> None:
    data = frame().rename(columns={"label": "is_anomaly"})
    series = read_labelled(write(data, tmp_path / "s.csv"), labels="is_anomaly")
    assert series.features == ("cpu", "memory")
    assert series.windows == [(60, 70)]


def test_a_series_may_have_no_stamps(tmp_path: Path) -> None:
    assert read_labelled(write(frame().drop(columns="timestamp"), tmp_path / "s.csv")).times is None


REPEATED_OR_BACKWARD = {
    "realKnownCause/ec2_request_latency_system_failure.csv": "11 stamps are not later",
    "realKnownCause/machine_temperature_system_failure.csv": "1 stamp is not later",
    "realTraffic/occupancy_t4013.csv": "1 stamp is not later",
    "realTraffic/speed_t4013.csv": "1 stamp is not later",
}


@pytest.mark.parametrize("path", REPEATED_OR_BACKWARD)
def test_rows_keep_their_order_where_stamps_repeat_or_step_back(
    shared: Path, tmp_path: Path, path: str
) -> None:
    file = Nab(NabFolder(shared / "nab")).read(path)
    columns = {"timestamp": file.times, "value": file.values[:, 0]}
    data = pd.DataFrame(columns).assign(label=labels_of(len(file.times), file.windows).astype(int))
    with pytest.warns(DataWarning, match=rf"s\.csv: {REPEATED_OR_BACKWARD[path]}"):
        series = read_labelled(write(data, tmp_path / "s.csv"))
    assert series.times is not None
    np.testing.assert_array_equal(series.times, file.times)
    np.testing.assert_array_equal(series.values, file.values)
    assert series.windows == file.windows


def test_a_real_server_has_its_split(shared: Path) -> None:
    series = read_labelled(shared / "asd" / "omi-1.csv.gz")
    assert series.name == "omi-1.csv"
    assert len(series.features) == 19
    assert not series.labels[: series.n_train].any()
    assert series.labels[series.n_train :].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.rename(columns={"label": "labels"}), "no column 'label', did you mean 'labels'?"),
        (lambda data: data.rename(columns={"label": "x"}), "no column 'label': name the one"),
        (lambda data: data.assign(label="maybe"), "column 'label' must be 0 or 1, got 'maybe' in row 0"),
        (lambda data: data.assign(cpu="high"), "column 'cpu' must be numbers, got 'high' in row 0"),
        (lambda data: data.assign(cpu=np.nan), "column 'cpu' has no values: drop it"),
        (lambda data: data[["timestamp", "label"]], "a numeric column"),
        (lambda data: data.assign(split="train"), "mark rows of both kinds in 'split'"),
        (lambda data: data.assign(split=["test"] * 50 + ["train"] * 50), "all train rows before"),
        (lambda data: data[:1], "give a longer series"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, change, said: str) -> None:
    path = write(change(frame()), tmp_path / "bad.csv")
    with pytest.raises(DataError) as caught:
        read_labelled(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_bad_labels_go_by_the_name_of_their_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'cpu' must be 0 or 1"):
        read_labelled(write(frame(), tmp_path / "s.csv"), labels="cpu")


def test_patterns_give_each_file_once_and_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    found = find_files([f"{tmp_path}/*.csv", f"{tmp_path}/b.csv"])
    assert [path.name for path in found] == ["a.csv", "b.csv"]


def test_a_pattern_without_a_match_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file matches"):
        find_files([f"{tmp_path}/*.csv"])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "s.csv").touch()
    with pytest.raises(DataError, match="would have one name: rename one"):
        find_files([f"{tmp_path}/*/s.csv"])
