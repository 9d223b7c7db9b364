"""Each example loads, and its queries give what they promise, asked of a real system with a little data."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
import yaml
from jsonschema import Draft202012Validator
from scripted_server import Handler, serving

from anomaliz.core.labels import NAME
from anomaliz.core.panel import Panel
from anomaliz.pipelines.definition import Definitions
from anomaliz.pipelines.loading import json_schema, load_definitions
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.systems import open_source
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
SECRETS = {
    "SHOP_PASSWORD": "a",
    "SCORES_PASSWORD": "b",
    "AWS_ACCESS_KEY_ID": "c",
    "AWS_SECRET_ACCESS_KEY": "d",
    "METRICS_TOKEN": "e",
    "CLICKHOUSE_PASSWORD": "f",
}
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
START = np.datetime64("2026-01-05T00:00", "ns")


def load(name: str, **variables: str) -> Definitions:
    return load_definitions([EXAMPLES / f"{name}.yaml"], SECRETS | variables)


def panel(definitions: Definitions, hours: float, *, pipeline: int = 0) -> Panel:
    """Return what a pipeline reads of the first `hours`."""
    found = definitions.pipelines[pipeline]
    end = START + np.timedelta64(round(hours * 3600), "s")
    with closing(open_source(definitions.source_of(found))) as source:
        source.check()
        return read_panel(source, found, START, end)


def labels(panel: Panel, *names: str) -> list[tuple[str, ...]]:
    return sorted(tuple(found.get(name, "") for name in names) for found in panel.labels)


class TestEach:
    @pytest.fixture(params=FILES, ids=lambda file: file.stem)
    def file(self, request: pytest.FixtureRequest) -> Path:
        found: Path = request.param
        return found

    def test_it_loads(self, file: Path) -> None:
        variables = {"ANOMALIZ__SOURCES__SENSORS__URL": "redis://x"} if "redis" in file.stem else {}
        assert load_definitions([file], SECRETS | variables).pipelines

    def test_it_fits_the_schema(self, file: Path) -> None:
        tree = json.loads(
            json.dumps(yaml.safe_load(file.read_text()), default=lambda stamp: stamp.isoformat())
        )
        assert not [error.message for error in Draft202012Validator(json_schema()).iter_errors(tree)]

    def test_it_says_what_it_is_for(self, file: Path) -> None:
        assert file.read_text().startswith("# ")

    def test_the_list_has_it(self, file: Path) -> None:
        assert f"| [{file.name}]({file.name}) |" in (EXAMPLES / "README.md").read_text()


def test_there_are_at_least_twelve() -> None:
    assert len(FILES) >= 12


METRICS: dict[str, list[dict[str, str]]] = {
    "node_cpu_seconds_total": [
        {"instance": i, "mode": mode, "cpu": c}
        for i in ("a", "b")
        for mode in ("idle", "user")
        for c in ("0", "1")
    ],
    "node_memory_MemAvailable_bytes": [{"instance": i} for i in ("a", "b")],
    "node_memory_MemTotal_bytes": [{"instance": i} for i in ("a", "b")],
    "node_disk_io_time_seconds_total": [{"instance": i, "device": d} for i in ("a", "b") for d in ("x", "y")],
    "http_requests_total": [
        {"service": s, "code": code} for s in ("shop", "search") for code in ("200", "503")
    ],
    "http_request_duration_seconds_bucket": [
        {"service": s, "job": "checkout", "le": le} for s in ("shop", "search") for le in ("0.1", "1", "+Inf")
    ],
    "support_calls_total": [{"line": line} for line in ("1", "2")],
    "pg_stat_activity_count": [{"instance": "db", "state": state} for state in ("active", "idle")],
    "pg_stat_database_xact_commit": [{"instance": "db", "datname": name} for name in ("a", "b")],
    "process_cpu_seconds_total": [{"job": "checkout", "instance": i} for i in ("a", "b")],
    "process_resident_memory_bytes": [{"job": "checkout", "instance": i} for i in ("a", "b")],
    "container_cpu_usage_seconds_total": [
        {"namespace": "n", "pod": pod, "container": c} for pod in ("p", "q") for c in ("main", "", "POD")
    ],
    "nginx_ingress_controller_requests": [
        {"host": host, "status": code} for host in ("a", "b") for code in ("200", "404")
    ],
}


def write_metrics(url: str, folder: Path) -> None:
    """Write each metric, two hours of samples a half minute apart, each growing at a pace of its own."""
    times = START + np.arange(240) * np.timedelta64(30, "s")
    batch = [
        Samples({NAME: name, "job": "example", **found}, times, np.arange(240.0) * (place + 1) + 1)
        for name, series in METRICS.items()
        for place, found in enumerate(series)
    ]
    with closing(RemoteWriteSink(RemoteWriteSettings(url=url), folder)) as sink:
        sink.write(batch)
        sink.flush()
        assert sink.dropped == 0


@pytest.fixture(scope="module")
def url(prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a Prometheus with all metrics."""
    write_metrics(prometheus, tmp_path_factory.mktemp("queue"))
    return prometheus


class TestPrometheus:
    @pytest.mark.parametrize(
        ("name", "pipeline", "by", "expected"),
        [
            ("node_exporter", 0, ["instance"], [("a",), ("b",)]),
            ("red_metrics", 0, ["service"], [("search",), ("shop",)]),
            ("red_metrics", 1, ["service"], [("search",), ("shop",)]),
            ("red_metrics", 2, ["service"], [("search",), ("shop",)]),
            ("business_hours", 0, [], [()]),
            ("maintenance_window", 0, ["instance"], [("db",)]),
            ("trained_bundle", 0, [], [()]),
            ("thousands_of_series", 0, ["pod", "container"], [("p", "main"), ("q", "main")]),
        ],
    )
    def test_each_query_gives_its_series(
        self, url: str, name: str, pipeline: int, by: list[str], expected: list[tuple[str, ...]]
    ) -> None:
        definitions = load(name, ANOMALIZ__SOURCES__PROMETHEUS__URL=url)
        found = panel(definitions, 2, pipeline=pipeline)
        assert found.features == definitions.pipelines[pipeline].features
        assert labels(found, *by) == expected
        # A rate needs its whole range.
        assert np.isfinite(found.values[len(found) // 4 :]).all()

    def test_scores_go_to_the_same_server(self, url: str) -> None:
        definitions = load("node_exporter", ANOMALIZ__SOURCES__PROMETHEUS__URL=url)
        (sink,) = definitions.sinks_of(definitions.pipelines[0]).values()
        assert sink.type == "remote_write"
        assert sink.url == f"{url}/api/v1/write"

    def test_victoria_metrics(self, victoria_metrics: str, tmp_path: Path) -> None:
        write_metrics(victoria_metrics, tmp_path)
        httpx.get(f"{victoria_metrics}/internal/force_flush").raise_for_status()
        definitions = load(
            "victoria_metrics",
            ANOMALIZ__SOURCES__VICTORIA__URL=victoria_metrics,
            ANOMALIZ__SOURCES__VICTORIA__TLS="{}",
            ANOMALIZ__SOURCES__VICTORIA__CACHE=str(tmp_path / "cache"),
        )
        assert labels(panel(definitions, 2), "host") == [("a",), ("b",)]


def fill(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


CLICKHOUSE = """
import sys
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from anomaliz.pipelines.loading import load_definitions
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.systems import open_source

URL = "clickhousedb:///?interface=chdb&session_id=example"
with sa.create_engine(URL).connect() as connection:
    connection.execute(sa.text("CREATE TABLE page_views (viewed_at DateTime, site String, visitor UInt32) "
                               "ENGINE = Memory"))
    connection.execute(sa.text("INSERT INTO page_views SELECT toDateTime(1767571200 + number * 10), "
                               "['a', 'b'][number % 2 + 1], number % 7 FROM numbers(60)"))
definitions = load_definitions([Path(sys.argv[1])], {"ANOMALIZ__SOURCES__ANALYTICS__URL": URL})
source = open_source(definitions.sources["analytics"])
start = np.datetime64("2026-01-05T00:00", "ns")
panel = read_panel(source, definitions.pipelines[0], start, start + np.timedelta64(10, "m"))
found = sorted((labels["__name__"], labels["site"]) for labels in panel.labels)
assert found == [("views", "a"), ("views", "b"), ("visitors", "a"), ("visitors", "b")], found
assert (panel.values == 3).all(), panel.values
"""


class TestTables:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_postgresql_sales(self, postgresql: str) -> None:
        fill(
            postgresql,
            "DROP TABLE IF EXISTS orders",
            "CREATE TABLE orders (ordered_at timestamptz, country text, amount numeric)",
            "INSERT INTO orders SELECT timestamptz '2026-01-05 00:00Z' + i * interval '20 minutes', "
            "CASE WHEN i % 2 = 0 THEN 'de' ELSE 'fr' END, 10 * i FROM generate_series(0, 71) AS i",
        )
        found = panel(load("postgresql_sales", ANOMALIZ__SOURCES__SHOP__URL=postgresql), 24)
        assert labels(found, NAME, "country") == [
            ("orders", "de"),
            ("orders", "fr"),
            ("revenue", "de"),
            ("revenue", "fr"),
        ]
        at = [dict(one) for one in found.labels].index({NAME: "revenue", "country": "de"})
        assert found.values[:3, at, 0].tolist() == [0 + 20, 40, 60 + 80]

    def test_duckdb_signups(self) -> None:
        pytest.importorskip("duckdb_engine", reason="DuckDB is absent: pip install duckdb-engine")
        fill(
            "duckdb:///warehouse.duckdb",
            "CREATE TABLE users (user_id INTEGER, plan TEXT, created_at TIMESTAMP)",
            "INSERT INTO users VALUES (1, 'free', '2026-01-05 08:00'), (2, 'free', '2026-01-05 09:00'), "
            "(3, 'pro', '2026-01-07 10:00'), (4, 'free', '2026-01-07 11:00')",
        )
        found = panel(load("duckdb_signups"), 72)
        columns = {one["plan"]: found.values[:, i, 0].tolist() for i, one in enumerate(found.labels)}
        assert columns == {"free": [2, 0, 1], "pro": [0, 0, 1]}

    def test_sqlite_scores(self) -> None:
        rows = ", ".join(
            f"('{BEGIN + i * timedelta(minutes=10):%Y-%m-%d %H:%M:%S}', {i}, {i + 30}, {i + 25})"
            for i in range(12)
        )
        fill(
            "sqlite:///house.db",
            "CREATE TABLE heat_pump "
            "(taken_at TEXT, power REAL, flow_temperature REAL, return_temperature REAL)",
            f"INSERT INTO heat_pump VALUES {rows}",
        )
        found = panel(load("sqlite_scores"), 2)
        assert labels(found, NAME) == [("flow_temperature",), ("power",), ("return_temperature",)]
        assert np.isfinite(found.values).all()

    def test_clickhouse(self) -> None:
        for package in ("chdb", "clickhouse_connect"):
            pytest.importorskip(package, reason="ClickHouse is absent: pip install chdb clickhouse-connect")
        # In a process of its own, since the library takes over signals and does not let go of memory.
        subprocess.run([sys.executable, "-c", CLICKHOUSE, str(EXAMPLES / "clickhouse.yaml")], check=True)

    def test_csv_folder(self) -> None:
        Path("readings").mkdir()
        for day in range(2):
            stamps = pd.date_range(BEGIN + timedelta(days=day), periods=96, freq="15min")
            frame = pd.DataFrame({"timestamp": stamps, "meter": "m1", "kwh": np.arange(96) / 4})
            frame.to_csv(f"readings/{stamps[0]:%Y-%m-%d}.csv", index=False)
        found = panel(load("csv_folder"), 48)
        assert labels(found, NAME, "meter") == [("kwh", "m1")]
        assert np.isfinite(found.values).all()

    def test_parquet_s3(self, s3: str) -> None:
        import s3fs

        options = {"endpoint_url": s3, "client_kwargs": {"region_name": "eu-west-1"}}
        files = s3fs.S3FileSystem(key="c", secret="d", **options)
        if not files.exists("lake"):
            files.mkdir("lake")
        stamps = pd.date_range(BEGIN, periods=24, freq="5min")
        pd.DataFrame({"timestamp": stamps, "rows": np.arange(24.0), "job": "x"}).to_parquet("part.parquet")
        files.put_file("part.parquet", "lake/metrics/throughput/2026/01/part.parquet")
        found = panel(load("parquet_s3", ANOMALIZ__SOURCES__LAKE__OPTIONS=json.dumps(options)), 2)
        assert labels(found, NAME, "job") == [("rows", "x")]
        assert found.values[:, 0, 0].tolist() == list(range(24))


def test_redis_series(redis_port: int) -> None:
    import redis

    client = redis.Redis(port=redis_port)
    for sensor, hall in (("a", 3), ("b", 3), ("c", 4)):
        key = f"example:{sensor}"
        client.delete(key)
        client.ts().create(key, labels={"kind": "temperature", "hall": hall, "sensor": sensor})
        first = int(BEGIN.timestamp() * 1000)
        client.ts().madd([(key, first + i * 30_000, 20 + i) for i in range(20)])
    client.close()
    url = f"redis://127.0.0.1:{redis_port}"
    found = panel(load("redis_series", ANOMALIZ__SOURCES__SENSORS__URL=url), 10 / 60)
    assert labels(found, "sensor") == [("a",), ("b",)]
    assert found.values[:, 0, 0].tolist() == [20.5 + 2 * i for i in range(10)]


@pytest.fixture
def queues_api() -> Iterator[str]:
    def answer(handler: Handler) -> None:
        assert handler.asked.headers["Authorization"] == "Bearer sesame"
        asked: dict[str, Any] = parse_qs(urlsplit(handler.asked.path).query)
        start, end = (datetime.fromisoformat(asked[key][0]) for key in ("from", "to"))
        stamps = [start + i * timedelta(minutes=5) for i in range((end - start) // timedelta(minutes=5))]
        rows = [
            {"time": stamp.isoformat(), "queue": queue, "length": stamp.minute}
            for stamp in stamps
            for queue in ("mail", "print")
        ]
        handler.answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    with serving(answer) as server:
        yield f"{server.url}/queues"


def test_http_api(queues_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUES_URL", queues_api)
    monkeypatch.setenv("QUEUES_TOKEN", "sesame")
    found = panel(load("http_api", ANOMALIZ__SOURCES__QUEUES_API__FOLDER=str(EXAMPLES)), 1)
    assert labels(found, NAME, "queue") == [("length", "mail"), ("length", "print")]
    assert found.values[:, 0, 0].tolist() == [5 * i for i in range(12)]
