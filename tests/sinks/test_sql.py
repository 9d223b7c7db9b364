"""Writing to real databases."""

import json
import socket
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import sqlalchemy as sa
from faulty_line import line_to, reset, stall
from pydantic import SecretStr, ValidationError

from anomaliz.core.errors import SourceError
from anomaliz.core.labels import NAME, label_set
from anomaliz.core.types import Floats
from anomaliz.sinks import score_table
from anomaliz.sinks.sink import Samples
from anomaliz.sinks.sql import SqlSink, SqlSinkSettings
from anomaliz.sources.readings import joined
from anomaliz.sources.sql import SqlSettings, SqlSource

START = np.datetime64("2026-01-05T00:00:00", "ns")
STEP = np.timedelta64(5, "m")
N = 4
TIMES = START + np.arange(N) * STEP
WRITTEN = "metric_timestamp, metric_name, metric_value, pipeline, labels"
AWKWARD = {"path": 'a"b\\c\n', "unit": "µs · 🙂", "long": "x" * 5000}


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without a table of scores."""
    if request.param in ("sqlite", "duckdb"):
        return f"{request.param}:///{tmp_path / 'new' / 'scores.db'}"
    url = str(request.getfixturevalue(request.param))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS anomaliz_scores"))
    return url


@pytest.fixture
def sink(url: str) -> Iterator[SqlSink]:
    sink = opened(url)
    yield sink
    sink.close()


def opened(url: str, **settings: object) -> SqlSink:
    return SqlSink(SqlSinkSettings.model_validate({"url": SecretStr(url), **settings}))


def samples(values: list[float] | Floats, name: str = "anomaly_score", **labels: str) -> Samples:
    return Samples({NAME: name, "pipeline": "cpu", **labels}, TIMES, np.asarray(values, np.float64))


def rows(url: str, table: str = "anomaliz_scores") -> list[tuple[object, ...]]:
    """Return all rows of the table, in order."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    query = f"SELECT * FROM {table} ORDER BY series, metric_timestamp"
    with engine.connect() as connection:
        if connection.dialect.name == "duckdb":
            # Rows with stamps come as a table: one by one they need a package for zones.
            return [tuple(row) for row in connection.connection.driver_connection.sql(query).df().to_numpy()]
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_what_is_written_is_read_by_the_source(sink: SqlSink, url: str) -> None:
    scores = [0.1, np.nan, 2.5, 1e-300]
    sink.check()
    sink.write(
        [samples(scores, instance="a"), samples([1.0] * N, instance="b"), samples([0.5] * N, "expected")]
    )
    sink.flush()
    source = SqlSource(SqlSettings(url=SecretStr(url)))
    query = (
        f"SELECT {WRITTEN} FROM anomaliz_scores WHERE metric_timestamp >= :start AND metric_timestamp < :end"
    )
    found = joined(source.read(query, START, START + N * STEP, STEP))
    source.close()
    columns = {label_set(labels): values for labels, values in zip(found.labels, found.values.T, strict=True)}
    expected = {
        ("anomaly_score", '{"instance": "a", "pipeline": "cpu"}'): scores,
        ("anomaly_score", '{"instance": "b", "pipeline": "cpu"}'): [1.0] * N,
        ("expected", '{"pipeline": "cpu"}'): [0.5] * N,
    }
    assert len(columns) == len(expected)
    for (name, labels), values in expected.items():
        key = label_set({NAME: name, "pipeline": "cpu", "labels": labels})
        np.testing.assert_array_equal(columns[key], values)
    part = joined(source_read(url, query, START + STEP, START + 3 * STEP))
    assert part.values.shape == (2, 3)


def source_read(url: str, query: str, start: np.datetime64, end: np.datetime64) -> Iterator[object]:
    source = SqlSource(SqlSettings(url=SecretStr(url)))
    yield from source.read(query, start, end, STEP)
    source.close()


def test_writing_twice_changes_nothing_and_later_values_count(sink: SqlSink, url: str) -> None:
    sink.write([samples([1, 2, 3, 4]), samples([5, 6, 7, 8], instance="b")])
    before = rows(url)
    assert len(before) == 2 * N
    sink.write([samples([1, 2, 3, 4]), samples([5, 6, 7, 8], instance="b")])
    assert rows(url) == before
    again = opened(url)
    again.write([samples([np.nan, 9, np.nan, np.nan]), samples([np.nan, 10, np.nan, np.nan])])
    again.close()
    values = {row[3] for row in rows(url)}
    assert values == {1, 10, 3, 4, 5, 6, 7, 8}


def test_labels_come_back_whatever_they_are(sink: SqlSink, url: str) -> None:
    sink.write([samples([1, 2, 3, 4], **AWKWARD), samples([1, 2, 3, 4], odd="a\0b\ud800")])
    found = [json.loads(str(row[5])) for row in rows(url)]
    assert (
        sorted(found, key=len)
        == [{"odd": "a\0b?", "pipeline": "cpu"}] * N + [{"pipeline": "cpu", **AWKWARD}] * N
    )


def test_nothing_but_gaps_writes_nothing_and_a_check_makes_nothing(sink: SqlSink, url: str) -> None:
    sink.check()
    sink.write([])
    sink.write([samples([np.nan, np.inf, -np.inf, np.nan])])
    sink.check()
    with pytest.raises(Exception, match=r"anomaliz_scores"):
        rows(url)
    sink.write([samples([1, np.nan, np.nan, np.nan])])
    sink.check()
    assert len(rows(url)) == 1


def test_all_of_a_batch_or_none(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    table = score_table.score_table("anomaliz_scores")
    table.append_constraint(sa.CheckConstraint("metric_value < 100"))
    Path(url.partition("///")[2] or "/x").parent.mkdir(parents=True, exist_ok=True)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS anomaliz_scores"))
        table.create(connection)
    sink = opened(url, create=False)
    with pytest.raises(SourceError, match=r"cannot be used \((?s:.*)\): check its URL"):
        sink.write([samples([1, 2, 3, 4]), samples([1, 2, 3, 400], instance="z")])
    assert rows(url) == []
    sink.write([samples([1, 2, 3, 4])])
    assert len(rows(url)) == N
    sink.close()


def test_databases_without_an_upsert_delete_and_insert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    monkeypatch.delitem(score_table.UPSERTS, "sqlite")
    monkeypatch.setattr(score_table, "MOST_SERIES", 2)
    sink = opened(url)
    sink.write([samples([1, 2, 3, 4], instance=str(number)) for number in range(5)])
    sink.write([samples([np.nan, 9, np.nan, np.nan], instance=str(number)) for number in range(4)])
    sink.close()
    values = sorted(row[3] for row in rows(url))
    assert values == sorted([1, 3, 4] * 5 + [2] + [9] * 4)


def test_a_table_of_another_name_and_schema(postgresql: str) -> None:
    engine = sa.create_engine(postgresql, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS reports"))
    sink = opened(postgresql, table="reports.Scores")
    sink.write([samples([1, 2, 3, 4])])
    sink.close()
    assert len(rows(postgresql, 'reports."Scores"')) == N
    with pytest.raises(ValidationError, match="table"):
        opened(postgresql, table="a; DROP TABLE b")


class TestFaults:
    """Each is one sentence that names the database, and no password."""

    def test_a_table_that_is_not_to_be_made(self, url: str) -> None:
        sink = opened(url, create=False)
        for attempt in (sink.check, lambda: sink.write([samples([1, 2, 3, 4])])):
            with pytest.raises(SourceError, match="anomaliz_scores") as raised:
                attempt()
            assert "\n" not in str(raised.value)
        sink.close()

    def test_a_server_that_is_not_there(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{closed.getsockname()[1]}"
            sink = opened(f"postgresql+psycopg://us:sesame@{place}/db")
            with pytest.raises(SourceError, match=r"^postgresql://127.0.0.1/db cannot be used") as raised:
                sink.check()
        assert "sesame" not in str(raised.value)

    def test_a_line_that_stalls(self, postgresql: str, mariadb: str) -> None:
        for url in (postgresql, mariadb):
            with line_to(url, stall) as stalling:
                sink = opened(stalling, timeout=1)
                begun = monotonic()
                with pytest.raises(SourceError, match=r"did not answer within 1 s"):
                    sink.write([samples([1, 2, 3, 4], instance="stalled")])
                assert monotonic() - begun < 15
                sink.close()

    def test_a_line_that_breaks(self, postgresql: str, mariadb: str) -> None:
        for url in (postgresql, mariadb):
            with line_to(url, reset) as breaking:
                sink = opened(breaking)
                with pytest.raises(SourceError, match=r"cannot be used \(.*\): check its URL") as raised:
                    sink.write([samples([1, 2, 3, 4], instance="stalled")])
                assert "\n" not in str(raised.value)
                sink.write([samples([1, 2, 3, 4], instance="well")])
                sink.close()

    def test_a_locked_file(self, tmp_path: Path) -> None:
        sink = opened(f"sqlite:///{tmp_path / 'scores.db'}", timeout=0.3)
        sink.write([samples([1, 2, 3, 4])])
        with sqlite3.connect(tmp_path / "scores.db") as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(SourceError, match=r"database is locked"):
                sink.write([samples([1, 2, 3, 4])])
            holder.rollback()
        holder.close()
        sink.write([samples([1, 2, 3, 4])])
        sink.close()

    @pytest.mark.parametrize(
        ("url", "said"), [("sesame", "cannot be read"), ("foo://u:sesame@h/d", "no driver")]
    )
    def test_what_is_no_database(self, url: str, said: str) -> None:
        with pytest.raises(SourceError, match=said) as raised:
            opened(url)
        assert "sesame" not in str(raised.value)


WRITING = """
import sys
import tracemalloc
import numpy as np
from pydantic import SecretStr
from anomaliz.sinks.sink import Samples
from anomaliz.sinks.sql import SqlSink, SqlSinkSettings
sink = SqlSink(SqlSinkSettings(url=SecretStr(sys.argv[1])))
times = np.datetime64("2026-01-05", "ns") + np.arange(50) * np.timedelta64(5, "m")
for value in range(10**9):
    labels = [{"__name__": "anomaly_score", "instance": str(number)} for number in range(40)]
    sink.write([Samples(one, times, np.full(50, value)) for one in labels])
    print(value, flush=True)
"""


def test_a_process_that_is_killed_leaves_whole_batches(url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITING, url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(5)][-1]
        process.kill()
        seen = max([seen, *map(int, process.stdout.read().split())])
    values = [row[3] for row in rows(url)]
    assert len(values) == 40 * 50
    assert len(set(values)) == 1
    assert values[0] - seen in (0, 1)


CLICKHOUSE = """
import sys
import tracemalloc
import numpy as np
from pydantic import SecretStr
from anomaliz.sinks.sink import Samples
from anomaliz.sinks.sql import SqlSink, SqlSinkSettings
from anomaliz.sources.readings import joined
from anomaliz.sources.sql import SqlSettings, SqlSource
url = SecretStr(f"clickhousedb:///default?interface=chdb&path={sys.argv[1]}")
start, step = np.datetime64("2026-01-05", "ns"), np.timedelta64(5, "m")
times = start + np.arange(3) * step
labels = {"__name__": "anomaly_score", "pipeline": "cpu", "host": "a"}
sink = SqlSink(SqlSinkSettings(url=url))
sink.check()
for values in ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, np.nan, 4.0]):
    sink.write([Samples(labels, times, np.array(values))])
source = SqlSource(SqlSettings(url=url))
query = '''
    SELECT metric_timestamp, metric_name, metric_value, pipeline, labels FROM anomaliz_scores FINAL
    WHERE metric_timestamp >= toDateTime(:start_epoch) AND metric_timestamp < toDateTime(:end_epoch)
'''
found = joined(source.read(query, start, start + 3 * step, step))
assert [dict(labels) for labels in found.labels] == [
    {"__name__": "anomaly_score", "pipeline": "cpu", "labels": '{"host": "a", "pipeline": "cpu"}'}
], found.labels
assert found.values[:, 0].tolist() == [1, 2, 4], found.values
count = "SELECT toDateTime(0) AS timestamp, count() AS n FROM anomaliz_scores FINAL"
epoch = np.datetime64(0, "ns")
there = joined(source.read(count, epoch, epoch + step, step))
assert there.values.tolist() == [[3]], there.values
"""


def test_clickhouse_embedded(tmp_path: Path) -> None:
    for package in ("chdb", "clickhouse_connect"):
        pytest.importorskip(package, reason="ClickHouse is absent: pip install chdb clickhouse-connect")
    # In a process of its own, since the library takes over signals and does not let go of memory.
    subprocess.run([sys.executable, "-c", CLICKHOUSE, str(tmp_path / "clickhouse")], check=True)


def test_a_large_batch_is_one_transaction_and_takes_little_memory(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    times = START + np.arange(1000) * STEP
    batch = [Samples({NAME: "expected", "host": str(i)}, times, np.full(1000, float(i))) for i in range(150)]
    sink = opened(url)
    tracemalloc.start()
    sink.write(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sink.close()
    # As objects all 150,000 rows would take more.
    assert peak < 60e6
    with sqlite3.connect(tmp_path / "scores.db") as connection:
        assert connection.execute("SELECT count(*) FROM anomaliz_scores").fetchone() == (150_000,)
    connection.close()
