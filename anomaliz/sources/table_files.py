"""Folders of CSV and Parquet files, on disk or wherever fsspec reaches."""

import gzip
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Literal, cast

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Count, Secret, Text
from anomaliz.core.errors import AnomalizError, DataError, MissingExtraError, SourceError
from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings
from anomaliz.sources.shortened import shortened
from anomaliz.sources.table import Columns, Layout, gather

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 100_000
"""Rows of a file that are held at once."""
PARQUET_MAGIC, GZIP_MAGIC = b"PAR1", b"\x1f\x8b"
WILD = frozenset("*?[")


class TableFilesSettings(Layout):
    """A folder of files."""

    type: Literal["files"] = "files"
    url: Text = Field(
        ".", description="Folder: a path, or an fsspec URL (`s3://bucket/folder`, `gs://`, `abfs://`)."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="What the URL's file system takes, such as `endpoint_url`."
    )
    secrets: dict[str, Secret] = Field(
        default_factory=dict, description="Of them the secret ones, such as `key` and `secret`."
    )
    chunk_rows: Count = Field(10_000, description="Most stamps in a chunk.")


class TableFilesSource:
    """A source of CSV (gzipped too) and Parquet files. A query is a path below the folder, or a glob.

    Files are read in the order of their names; of two samples of one series and stamp the later file's is
    taken.
    """

    looks_back = False

    def __init__(self, settings: TableFilesSettings) -> None:
        """Raise SourceError for a URL that fsspec does not know; reaches nothing."""
        self._settings = settings
        try:
            import fsspec
        except ImportError:
            raise MissingExtraError.of("reading files", "sources") from None
        secrets = {name: secret.get_secret_value() for name, secret in settings.secrets.items()}
        try:
            self._files, self._root = fsspec.core.url_to_fs(settings.url, **{**settings.options, **secrets})
        except (ImportError, ValueError, TypeError) as error:
            raise SourceError(
                f"files at {settings.url} cannot be read: {_line(error)}", field="url"
            ) from None

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield chunks as `Source.read` says.

        A glob that matches nothing is no data; SourceError for a path that does not exist or cannot be read,
        DataError, with the file's name, for a file that is no table of samples.
        """
        grid = Grid.of(start, end, step)
        _require_below(query)
        return self._chunks(query, grid)

    def check(self) -> None:
        """Raise SourceError where the folder cannot be listed."""
        if self._kind(self._root) is None:
            raise SourceError(f"files at {self._settings.url} do not exist: check the url", field="url")

    def close(self) -> None:
        """There is nothing to let go of."""

    def _chunks(self, query: str, grid: Grid) -> Iterator[Readings]:
        gathering = Gathering(grid)
        for path in self._paths(query):
            try:
                self._gather(path, grid, gathering)
            except AnomalizError as error:
                raise type(error)(f"{self._place(path)}: {error}", field=error.field) from None
        yield from gathering.readings(self._settings.chunk_rows)

    def _paths(self, query: str) -> list[str]:
        path = f"{self._root.rstrip('/')}/{query}"
        if WILD & set(query):
            return sorted(self._asked("list it", lambda: self._files.glob(path)))
        if self._kind(path) != "file":
            raise SourceError(
                f"file {shortened(query)} does not exist in {self._settings.url}: check the query"
            )
        return [path]

    def _kind(self, path: str) -> str | None:
        """Return "file", "directory", or None for what does not exist."""

        def kind() -> str | None:
            try:
                return str(self._files.info(path)["type"])
            except FileNotFoundError:
                return None

        # `exists` and `isfile` say no when nobody answers.
        found: str | None = self._asked("find it", kind)
        return found

    def _place(self, path: str) -> str:
        return f"file {shortened(path.removeprefix(self._root).lstrip('/'))} in {self._settings.url}"

    def _asked(self, what: str, ask: Any) -> Any:
        try:
            return ask()
        except Exception as error:  # each file system has errors of its own
            message = f"files at {self._settings.url}: cannot {what} ({_line(error)}): check url and options"
            raise SourceError(message) from None

    def _gather(self, path: str, grid: Grid, gathering: Gathering) -> None:
        columns = None
        try:
            with self._files.open(path, "rb") as stream:
                for frame in _frames(stream, grid, self._settings):
                    columns = columns or Columns.of(frame, self._settings)
                    gather(frame, columns, gathering)
        except AnomalizError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise SourceError(f"it cannot be read ({_line(error)})") from None


def _require_below(query: str) -> None:
    if not query.strip() or ".." in query.replace("\\", "/").split("/"):
        raise DataError(
            f"the query {shortened(query)} must be a path below the folder, or a glob", field="query"
        )


def _frames(stream: IO[bytes], grid: Grid, layout: Layout) -> Iterator["pd.DataFrame"]:
    magic = stream.read(len(PARQUET_MAGIC))
    stream.seek(0)
    if magic == PARQUET_MAGIC:
        return _parquet(stream, grid, layout)
    if magic.startswith(GZIP_MAGIC):
        return _csv(cast("IO[bytes]", gzip.open(stream)))
    return _csv(stream)


def _csv(stream: IO[bytes]) -> Iterator["pd.DataFrame"]:
    """Yield a CSV file in blocks, as text: what a column is must not change between them."""
    import pandas as pd

    try:
        with pd.read_csv(
            stream, dtype=str, keep_default_na=False, na_values=[""], skipinitialspace=True, chunksize=BLOCK
        ) as blocks:
            for block in blocks:
                if not isinstance(block.index, pd.RangeIndex):
                    raise DataError("its rows have more cells than its header: give each column a name")
                yield block.rename(columns=str.strip)
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"it cannot be read as CSV ({_line(error)})") from None


def _parquet(stream: IO[bytes], grid: Grid, layout: Layout) -> Iterator["pd.DataFrame"]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(stream)
        names = file.schema_arrow.names
        empty = file.schema_arrow.empty_table().to_pandas()
        stamp = Columns.of(_with_index(empty), layout).stamp
        groups = [number for number in range(file.num_row_groups) if _meets(file, number, names, stamp, grid)]
        for batch in file.iter_batches(BLOCK, row_groups=groups):
            yield _with_index(batch.to_pandas())
    except (pyarrow.ArrowException, KeyError, TypeError) as error:
        raise DataError(f"it cannot be read as Parquet ({_line(error)})") from None


def _with_index(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the frame with its DatetimeIndex, where it has one, as a column."""
    import pandas as pd

    if not isinstance(frame.index, pd.DatetimeIndex):
        return frame
    return frame.rename_axis(str(frame.index.name or "timestamp")).reset_index()


def _meets(file: Any, number: int, names: list[str], stamp: str, grid: Grid) -> bool:
    """Whether a row group can have rows on the grid, as far as its statistics tell."""
    if stamp not in names:
        return True
    found = file.metadata.row_group(number).column(names.index(stamp)).statistics
    if found is None or not found.has_min_max:
        return True
    try:
        first, last = (np.datetime64(edge.replace(tzinfo=None)) for edge in (found.min, found.max))
    except (AttributeError, TypeError, ValueError):  # epoch numbers or text
        return True
    return bool(first < grid.end and last >= grid.start)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0].rstrip('.')}"
