"""Reading CSV and Parquet files, on disk and in S3."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from anomaliz.core.errors import DataError, SourceError
from anomaliz.core.labels import NAME
from anomaliz.sources.readings import Readings, joined
from anomaliz.sources.table_files import TableFilesSettings, TableFilesSource

START = np.datetime64("2026-01-01T00:05", "ns")
END = np.datetime64("2026-01-01T00:20", "ns")
STEP = np.timedelta64(5, "m")


def frame(host: str, offset: float = 0.0, n: int = 12) -> pd.DataFrame:
    stamps = pd.date_range("2026-01-01", periods=n, freq="5min", tz="UTC")
    return pd.DataFrame({"timestamp": stamps, "cpu": np.arange(n) + offset, "host": host})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame("a").to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "more").mkdir()
    frame("b", 100).to_csv(tmp_path / "more" / "b.csv.gz", index=False)
    frame("c", 200).to_parquet(tmp_path / "c.parquet", row_group_size=2)
    return tmp_path


def source(folder: object, **settings: object) -> TableFilesSource:
    return TableFilesSource(TableFilesSettings(url=str(folder), **settings))  # type: ignore[arg-type]


def read(source: TableFilesSource, query: str) -> Readings:
    return joined(source.read(query, START, END, STEP))


def columns(found: Readings) -> dict[str, list[float]]:
    return {labels["host"]: c.tolist() for labels, c in zip(found.labels, found.values.T, strict=True)}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a.csv", {"a": [1, 2, 3]}),
        ("more/b.csv.gz", {"b": [101, 102, 103]}),
        ("c.parquet", {"c": [201, 202, 203]}),
        ("*.*", {"a": [1, 2, 3], "c": [201, 202, 203]}),
        ("**/*.*", {"a": [1, 2, 3], "b": [101, 102, 103], "c": [201, 202, 203]}),
    ],
)
def test_files_are_read_by_path_and_glob(folder: Path, query: str, expected: dict[str, list[float]]) -> None:
    whole = source(folder)
    whole.check()
    found = read(whole, query)
    assert columns(found) == expected
    assert {labels[NAME] for labels in found.labels} == {"cpu"}


def test_it_comes_in_chunks(folder: Path) -> None:
    chunks = list(source(folder, chunk_rows=2).read("*.*", START, END, STEP))
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert np.array_equal(joined(chunks).values, read(source(folder), "*.*").values)


def test_of_two_files_the_later_name_is_taken(folder: Path) -> None:
    frame("a", 1000).to_csv(folder / "a2.csv", index=False)
    assert columns(read(source(folder), "a*.csv")) == {"a": [1001, 1002, 1003]}


def test_a_parquet_files_index_may_be_its_stamps(folder: Path) -> None:
    frame("x").drop(columns="host").set_index("timestamp").rename_axis(None).to_parquet(folder / "x.parquet")
    assert read(source(folder), "x.parquet").labels == ({NAME: "cpu"},)


def test_a_long_file_is_read_in_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anomaliz.sources.table_files.BLOCK", 2)
    # In the second block each of these could be taken for a number.
    lines = [
        "timestamp,host,cpu",
        "2026-01-01T00:05,web,1",
        "2026-01-01T00:10,web,2",
        "2026-01-01T00:15,007,3",
    ]
    (folder / "long.csv").write_text("\n".join(lines))
    found = columns(read(source(folder), "long.csv"))
    assert np.array_equal(found["web"], [1, 2, np.nan], equal_nan=True)
    assert found["007"][2] == 3


@pytest.mark.parametrize("content", ["", "timestamp,cpu\n"])
def test_a_file_without_rows_is_no_data(folder: Path, content: str) -> None:
    (folder / "empty.csv").write_text(content)
    assert not read(source(folder), "empty.csv").has_data


def test_a_glob_that_matches_nothing_is_no_data(folder: Path) -> None:
    found = read(source(folder), "none*.csv")
    assert found.labels == ()
    assert not found.has_data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"timestamp,cpu\n2026-01-01,1,2\n", "more cells than its header"),
        (b"timestamp,cpu\n2026-01-01,1\n2026-01-02,1,2\n", "cannot be read as CSV"),
        (b"timestamp,cpu\n2026-01-01,1\n2026-01-02,x\n", "column 'cpu' must be numbers, got 'x'"),
        (b"time,cpu\n2026-01-01,1\n", "no column of stamps among 'time', 'cpu'"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (b"PAR1PAR1", "cannot be read as Parquet"),
        (gzip.compress(b"timestamp,cpu\n" * 9)[:20], "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, content: bytes, words: str) -> None:
    (folder / "bad.csv").write_bytes(content)
    with pytest.raises((DataError, SourceError), match=words) as raised:
        read(source(folder), "bad.csv")
    assert "file 'bad.csv' in " in str(raised.value)


def test_a_file_that_is_absent_is_named(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"file 'none\.csv' does not exist"):
        read(source(folder), "none.csv")


@pytest.mark.parametrize("query", ["", "../a.csv", "more/../../a.csv", "..\\a.csv"])
def test_nothing_outside_the_folder_is_read(folder: Path, query: str) -> None:
    with pytest.raises(DataError, match="below the folder"):
        read(source(folder / "more"), query)


def test_a_folder_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none do not exist: check the url"):
        source(tmp_path / "none").check()


@pytest.mark.parametrize("url", ["nosuch://bucket", "https+nosuch://x"])
def test_a_url_that_fsspec_does_not_know_is_named(url: str) -> None:
    with pytest.raises(SourceError, match=f"files at {url.replace('+', '.')} cannot be read"):
        source(url)


class TestS3:
    @pytest.fixture
    def bucket(self, s3: str, folder: Path) -> TableFilesSource:
        """A bucket with the folder's files."""
        import s3fs

        options = {"endpoint_url": s3, "client_kwargs": {"region_name": "eu-west-1"}}
        files = s3fs.S3FileSystem(key="anomaliz", secret="sesame", **options)
        if not files.exists("metrics"):
            files.mkdir("metrics")
        for path in folder.rglob("*.*"):
            files.put_file(str(path), f"metrics/{path.relative_to(folder)}")
        secrets = {"key": SecretStr("anomaliz"), "secret": SecretStr("sesame")}
        return source("s3://metrics", options=options, secrets=secrets)

    def test_a_bucket_is_read_as_a_folder_is(self, bucket: TableFilesSource) -> None:
        bucket.check()
        assert columns(read(bucket, "*.csv")) == {"a": [1, 2, 3]}
        assert columns(read(bucket, "**/b.csv.gz")) == {"b": [101, 102, 103]}
        assert columns(read(bucket, "c.parquet")) == {"c": [201, 202, 203]}

    def test_an_object_that_is_absent_is_named(self, bucket: TableFilesSource) -> None:
        with pytest.raises(SourceError, match="does not exist in s3://metrics"):
            read(bucket, "none.csv")

    def test_nobody_there_is_a_sentence_without_secrets(self, free_port: int) -> None:
        pytest.importorskip("s3fs", reason="s3fs is absent: pip install s3fs")
        options = {
            "endpoint_url": f"http://127.0.0.1:{free_port}",
            "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
        }
        secrets = {"key": SecretStr("anomaliz"), "secret": SecretStr("sesame")}
        far = source("s3://metrics", options=options, secrets=secrets)
        with pytest.raises(SourceError, match="cannot find it") as raised:
            read(far, "a.csv")
        assert "sesame" not in str(raised.value)
        assert "\n" not in str(raised.value)
