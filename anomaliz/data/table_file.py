"""A table file: columns of a CSV or Parquet file, as a frame, or the reason why not."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal

from anomaliz.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["csv", "parquet"]

PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"


def read_table(
    source: str | Path | BinaryIO, name: str, format: Format | None, max_rows: int | None
) -> "pd.DataFrame":
    """Read CSV (gzipped too, from a path) or Parquet with unique column names; text stays text.

    Without a format, the file's first bytes tell. Raises DataError, which calls the file `name`,
    when it is absent, empty, damaged, or has more than `max_rows` rows.
    """
    try:
        with _opened(source) as stream:
            if format is None:
                format = "parquet" if _starts_with(stream, PARQUET_MAGIC) else "csv"
            read = _read_parquet if format == "parquet" else _read_csv
            frame = read(stream, name, max_rows)
    except FileNotFoundError:
        raise DataError(f"{name} does not exist: check the path") from None
    except IsADirectoryError:
        raise DataError(f"{name} is a directory: give a CSV or Parquet file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} cannot be read: {_first_line(error)}") from None
    if frame.empty:
        raise DataError(f"{name} has no rows: give a series")
    return frame


@contextmanager
def _opened(source: str | Path | BinaryIO) -> Iterator[IO[bytes]]:
    """Yield a stream that can be read twice."""
    if not isinstance(source, str | Path):
        yield BytesIO(source.read())
        return
    with Path(source).open("rb") as stream:
        if _starts_with(stream, GZIP_MAGIC):
            with BufferedReader(gzip.open(stream)) as unpacked:
                yield unpacked
        else:
            yield stream


def _starts_with(stream: IO[bytes], magic: bytes) -> bool:
    found = stream.read(len(magic)) == magic
    stream.seek(0)
    return found


def _read_csv(stream: IO[bytes], name: str, max_rows: int | None) -> "pd.DataFrame":
    import pandas as pd

    try:
        # With the first row, since pandas would take a surplus cell there for an index.
        header = pd.read_csv(stream, header=None, nrows=2, dtype=str, keep_default_na=False)
        columns = [str(column).strip() for column in header.iloc[0]]
        _require_unique(columns, name)
        stream.seek(0)
        frame = pd.read_csv(
            stream,
            names=columns,
            header=0,
            nrows=None if max_rows is None else max_rows + 1,
            skipinitialspace=True,
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        raise DataError(f"{name} is empty: give a header and rows") from None
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{name} cannot be read as CSV: {_first_line(error)}") from None
    _require_at_most(len(frame), name, max_rows)
    return frame


def _read_parquet(stream: IO[bytes], name: str, max_rows: int | None) -> "pd.DataFrame":
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(stream)
        _require_at_most(file.metadata.num_rows, name, max_rows)
        _require_unique(list(file.schema_arrow.names), name)
        frame: pd.DataFrame = file.read().to_pandas()
    # A damaged file can have sound data beside damaged metadata, which pandas trusts.
    except (pyarrow.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {_first_line(error)}") from None
    return frame


def _require_unique(columns: list[str], name: str) -> None:
    seen: set[str] = set()
    for position, column in enumerate(columns):
        if not column:
            raise DataError(f"{name} has no name for column number {position + 1}: give it one or drop it")
        if column in seen:
            raise DataError(f"{name} has two columns {column!r}: rename or drop one", field=column)
        seen.add(column)


def _require_at_most(n_rows: int, name: str, max_rows: int | None) -> None:
    if max_rows is not None and n_rows > max_rows:
        raise DataError(f"{name} has more than {max_rows} rows: give a shorter series")


def _first_line(error: BaseException) -> str:
    line = str(error).strip().partition("\n")[0]
    return line.removeprefix("Error tokenizing data. C error: ").rstrip(".")
