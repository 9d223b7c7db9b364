import re
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset
from anomaliz.data.tabular import read_dataset, rows_from_records, series_from_frame

DAYS = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="datetime64[ns]")


def read(text: str, **options: bool) -> Dataset:
    return read_dataset(BytesIO(text.encode()), **options)


def test_a_whole_file() -> None:
    dataset = read(
        "memory, timestamp, cpu, label, split\n"
        "0.5, 2024-01-01, 1, 0, train\n"
        ", 2024-01-02, 2, TRUE, train\n"
        "0.7, 2024-01-03, 4, 1.0, test\n"
    )
    assert dataset.features == ("memory", "cpu")
    np.testing.assert_array_equal(dataset.values, [[0.5, 1], [np.nan, 2], [0.7, 4]])
    np.testing.assert_array_equal(dataset.times, DAYS)
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [False, True, True]
    assert dataset.split is not None
    assert dataset.split.tolist() == ["train", "train", "test"]
    assert dataset.step == np.timedelta64(1, "D")
    assert dataset.name == "series"


def test_labels_and_split_are_optional() -> None:
    dataset = read("timestamps,42\n0,1\n60,2\n")
    assert dataset.features == ("42",)
    assert dataset.labels is dataset.split is None
    assert dataset.step == np.timedelta64(1, "m")


@pytest.mark.parametrize("file_name", ["server-2.csv", "server-2.csv.gz", "server-2.parquet"])
def test_every_format_gives_the_same_series(tmp_path: Path, file_name: str) -> None:
    path = tmp_path / file_name
    frame = pd.DataFrame(
        {"timestamp": pd.to_datetime(DAYS, utc=True), "cpu": [1.0, None, 3.0], "label": [0, 1, 0]}
    )
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    for source in (path, str(path)):
        dataset = read_dataset(source)
        np.testing.assert_array_equal(dataset.values, [[1], [np.nan], [3]])
        np.testing.assert_array_equal(dataset.times, DAYS)
        assert dataset.labels is not None
        assert dataset.labels.tolist() == [False, True, False]
        assert dataset.name == "server-2"


BAD_FILES = {
    "cpu\n1\n2\n": "there must be a column 'timestamp', and commas between columns",
    "time,cpu\n0,1\n60,2\n": "there must be a column 'timestamp', and commas between columns",
    "timestamp,cpu,Label\n0,1,0\n60,2,0\n": "column 'Label' is reserved: write 'label', or rename it",
    "timestamp,label\n0,1\n60,0\n": (
        "there must be a numeric column beside timestamp, timestamps, label, split"
    ),
    "timestamp,timestamps,cpu\n0,0,1\n60,60,2\n": "stamps are in timestamp and timestamps: keep one of them",
    "timestamp,cpu\n0,1\n": "there is a single row: give a longer series",
    "timestamp,cpu\n0,1\n60,idle\n": "column 'cpu' must be numbers, got 'idle' in row 1",
    'timestamp,cpu\n0,1\n60,"2,5"\n': "column 'cpu' must be numbers, got '2,5' in row 1",
    "timestamp,cpu\n0,0x10\n60,2\n": "column 'cpu' must be numbers, got '0x10' in row 0",
    "timestamp,cpu\n0,true\n60,false\n": "column 'cpu' must be numbers, got bool: drop it",
    "timestamp,cpu\n0,true\n60,\n": "column 'cpu' must be numbers, got object: drop it",
    "timestamp,cpu\n0,1\n60,-inf\n": "column 'cpu' must be finite numbers, got -inf in row 1",
    "timestamp,cpu\n0,1e999\n60,1\n": "column 'cpu' must be finite numbers, got inf in row 0",
    "timestamp,cpu,gpu\n0,1,\n60,2,nan\n": "column 'gpu' has no values: drop it",
    "timestamp,cpu\n0,1\n60,2\n60,3\n": (
        "timestamp must increase, but repeats 1970-01-01T00:01 at position 2: keep one row for each stamp"
    ),
    "timestamp,cpu\n60,1\n0,2\n": (
        "timestamp must increase, but goes back to 1970-01-01 at position 1: "
        "sort the rows by time, with zones"
    ),
    "timestamp,cpu\n2024-01-01T00:00Z,1\n2024-01-02,2\n": (
        "timestamp must all have a zone or all have none, and differ from position 1 on"
    ),
    "timestamp,cpu\n2024-01-01,1\n,2\n": (
        "timestamp must be ISO-8601 text or epoch seconds of the years 1678 to 2261, got nan at position 1"
    ),
    "timestamp,cpu,label\n0,1,0\n60,2,2\n": "column 'label' must be 0 or 1, got 2 in row 1",
    "timestamp,cpu,label\n0,1,\n60,2,1\n": "column 'label' must be 0 or 1, got nan in row 0",
    "timestamp,cpu,split\n0,1,train\n60,2,valid\n": (
        "column 'split' must be 'train' or 'test', got 'valid' in row 1"
    ),
    "timestamp,cpu,split\n0,1,test\n60,2,train\n": (
        "column 'split' must have all train rows before all test rows"
    ),
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_each_fault_has_its_sentence(text: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(BAD_FILES[text])}$"):
        read(text)


def test_a_fault_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("timestamp,cpu\n60,1\n0,2\n")
    with pytest.raises(DataError, match=rf"^{path}: timestamp must increase, but goes back") as refusal:
        read_dataset(path)
    assert refusal.value.field == "timestamp"


def test_a_constant_column_is_kept() -> None:
    assert read("timestamp,cpu,gpu\n0,3,1\n60,,2\n120,3,3\n").features == ("cpu", "gpu")


def test_a_series_to_score_may_be_constant_empty_or_one_row() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = read("timestamp,cpu,gpu\n0,3,\n", to_score=True)
    np.testing.assert_array_equal(dataset.values, [[3, np.nan]])
    assert dataset.step is None
    with pytest.raises(DataError, match="finite"):
        read("timestamp,cpu\n0,inf\n", to_score=True)


def test_pandas_is_imported_only_to_read_a_frame() -> None:
    code = "import sys, anomaliz.data.tabular; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_real_server_metrics(shared: Path) -> None:
    dataset = read_dataset(shared / "asd" / "omi-1.csv.gz")
    assert dataset.values.shape == (12960, 19)
    assert dataset.step == np.timedelta64(5, "m")
    assert dataset.labels is not None
    assert dataset.labels.sum() == 441
    assert dataset.split is not None
    assert (dataset.split == "train").sum() == 8640


INDEX = pd.date_range("2024-01-01", periods=2, freq="h", tz="Europe/Paris")


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"b": [1, 2], "a": [3, None], "host": ["x", "y"]}, index=INDEX),
        pd.DataFrame({"b": [1, 2], "a": [3, None], "timestamp": INDEX}),
        pd.DataFrame({"b": [1, 2], "a": [3, None], "timestamp": INDEX.astype(str)}).set_index("timestamp"),
    ],
)
def test_a_frame_gives_the_features_asked_for(frame: pd.DataFrame) -> None:
    values, times = series_from_frame(frame, ("a", "b"))
    np.testing.assert_array_equal(values, [[3, 1], [np.nan, 2]])
    np.testing.assert_array_equal(times, np.array(["2023-12-31T23:00", "2024-01-01T00:00"], "datetime64[ns]"))


def test_a_frame_may_lack_stamps() -> None:
    assert series_from_frame(pd.DataFrame({"a": [1, 2]}), ("a",))[1] is None


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"cpuu": [1]}), "the frame must have a column 'cpu', did you mean 'cpuu'?"),
        (
            pd.DataFrame([[1, 2]], columns=["cpu", "cpu"]),
            "the frame has two columns of one name: rename or drop one",
        ),
        (pd.DataFrame({"cpu": ["a"]}), "column 'cpu' must be numbers, got 'a' in row 0"),
    ],
)
def test_a_frame_that_cannot_be_used_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        series_from_frame(frame, ("cpu",))


def test_records_become_rows() -> None:
    values, times = rows_from_records(
        [
            {"timestamp": "2024-01-01", "memory": 2, "cpu": 1.5, "label": 1},
            {"cpu": None, "timestamp": "2024-01-02", "memory": -3},
            {"timestamp": "2024-01-03", "memory": 4},
        ],
        ("cpu", "memory"),
    )
    np.testing.assert_array_equal(values, [[1.5, 2], [np.nan, -3], [np.nan, 4]])
    np.testing.assert_array_equal(times, DAYS)


def test_records_may_lack_stamps() -> None:
    values, times = rows_from_records([{"cpu": 1}, {"cpu": 2}], ("cpu",))
    assert values.tolist() == [[1], [2]]
    assert times is None


BAD_RECORDS = [
    ([], "records must be one or more", None),
    ([{"cpu": 1}, 5], "row 1 must be an object of features, got 5", None),
    ([{"cpu": 1}, {"cpuu": 1}], "row 1 has an unknown field 'cpuu', did you mean 'cpu'?", "cpuu"),
    ([{"cpu": 1, "host": "a"}], "row 0 has an unknown field 'host': drop it", "host"),
    ([{"label": 1}], "records must have the field 'cpu', null where it is missing", "cpu"),
    ([{"cpu": 1}, {"cpu": True}], "field 'cpu' must be a finite number or null, got True in row 1", "cpu"),
    ([{"cpu": "1"}], "field 'cpu' must be a finite number or null, got '1' in row 0", "cpu"),
    ([{"cpu": [1]}], "field 'cpu' must be a finite number or null, got [1] in row 0", "cpu"),
    ([{"cpu": float("nan")}], "field 'cpu' must be a finite number or null, got nan in row 0", "cpu"),
    ([{"cpu": float("inf")}], "field 'cpu' must be a finite number or null, got inf in row 0", "cpu"),
    (
        [{"cpu": 1, "timestamp": 0}, {"cpu": 1}],
        "row 1 must have a 'timestamp', as other rows do",
        "timestamp",
    ),
    (
        [{"cpu": 1, "timestamp": 0}, {"cpu": 1, "timestamps": 1}],
        "stamps are in 'timestamp' and 'timestamps': keep one of them",
        "timestamps",
    ),
    (
        [{"cpu": 1, "timestamp": None}],
        "timestamp must be ISO-8601 text or epoch seconds of the years 1678 to 2261, got None at position 0",
        "timestamp",
    ),
    (
        [{"cpu": 1, "timestamp": 0}, {"cpu": 1, "timestamp": 0}],
        "timestamp must increase, but repeats 1970-01-01 at position 1: keep one row for each stamp",
        "timestamp",
    ),
]


@pytest.mark.parametrize(("records", "message", "field"), BAD_RECORDS)
def test_each_bad_record_has_its_sentence(records: list, message: str, field: str | None) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$") as refusal:
        rows_from_records(records, ("cpu",))
    assert refusal.value.field == field


@pytest.mark.parametrize("record", [{"cpu": 10**400}, {"cpu": "9" * 10**6}, {"c" * 10**6: 1}])
def test_a_giant_in_a_record_is_refused_in_one_short_sentence(record: dict[str, object]) -> None:
    with pytest.raises(DataError) as refusal:
        rows_from_records([record], ("cpu",))
    assert len(str(refusal.value)) < 200
