"""Reading from real databases."""

import gc
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import sqlalchemy as sa
from faulty_line import line_to, reset, stall
from pydantic import SecretStr

from anomaliz.core.errors import DataError, SourceError
from anomaliz.core.labels import NAME
from anomaliz.sources.readings import Readings, joined
from anomaliz.sources.sql import SqlSettings, SqlSource
from anomaliz.sources.sql_query import SqlQuery

BEGIN = datetime(2026, 1, 1)
STEP = timedelta(minutes=5)
N = 12
START, END = np.datetime64("2026-01-01T00:05", "ns"), np.datetime64("2026-01-01T00:30", "ns")
FIVE_MINUTES = np.timedelta64(5, "m")
LONG = "SELECT * FROM sales WHERE metric_timestamp >= :start AND metric_timestamp < :end"
WIDE = "SELECT * FROM hosts WHERE ts >= :start AND ts < :end"
ENDLESS = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) AS timestamp FROM r"
TABLES = ", ".join(f"sales AS s{i}" for i in range(9))
SUM = " + ".join(f"s{i}.metric_value" for i in range(9))
ENDLESS_JOIN = f"SELECT 1 AS timestamp, count(*) AS x FROM {TABLES} WHERE {SUM} = 0.25"
"""For MariaDB, which ends recursions early."""
SALES = sa.Table(
    "sales",
    sa.MetaData(),
    sa.Column("metric_timestamp", sa.DateTime),
    sa.Column("metric_name", sa.Text),
    sa.Column("metric_value", sa.Numeric(10, 2)),
    sa.Column("region", sa.Text),
    sa.Column("shop", sa.Integer),
)
HOSTS = sa.Table(
    "hosts",
    sa.MetaData(),
    sa.Column("ts", sa.DateTime(timezone=True)),
    sa.Column("cpu", sa.Float),
    sa.Column("memory", sa.Integer),
    sa.Column("host", sa.Text),
)


@pytest.fixture(scope="module", params=["sqlite", "duckdb", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a database with sales in the long form and hosts in the wide one."""
    if request.param == "duckdb":
        pytest.importorskip("duckdb_engine", reason="DuckDB is absent: pip install duckdb-engine")
    folder = tmp_path_factory.mktemp(request.param)
    found: str = (
        request.getfixturevalue(request.param)
        if request.param in ("postgresql", "mariadb")
        else f"{request.param}:///{folder / 'data'}"
    )
    fill(found)
    return found


def fill(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in (SALES, HOSTS):
            table.drop(connection, checkfirst=True)
            table.create(connection)
        connection.execute(SALES.insert(), [sale for i in range(N) for sale in sales(i)])
        connection.execute(HOSTS.insert(), [row for i in range(N) for row in hosts(i)])
    engine.dispose()


def sales(i: int) -> list[dict[str, object]]:
    names = [("orders", "eu", 7), ("orders", None, 7), ("refunds", "eu", None)]
    return [
        {
            "metric_timestamp": BEGIN + i * STEP,
            "metric_name": name,
            "metric_value": i + 0.5 + 100 * k,
            "region": region,
            "shop": shop,
        }
        for k, (name, region, shop) in enumerate(names)
    ]


def hosts(i: int) -> list[dict[str, object]]:
    stamp = (BEGIN + i * STEP).replace(tzinfo=UTC)
    memory = None if i == 1 else i
    return [{"ts": stamp, "cpu": i + 0.5, "memory": memory, "host": host} for host in ("a", "b")]


@pytest.fixture
def source(url: str) -> Iterator[SqlSource]:
    source = SqlSource(SqlSettings(url=SecretStr(url)))
    yield source
    source.close()


def limited(url: str, **settings: object) -> SqlSource:
    return SqlSource(SqlSettings(url=SecretStr(url), **settings))  # type: ignore[arg-type]


def read(source: SqlSource, query: str) -> Readings:
    return joined(source.read(query, START, END, FIVE_MINUTES))


class TestEveryDatabase:
    def test_the_long_form_is_read_with_its_dimensions(self, source: SqlSource) -> None:
        source.check()
        found = read(source, LONG)
        assert {frozenset(labels.items()) for labels in found.labels} == {
            frozenset({NAME: "orders", "region": "eu", "shop": "7"}.items()),
            frozenset({NAME: "orders", "shop": "7"}.items()),
            frozenset({NAME: "refunds", "region": "eu"}.items()),
        }
        by_name = {len(labels): column for labels, column in zip(found.labels, found.values.T, strict=True)}
        assert by_name[3].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5]
        assert found.times[0] == START
        assert len(found) == 5

    def test_the_wide_form_is_read_with_text_as_dimensions(self, url: str) -> None:
        found = read(limited(url, timestamp="ts"), WIDE)
        columns = {(x[NAME], x["host"]): c for x, c in zip(found.labels, found.values.T, strict=True)}
        assert set(columns) == {("cpu", "a"), ("cpu", "b"), ("memory", "a"), ("memory", "b")}
        assert columns["cpu", "b"].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5]
        assert np.array_equal(columns["memory", "a"], [np.nan, 2, 3, 4, 5], equal_nan=True)

    def test_chunks_bind_their_own_times(self, url: str, source: SqlSource) -> None:
        chunks = list(limited(url, chunk_rows=2, max_rows=6).read(LONG, START, END, FIVE_MINUTES))
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]
        assert np.array_equal(joined(chunks).values, read(source, LONG).values)

    def test_a_query_without_its_times_is_asked_once(self, url: str, source: SqlSource) -> None:
        query = "SELECT * FROM sales"
        chunks = list(limited(url, chunk_rows=2).read(query, START, END, FIVE_MINUTES))
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]
        assert np.array_equal(joined(chunks).values, read(source, LONG).values)

    def test_a_template_is_filled_in(self, source: SqlSource) -> None:
        query = """
            SELECT * FROM sales {# a comment with ; #}
            WHERE metric_timestamp >= '{{ start.strftime('%Y-%m-%d %H:%M:%S') }}'
            {% if step.total_seconds() == 300 %} AND region = 'eu' {% endif %}
            AND ' :start; ' = ' :start; ' -- it's
        """
        assert {labels[NAME] for labels in read(source, query).labels} == {"orders", "refunds"}
        assert all("region" in labels for labels in read(source, query).labels)

    def test_seconds_can_be_bound_for_columns_of_numbers(self, source: SqlSource) -> None:
        query = "SELECT :start_epoch AS timestamp, :end_epoch - :start_epoch AS seconds, :step AS step"
        found = read(source, query)
        by_name = {x[NAME]: c for x, c in zip(found.labels, found.values.T, strict=True)}
        assert by_name["seconds"][0] == 1500
        assert by_name["step"][0] == 300

    def test_no_row_is_no_data(self, source: SqlSource) -> None:
        found = read(source, LONG + " AND region = 'nowhere'")
        assert found.labels == ()
        assert not found.has_data

    def test_too_many_rows_are_refused(self, url: str) -> None:
        with pytest.raises(
            SourceError, match=r"it gives over 10 rows: bind :start and :end, or raise max_rows"
        ):
            read(limited(url, max_rows=10), "SELECT * FROM sales")

    def test_as_many_rows_as_are_allowed_are_read(self, url: str) -> None:
        assert read(limited(url, max_rows=3 * N), "SELECT * FROM sales").has_data

    def test_a_query_that_does_not_end_is_stopped(self, url: str) -> None:
        began = monotonic()
        with pytest.raises(SourceError, match=r"took longer than 0\.5 s"):
            read(limited(url, timeout=0.5), ENDLESS_JOIN if url.startswith("mysql") else ENDLESS)
        assert monotonic() - began < 5

    @pytest.mark.parametrize(
        "query",
        [
            "DELETE FROM sales",
            "WITH x AS (SELECT 1) DELETE FROM sales",
            "SELECT 1; DELETE FROM sales",
            "/* SELECT */ DROP TABLE sales",
            "WITH gone AS (DELETE FROM sales RETURNING *) SELECT * FROM gone",
        ],
    )
    def test_nothing_is_written(self, url: str, source: SqlSource, query: str) -> None:
        with pytest.raises((DataError, SourceError)):
            read(source, query)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM sales")).scalar() == 3 * N
        engine.dispose()

    def test_a_fault_of_the_query_is_named(self, source: SqlSource) -> None:
        with pytest.raises(SourceError) as raised:
            read(source, "SELECT * FROM nowhere")
        message = str(raised.value)
        assert "query 'SELECT * FROM nowhere': the database refuses it" in message
        assert "nowhere" in message
        assert "sesame" not in message
        assert "\n" not in message

    def test_the_database_can_be_read_while_it_is_written_to_here(self, url: str) -> None:
        engine = sa.create_engine(url)
        with engine.connect() as writing:
            writing.execute(sa.text("SELECT 1"))
            assert read(limited(url), LONG).has_data
        engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'data'}"
    fill(url)
    return url


class TestTables:
    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("SELECT 1 AS x", "no column of stamps among 'x'"),
            ("SELECT 1 AS timestamp, 'x' AS host", "no column of numbers"),
            ("SELECT NULL AS timestamp, 1 AS x", "rows without a stamp"),
            ("SELECT 'soon' AS timestamp, 1 AS x", "timestamp must be ISO-8601"),
            (
                "SELECT 1 AS timestamp, 'many' AS metric_value, 'x' AS metric_name",
                "must be numbers, got 'many'",
            ),
            ("SELECT 1 AS timestamp, 1 AS x, 2 AS x", "two columns have one name"),
        ],
    )
    def test_what_is_no_table_of_samples_is_refused(self, sqlite: str, query: str, words: str) -> None:
        with pytest.raises(DataError, match=words) as raised:
            read(limited(sqlite), query)
        assert query in str(raised.value)

    def test_named_columns_must_be_there(self, sqlite: str) -> None:
        with pytest.raises(DataError, match="no column 'tz': there are 'ts', 'cpu'"):
            read(limited(sqlite, timestamp="tz"), WIDE)
        with pytest.raises(DataError, match="no column 'hosts', did you mean 'host'"):
            read(limited(sqlite, timestamp="ts", dimensions=("hosts",)), WIDE)

    def test_dimensions_can_be_named(self, sqlite: str) -> None:
        found = read(limited(sqlite, dimensions=("shop",)), LONG + " AND metric_name = 'refunds'")
        assert found.labels == ({NAME: "refunds"},)

    def test_the_newest_row_of_a_step_counts(self, sqlite: str) -> None:
        found = joined(
            limited(sqlite).read(
                LONG + " AND region IS NULL ORDER BY metric_timestamp DESC", START, END, 2 * FIVE_MINUTES
            )
        )
        assert found.values[:, 0].tolist() == [102.5, 104.5, 105.5]

    def test_the_row_at_the_start_is_in_and_the_one_at_the_end_is_out(self, sqlite: str) -> None:
        found = joined(limited(sqlite).read(LONG, START, START + FIVE_MINUTES, FIVE_MINUTES))
        assert found.values.shape == (1, 3)
        assert np.isfinite(found.values).all()


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("", "does not begin with SELECT"),
            ("UPDATE x SET y = 1", "does not begin with SELECT"),
            ("SELECT 1; SELECT 2", "several statements"),
            ("SELECT {{ nothing }}", "'nothing' is undefined"),
            ("SELECT {{ ''.__class__.__mro__ }}", "unsafe"),
            ("SELECT 1\n{% if %}", "line 2 of its template"),
            ("SELECT {{ start / 0 }}", "cannot be filled in"),
        ],
    )
    def test_what_is_not_one_reading_statement_is_refused(self, query: str, words: str) -> None:
        with pytest.raises(DataError, match=words):
            SqlQuery.parse(query, BEGIN.replace(tzinfo=UTC), BEGIN.replace(tzinfo=UTC), STEP)

    @pytest.mark.parametrize(
        ("query", "statement", "bound"),
        [
            ("SELECT 1;", "SELECT 1", set()),
            ("(SELECT :start)", "(SELECT :start)", {"start"}),
            (
                "-- why\nSELECT ';', ':end', x::int, '12:30'",
                "-- why\nSELECT ';', '\\:end', x::int, '12:30'",
                set(),
            ),
            ("SELECT :other", "SELECT \\:other", set()),
        ],
    )
    def test_only_the_times_are_bound(self, query: str, statement: str, bound: set[str]) -> None:
        parsed = SqlQuery.parse(query, BEGIN.replace(tzinfo=UTC), BEGIN.replace(tzinfo=UTC), STEP)
        assert (parsed.statement, parsed.bound) == (statement, bound)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("not a url", "the database URL cannot be read"),
            ("nosuch://u:sesame@h/d", "no driver for nosuch:// here"),
            ("mysql+nosuchdriver://u:sesame@h/d", "no driver|needs the package"),
        ],
    )
    def test_a_url_without_a_driver_is_named(self, url: str, words: str) -> None:
        with pytest.raises(SourceError, match=words) as raised:
            limited(url)
        assert "sesame" not in str(raised.value)

    def test_a_sqlite_file_is_not_made(self, tmp_path: Path) -> None:
        path = tmp_path / "none.db"
        with pytest.raises(SourceError, match="there is no such file"):
            limited(f"sqlite:///{path}").check()
        assert not path.exists()

    def test_nobody_there(self, free_port: int) -> None:
        pytest.importorskip("psycopg", reason="psycopg is absent: pip install 'psycopg[binary]'")
        with pytest.raises(SourceError, match=r"postgresql://127\.0\.0\.1/d cannot be connected") as raised:
            limited(f"postgresql+psycopg://u:sesame@127.0.0.1:{free_port}/d").check()
        assert "sesame" not in str(raised.value)

    def test_a_secret_is_never_shown(self) -> None:
        assert "sesame" not in repr(SqlSettings(url=SecretStr("sqlite://u:sesame@h/d")))


# Of a connection that is lost SQLAlchemy leaves psycopg's cursor to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*ServerCursor:ResourceWarning")
class TestFaults:
    """A PostgreSQL that is lost on the way."""

    @pytest.fixture(autouse=True)
    def collected(self) -> Iterator[None]:
        yield
        gc.collect()

    def test_a_server_that_stalls_is_given_up(self, postgresql: str) -> None:
        with line_to(postgresql, stall) as url:
            began = monotonic()
            with pytest.raises(SourceError, match=r"took longer than 0\.5 s"):
                read(limited(url, timeout=0.5), STALLED)
            assert monotonic() - began < 10

    @pytest.mark.parametrize("sent", [0, 10], ids=["reset", "half an answer"])
    def test_a_line_that_breaks_is_a_sentence(self, postgresql: str, sent: int) -> None:
        def break_off(line: socket.socket) -> None:
            line.sendall(b"T" * sent)
            reset(line)

        with (
            line_to(postgresql, break_off) as url,
            pytest.raises(SourceError, match="the database refuses it") as raised,
        ):
            read(limited(url), STALLED)
        assert "\n" not in str(raised.value)

    def test_a_backend_that_is_ended_is_a_sentence(self, postgresql: str) -> None:
        with pytest.raises(SourceError, match=r"terminating connection|server closed"):
            read(limited(postgresql), "SELECT pg_terminate_backend(pg_backend_pid()), 1 AS timestamp")


STALLED = "SELECT 1 AS timestamp, 1 AS stalled"


CLICKHOUSE = """
import numpy as np
from pydantic import SecretStr
from anomaliz.sources.readings import joined
from anomaliz.sources.sql import SqlSettings, SqlSource
source = SqlSource(SqlSettings(url=SecretStr("clickhousedb:///?interface=chdb")))
query = '''
    SELECT toDateTime(:start_epoch + number * 60, 'UTC') AS timestamp, number AS n, 'a' AS host
    FROM numbers(10)
'''
start = np.datetime64("2026-01-01")
found = joined(source.read(query, start, start + np.timedelta64(10, "m"), np.timedelta64(5, "m")))
assert found.labels == ({"__name__": "n", "host": "a"},), found.labels
assert found.values[:, 0].tolist() == [4, 9], found.values
"""


def test_clickhouse_embedded() -> None:
    for package in ("chdb", "clickhouse_connect"):
        pytest.importorskip(package, reason="ClickHouse is absent: pip install chdb clickhouse-connect")
    # In a process of its own, since the library takes over signals and does not let go of memory.
    subprocess.run([sys.executable, "-c", CLICKHOUSE], check=True)
