import gzip
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from anomaliz.core.errors import DataError
from anomaliz.data.table_file import read_table

TABLE = b"timestamp,cpu\n0,1\n60,2\n"


def read(content: bytes, **options: Any) -> pd.DataFrame:
    return read_table(BytesIO(content), "stdin", options.get("format"), options.get("max_rows"))


def parquet_bytes(table: pyarrow.Table) -> bytes:
    stream = BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()


PARQUET = parquet_bytes(pyarrow.table({"timestamp": [0, 60], "cpu": [1, 2]}))


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        b"\xef\xbb\xbf" + TABLE,
        TABLE.replace(b"\n", b"\r\n"),
        TABLE.replace(b",", b" , "),
        TABLE.rstrip(),
        b"\n" + TABLE.replace(b"60", b"\n60"),
        PARQUET,
    ],
)
def test_the_content_tells_the_format(content: bytes) -> None:
    frame = read(content)
    assert frame.columns.tolist() == ["timestamp", "cpu"]
    assert frame.to_numpy().tolist() == [[0, 1], [60, 2]]


def test_a_pipe_is_read_once() -> None:
    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("a pipe cannot seek")

    assert len(read_table(Pipe(TABLE), "stdin", None, None)) == 2


@pytest.mark.parametrize("content", [TABLE, PARQUET])
def test_too_many_rows_are_refused(content: bytes) -> None:
    assert len(read(content, max_rows=2)) == 2
    with pytest.raises(DataError, match=r"^stdin has more than 1 rows: give a shorter series$"):
        read(content, max_rows=1)


WITH_INDEX = parquet_bytes(pyarrow.Table.from_pandas(pd.DataFrame({"cpu": [1]}, index=["a"])))
TWO_OF_A_NAME = parquet_bytes(
    pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["cpu", "cpu"])
)
BAD_TABLES = [
    (b"", "stdin is empty: give a header and rows"),
    (b"\n\n", "stdin is empty: give a header and rows"),
    (b"timestamp,cpu", "stdin has no rows: give a series"),
    (b"timestamp,cpu,cpu\n0,1,2\n", "stdin has two columns 'cpu': rename or drop one"),
    (TWO_OF_A_NAME, "stdin has two columns 'cpu': rename or drop one"),
    (b",timestamp,cpu\n0,0,1\n", "stdin has no name for column number 1: give it one or drop it"),
    (
        b"timestamp,cpu\n0,1,2\n60,2,3\n",
        "stdin cannot be read as CSV: Expected 2 fields in line 2, saw 3",
    ),
    (b"timestamp,cpu\n0,1\n60,2,3\n", "stdin cannot be read as CSV: Expected 2 fields in line 3, saw 3"),
    (b'timestamp,cpu\n0,"1\n', "stdin cannot be read as CSV: EOF inside string starting at row 1"),
    (parquet_bytes(pyarrow.table({"cpu": pyarrow.array([], "int64")})), "stdin has no rows: give a series"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TABLES)
def test_a_table_that_cannot_be_used_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read(content)


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (b"\xff\xfe\x00a,b\n1,2", None),
        (gzip.compress(TABLE), None),
        (PARQUET, "csv"),
        (b"PAR1", None),
        (b"PAR1" + b"\x00" * 40 + b"PAR1", None),
        (PARQUET[:-20], None),
        (PARQUET[:40] + b"\xff" * 40 + PARQUET[80:], None),
        (TABLE, "parquet"),
        (WITH_INDEX.replace(b"numpy_type", b"numpy_tyqe"), None),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(content: bytes, format: str | None) -> None:
    with pytest.raises(DataError, match=r"^stdin [^\n]+$"):
        read(content, format=format)


def test_a_gzipped_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    path.write_bytes(gzip.compress(TABLE))
    assert len(read_table(path, "series.csv", None, None)) == 2


@pytest.mark.parametrize(
    "content", [gzip.compress(TABLE)[:-10], b"\x1f\x8bgarbage", gzip.compress(TABLE)[:-8] + b"\x00" * 8]
)
def test_a_damaged_gzipped_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "series.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"^s cannot be read: "):
        read_table(path, "s", None, None)


def test_absent_files_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^x does not exist: check the path$"):
        read_table(tmp_path / "absent.csv", "x", None, None)
    with pytest.raises(DataError, match=r"^x is a directory: give a CSV or Parquet file$"):
        read_table(tmp_path, "x", None, None)
