"""The table that samples are written to: a row for each, found again by its series and stamp."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from anomaliz.core.labels import NAME, Labels, LabelSet, label_set
from anomaliz.sinks.sink import Samples

if TYPE_CHECKING:
    import sqlalchemy as sa

Row: TypeAlias = Mapping[str, Any]
KEY = ("series", "metric_timestamp")
PIPELINE = "pipeline"
MOST_SERIES = 500
"""In one condition."""
CLICKHOUSE = """
CREATE TABLE IF NOT EXISTS {table} (
    series String, metric_timestamp DateTime64(6, 'UTC'), metric_name LowCardinality(String),
    metric_value Float64, pipeline LowCardinality(String), labels String
) ENGINE = ReplacingMergeTree ORDER BY (series, metric_timestamp)
"""


def score_table(name: str) -> "sa.Table":
    """Return the table; `name` may begin with a schema and a dot."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import mysql

    schema, _, bare = name.rpartition(".")
    stamp = (
        sa.DateTime()
        .with_variant(sa.DateTime(timezone=True), "postgresql")
        .with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    )
    return sa.Table(
        bare,
        sa.MetaData(),
        sa.Column("series", sa.String(32), primary_key=True),
        sa.Column("metric_timestamp", stamp, primary_key=True),
        sa.Column("metric_name", sa.Text, nullable=False),
        sa.Column("metric_value", sa.Double, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        schema=schema or None,
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )


def is_absent(connection: "sa.Connection", table: "sa.Table") -> bool:
    """Return whether there is no such table."""
    return not connection.dialect.has_table(connection, table.name, table.schema)


def create(connection: "sa.Connection", table: "sa.Table") -> None:
    """Make the table if it is not there."""
    if connection.dialect.name.startswith("clickhouse"):
        connection.exec_driver_sql(CLICKHOUSE.format(table=table.fullname))
    else:
        table.metadata.create_all(connection)


def in_parts(batch: Sequence[Samples], most: int) -> Iterator[list[Samples]]:
    """Yield the batch in parts of some `most` samples; those of a series stay together."""
    part: list[Samples] = []
    count = 0
    for samples in batch:
        part.append(samples)
        count += len(samples.times)
        if count >= most:
            yield part
            part, count = [], 0
    if part:
        yield part


def rows_of(batch: Sequence[Samples], *, zoned: bool) -> list[Row]:
    """Return a row for each sample, sorted by key; of two with one key the later one counts.

    Stamps have a zone, if `zoned`, or are UTC without saying so.
    """
    rows = [row for samples in batch for row in _rows(samples, zoned)]
    by_key = {(row["series"], row["metric_timestamp"]): row for row in rows}
    return [by_key[key] for key in sorted(by_key)]


def put(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    """Insert rows in the place of those with their keys."""
    if rows:
        UPSERTS.get(connection.dialect.name, _put_anew)(connection, table, rows)


def _rows(samples: Samples, zoned: bool) -> Iterator[dict[str, Any]]:
    of_series = _columns_of(label_set(samples.labels))
    there = np.isfinite(samples.values)
    stamps: list[datetime] = samples.times[there].astype("datetime64[us]").tolist()
    for stamp, value in zip(stamps, samples.values[there].tolist(), strict=True):
        instant = stamp.replace(tzinfo=UTC) if zoned else stamp
        yield {**of_series, "metric_timestamp": instant, "metric_value": value}


@lru_cache(maxsize=100_000)
def _columns_of(labels: LabelSet) -> Row:
    """Return what all rows of a series have in common."""
    named = dict(sorted(labels))
    others = {name: value for name, value in named.items() if name != NAME}
    return {
        # Labels can be too long for a key.
        "series": hashlib.sha256(_json(named).encode()).hexdigest()[:32],
        "metric_name": _text(named.get(NAME, "")),
        "pipeline": _text(named.get(PIPELINE, "")),
        "labels": _json(others),
    }


def _json(labels: Labels) -> str:
    return _text(json.dumps(labels, ensure_ascii=False))


def _text(value: str) -> str:
    """Return text as every database takes it: PostgreSQL has no NUL."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _put_on_conflict(
    insert: Callable[[Any], Any], connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]
) -> None:
    statement = insert(table)
    values = {name: statement.excluded[name] for name in _values(table)}
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=values), rows)


def _put_on_duplicate(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    from sqlalchemy.dialects.mysql import insert

    statement = insert(table)
    values = {name: statement.inserted[name] for name in _values(table)}
    connection.execute(statement.on_duplicate_key_update(values), rows)


def _put_beside(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    """Insert rows where the table's engine keeps the newest of a key."""
    connection.execute(table.insert(), rows)


def _put_anew(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    """Delete and insert, as every database can."""
    stamp_of = itemgetter("metric_timestamp")
    for stamp, found in groupby(sorted(rows, key=stamp_of), key=stamp_of):
        series = [row["series"] for row in found]
        for first in range(0, len(series), MOST_SERIES):
            some = table.c.series.in_(series[first : first + MOST_SERIES])
            connection.execute(table.delete().where((table.c.metric_timestamp == stamp) & some))
    connection.execute(table.insert(), rows)


def _values(table: "sa.Table") -> list[str]:
    return [column.name for column in table.columns if column.name not in KEY]


def _put_in_sqlite(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    from sqlalchemy.dialects.sqlite import insert

    _put_on_conflict(insert, connection, table, rows)


def _put_in_duckdb(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    """Hand the rows over as one table: one by one they take milliseconds each."""
    import pyarrow as pa

    driver: Any = connection.connection.driver_connection
    driver.register("batch", pa.Table.from_pylist([dict(row) for row in rows]))
    target = connection.dialect.identifier_preparer.format_table(table)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in _values(table))
    key = ", ".join(KEY)
    connection.exec_driver_sql(
        f"INSERT INTO {target} BY NAME SELECT * FROM batch ON CONFLICT ({key}) DO UPDATE SET {replaced}"
    )
    driver.unregister("batch")


def _put_in_postgresql(connection: "sa.Connection", table: "sa.Table", rows: Sequence[Row]) -> None:
    from sqlalchemy.dialects.postgresql import insert

    _put_on_conflict(insert, connection, table, rows)


UPSERTS: Mapping[str, Callable[["sa.Connection", "sa.Table", Sequence[Row]], None]] = {
    "sqlite": _put_in_sqlite,
    "postgresql": _put_in_postgresql,
    "duckdb": _put_in_duckdb,
    "mysql": _put_on_duplicate,
    "mariadb": _put_on_duplicate,
    "clickhousedb": _put_beside,
}
