"""Definitions from files, with their defaults, systems and secrets."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from anomaliz.core.errors import ConfigError
from anomaliz.pipelines.definition import Definitions
from anomaliz.pipelines.loading import load_definitions, read_pipeline
from anomaliz.sinks.json_lines import JsonLinesSettings
from anomaliz.sinks.remote_write import RemoteWriteSettings
from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings
from anomaliz.sources.sql import SqlSettings

MINIMAL = """\
pipelines:
  - name: cpu_anomaly
    query: 'avg(rate(node_cpu_seconds_total{mode="idle"}[5m])) by (instance)'
    context_window: 1h
    prediction_horizon: 5m
    schedule: "*/5 * * * *"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("pipelines.yaml")


def load(file: Path, text: str, environ: Mapping[str, str] | None = None) -> Definitions:
    file.write_text(text)
    return load_definitions([file], environ or {})


def refused(file: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, text, environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestWithoutSystems:
    def test_the_smallest_file_is_valid_as_it_stands(self, file: Path) -> None:
        definitions = load(file, MINIMAL)
        (pipeline,) = definitions.pipelines
        assert (pipeline.name, pipeline.detectors) == ("cpu_anomaly", "series")
        assert (pipeline.step_ns.astype(int), pipeline.context_window) == (300 * 10**9, 3600)
        assert (pipeline.prediction_horizon, pipeline.train.window) == (300, 7 * 86_400)
        assert definitions.sources == {"prometheus": PrometheusSettings()}
        assert definitions.sinks_of(pipeline) == {
            "remote_write": RemoteWriteSettings(url="http://localhost:9090")
        }
        assert definitions.places == {"cpu_anomaly": "pipelines.yaml line 2"}

    def test_the_sink_follows_the_source(self, file: Path) -> None:
        found = load(file, MINIMAL, {"ANOMALIZ__SOURCES__PROMETHEUS__URL": "http://metrics:9"})
        assert found.sources["prometheus"] == PrometheusSettings(url="http://metrics:9")
        assert found.sinks["remote_write"] == RemoteWriteSettings(url="http://metrics:9/api/v1/write")

    def test_the_sink_may_be_elsewhere(self, file: Path) -> None:
        environ = {
            "ANOMALIZ__SOURCES__PROMETHEUS__URL": "http://metrics:9",
            "ANOMALIZ__SINKS__REMOTE_WRITE__URL": "http://scores:9",
        }
        found = load(file, MINIMAL, environ)
        assert found.sinks == {"remote_write": RemoteWriteSettings(url="http://scores:9/api/v1/write")}

    def test_the_sink_is_asked_as_the_source_is(self, file: Path) -> None:
        source = "sources: {main: {type: prometheus, url: 'http://vm', tenant: a, bearer_token: '${T}'}}\n"
        found = load(file, MINIMAL + source, {"T": "sesame"})
        assert found.sinks == {
            "remote_write": RemoteWriteSettings(url="http://vm", tenant="a", bearer_token=SecretStr("sesame"))
        }


class TestDefaults:
    def test_they_are_laid_under_each_pipeline(self, file: Path) -> None:
        text = """\
defaults:
  schedule: "* * * * *"
  sinks: [a, b]
  score: {timeout: 10s, delay: 5s}
  train: {window: 1d}
pipelines:
  - {name: one, query: x, score: {timeout: 20s}, sinks: [b]}
  - {name: two, query: y, step: 5m}
sinks:
  a: {type: json_lines, path: a}
  b: {type: json_lines, path: b}
"""
        one, two = load(file, text).pipelines
        assert (one.score.timeout, one.score.delay, one.sinks) == (20, 5, ("b",))
        assert (two.score.timeout, two.score.delay, two.sinks, two.step) == (10, 5, ("a", "b"), 300)
        assert one.train.window == two.train.window == 86_400

    def test_what_is_wrong_in_them_is_said_with_their_line(self, file: Path) -> None:
        text = MINIMAL + "defaults:\n  score:\n    threshold: 7\n"
        assert refused(file, text) == (
            "pipelines.yaml line 9: score.threshold of pipeline cpu_anomaly "
            "must be less than or equal to 1, got 7"
        )

    def test_they_have_no_name(self, file: Path) -> None:
        text = MINIMAL + "defaults: {name: x}\n"
        assert refused(file, text).startswith("pipelines.yaml line 7: defaults have no name")


class TestSeveralFiles:
    @pytest.fixture
    def folder(self, file: Path) -> Path:
        folder = file.parent / "conf.d"
        folder.mkdir()
        (folder / "b.yml").write_text(MINIMAL)
        (folder / "a.yaml").write_text(MINIMAL.replace("cpu_anomaly", "other"))
        (folder / "c.yaml").write_text("sources: {main: {type: prometheus, url: 'http://main'}}\n")
        (folder / "d.yaml").write_text("defaults: {timezone: Asia/Kolkata, score: {delay: 1s}}\n")
        (folder / ".hidden.yaml").write_text("nonsense")
        (folder / "notes.txt").write_text("nonsense")
        return folder

    def test_a_folder_is_one_whole(self, folder: Path) -> None:
        found = load_definitions([folder], {})
        assert [pipeline.name for pipeline in found.pipelines] == ["other", "cpu_anomaly"]
        assert found.places["cpu_anomaly"] == "conf.d/b.yml line 2"
        assert found.source_name(found.pipelines[0]) == "main"

    def test_a_file_of_defaults_alone_is_for_all(self, folder: Path) -> None:
        (folder / "a.yaml").write_text(
            MINIMAL.replace("cpu_anomaly", "other") + "defaults: {score: {delay: 2s}, warm_up: 1h}\n"
        )
        other, cpu = load_definitions([folder], {}).pipelines
        assert (other.timezone, other.score.delay, other.warm_up) == ("Asia/Kolkata", 2, 3600)
        assert (cpu.timezone, cpu.score.delay, cpu.warm_up) == ("Asia/Kolkata", 1, 0)

    def test_a_file_that_is_named_twice_is_read_once(self, folder: Path) -> None:
        found = load_definitions([folder, folder / "b.yml", folder], {})
        assert len(found.pipelines) == 2

    def test_one_name_in_two_places_is_refused(self, folder: Path) -> None:
        (folder / "z.yaml").write_text("\n" + MINIMAL)
        with pytest.raises(ConfigError) as caught:
            load_definitions([folder], {})
        assert str(caught.value) == (
            "pipeline cpu_anomaly is defined in conf.d/b.yml line 2 and in conf.d/z.yaml line 3: rename one"
        )

    def test_one_source_in_two_places_is_refused(self, folder: Path) -> None:
        (folder / "z.yaml").write_text("sources:\n  main: {type: prometheus, url: 'http://z'}\n")
        with pytest.raises(ConfigError) as caught:
            load_definitions([folder], {})
        assert str(caught.value) == (
            "source main is defined in conf.d/c.yaml line 1 and in conf.d/z.yaml line 2: rename one"
        )

    def test_a_folder_without_files_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"holds no \.yaml or \.yml file"):
            load_definitions([tmp_path], {})

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="does not exist: give the path of a YAML file of pipelines"):
            load_definitions([tmp_path / "none.yaml"], {})


SYSTEMS = """\
sources:
  shop:
    type: sql
    url: postgresql+psycopg://reader:${SHOP_PASSWORD}@db/shop
  sensors:
    type: redis_timeseries
    url: redis://:${file:redis-password}@sensors
  metrics:
    type: prometheus
    url: http://${HOST}:9090
    bearer_token: ${TOKEN}
    headers: {X-Organisation: "7", X-Api-Key: "key-${TOKEN}"}
sinks:
  file: {type: json_lines, path: "$${scores}.jsonl"}
"""


class TestReferences:
    environ = {"SHOP_PASSWORD": "a", "TOKEN": "b", "HOST": "vm"}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def password(self, file: Path) -> None:
        (file.parent / "redis-password").write_text("sesame\n")

    def test_they_are_followed(self, file: Path) -> None:
        found = load(file, SYSTEMS, self.environ)
        shop, sensors, metrics = found.sources.values()
        assert isinstance(shop, SqlSettings)
        assert shop.url.get_secret_value() == "postgresql+psycopg://reader:a@db/shop"
        assert isinstance(sensors, RedisTimeSeriesSettings)
        assert sensors.url.get_secret_value() == "redis://:sesame@sensors"
        assert isinstance(metrics, PrometheusSettings)
        assert (metrics.url, metrics.bearer_token) == ("http://vm:9090", SecretStr("b"))
        assert metrics.headers == {"X-Organisation": SecretStr("7"), "X-Api-Key": SecretStr("key-b")}
        assert found.sinks == {"file": JsonLinesSettings(path=Path("${scores}.jsonl"))}

    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            ("${TOKN}", "the variable TOKN is not set, did you mean 'TOKEN'?: set it"),
            ("${TOKEN:-x}", "${TOKEN:-x} is no reference: give ${NAME} or ${file:/run/secrets/name}"),
            ("${}", "${} is no reference"),
            ("${TOKEN", "${TOKEN is no reference"),
            ("${file:none}", "the file none cannot be read (No such file or directory): check the path"),
        ],
    )
    def test_one_that_leads_nowhere_is_refused(self, file: Path, reference: str, message: str) -> None:
        text = SYSTEMS.replace('"key-${TOKEN}"', f'"{reference}${{TOKEN}}"')
        said = refused(file, text, self.environ)
        assert said.startswith("pipelines.yaml line 12: headers.X-Api-Key of source metrics: ")
        assert message in said

    @pytest.mark.parametrize(
        ("line", "place"),
        [
            ("bearer_token: sesame", "bearer_token of source main is a secret"),
            ("bearer_token: 12345", "bearer_token of source main is a secret"),
            ("basic_auth: {username: a, password: sesame}", "basic_auth.password of source main is a secret"),
            ("headers: {Authorization: sesame}", "headers.Authorization of source main is a secret"),
        ],
    )
    def test_a_secret_that_stands_in_the_file_is_refused(self, file: Path, line: str, place: str) -> None:
        said = refused(file, f"sources:\n  main:\n    type: prometheus\n    {line}\n")
        assert said == f"pipelines.yaml line 4: {place}: give ${{NAME}} or ${{file:/run/secrets/name}}"

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://reader:sesame@db/shop",
            "duckdb:///md:shop?motherduck_token=sesame",
            "sqlite+libsql://shop.turso.io/?authToken=sesame&secure=true",
        ],
    )
    def test_a_password_in_a_url_is_refused(self, file: Path, url: str) -> None:
        said = refused(file, f"sources:\n  main:\n    type: sql\n    url: {url}\n")
        assert said.startswith("pipelines.yaml line 4: url of source main holds a password: give ${NAME}")
        assert "sesame" not in said

    @pytest.mark.parametrize("url", ["sqlite:///shop.db", "postgresql://reader@db/shop", "duckdb:///md:a"])
    def test_a_url_without_a_password_may_stand_there(self, file: Path, url: str) -> None:
        found = load(file, f"sources: {{main: {{type: sql, url: '{url}'}}}}").sources["main"]
        assert isinstance(found, SqlSettings)
        assert found.url.get_secret_value() == url

    def test_a_secret_is_in_no_refusal(self, file: Path) -> None:
        text = "sources:\n  main: {type: prometheus, url: 'http://x', bearer_token: '${T}', tenat: a}\n"
        assert refused(file, text, {"T": "sesame"}) == (
            "pipelines.yaml line 2: 'tenat' is no key of a source of type prometheus: did you mean tenant?"
        )
        text = "sources:\n  main: {type: prometheus, url: 'http://x', bearer_token: '${T}'}\n"
        said = refused(file, text, {"T": ""})
        assert said.startswith("pipelines.yaml line 2: bearer_token of source main must have at least 1")
        assert said.endswith("got **********")
        said = refused(file, "sources: {main: {type: prometheus, url: 'http://reader:sesame@x'}}")
        assert said.endswith("give them as basic_auth, got 'http://reader:**********@x'")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schedule", "shedule", "line 6: 'shedule' is no key of a pipeline: did you mean schedule?"),
        ("1h", "1x", "line 4: context_window of pipeline cpu_anomaly must be a duration such as 30s, 5m or "),
        ("1h", "yes", "line 4: context_window of pipeline cpu_anomaly: a boolean is not a number, got true"),
        ("1h", "", "line 4: context_window of pipeline cpu_anomaly must be greater than 0, got 0"),
        ("    schedule", "    step: 1m\n    step: 2m\n    schedule", "is not YAML at line 7: step is given "),
        ('"*/5 * * * *"', "*/5 * * * *", "is not YAML at line 6: expected alphabetic or numeric character, "),
        ('"*/5 * * * *"', "* 5 *", "is not YAML at line 6"),
        ("*/5 *", "*/5", "line 6: schedule of pipeline cpu_anomaly must be a cron line of 5 fields, got 4"),
        ("cpu_anomaly", "5", "line 2: name of pipeline 5 must be a text: quote it"),
        ("cpu_anomaly", "../x", "line 2: name of pipeline '../x' must be up to 100 letters"),
        ("name: cpu_anomaly", "step: 1m", "line 2: the pipeline has no name: give it one"),
        (
            "    query",
            "    score: {treshold: 1}\n    query",
            "line 3: 'treshold' is no key of score of a pipe",
        ),
        (
            "    query",
            "    source: main\n    query",
            "line 3: source of pipeline cpu_anomaly: there is no 'm",
        ),
        ("    query", "    sinks:\n      - x\n    query", "line 3: sinks of pipeline cpu_anomaly: there is "),
        (
            "    query",
            "    queries: {a: x}\n    query",
            "line 2: pipeline cpu_anomaly needs one of query and",
        ),
        (
            "    query",
            "    group_by: host\n    query",
            "line 3: group_by of pipeline cpu_anomaly must be a l",
        ),
        (
            "    query",
            "    bundle: models:/a\n    query",
            "line 3: bundle of pipeline cpu_anomaly: models:/a",
        ),
        (
            "    query",
            "    calendar:\n      maintenance:\n      - cron: 0 2 * * 0\n        duration: 1y\n    query",
            "line 6: calendar.maintenance[0].duration of pipeline cpu_anomaly must be a duration",
        ),
        ("    schedule", "    # schedule", "line 2: pipeline cpu_anomaly has no schedule: give it (when it "),
        ("pipelines:", "pipelnes:", "line 1: 'pipelnes' is no key of a file of pipelines: did you mean pip"),
        ("  - name", "    name", "line 1: pipelines must be a list"),
        ("pipelines:", "sources: {a: {type: sqlite}}\npipelines:", "'sqlite' is no type of a source: did yo"),
        ("pipelines:", "sources: {a: {}}\npipelines:", "line 1: source a has no type: give one of prometheu"),
        ("pipelines:", "sources: {a: b}\npipelines:", "line 1: source a must be a mapping with a type"),
        ("pipelines:", "sources: {1: {type: sql}}\npipelines:", "line 1: name of source 1 must be a text"),
        ("pipelines:", "sinks: [a]\npipelines:", "line 1: sinks must be a mapping"),
        ("pipelines:", "defaults: {step: 0}\npipelines:", "line 1: step of pipeline cpu_anomaly must be gre"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, old: str, new: str, message: str) -> None:
    text = MINIMAL.replace(old, new, 1) if new else MINIMAL.replace(old, "0", 1)
    said = refused(file, text)
    assert said.startswith("pipelines.yaml ")
    assert message in said


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text"])
def test_a_file_that_is_no_mapping_is_refused(file: Path, text: str) -> None:
    assert "is not a mapping of definitions: write 'pipelines:'" in refused(file, text)


def test_what_contains_itself_is_refused(file: Path) -> None:
    said = refused(file, MINIMAL + "    queries: &a {b: *a}\n")
    assert said == "pipelines.yaml has a value that contains itself: remove the alias"


def test_a_merge_key_is_one_more_default(file: Path) -> None:
    text = """\
defaults:
  train: &week
    window: 7d
    timeout: 1y
pipelines:
  - {name: a, query: x, schedule: "* * * * *", train: {<<: *week, window: 1d}}
"""
    said = refused(file, text)
    assert said.startswith("pipelines.yaml line 4: train.timeout of pipeline a must be a duration")
    (pipeline,) = load(file, text.replace("1y", "10s")).pipelines
    assert (pipeline.train.window, pipeline.train.timeout) == (86_400, 10)


class TestRequests:
    """Definitions that come over HTTP."""

    @pytest.fixture
    def systems(self, file: Path) -> Definitions:
        return load(file, "sources: {main: {type: prometheus}}")

    def test_one_is_read(self, systems: Definitions) -> None:
        given = {"name": "a", "query": "up", "schedule": "* * * * *", "source": "main", "step": "1m"}
        assert read_pipeline(given, systems).step == 60

    def test_references_in_it_mean_nothing(self, systems: Definitions) -> None:
        given = {"name": "a", "query": "${HOME}", "schedule": "* * * * *"}
        assert read_pipeline(given, systems).query == "${HOME}"

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ([], "a pipeline must be a mapping with a name"),
            ({}, "pipeline without a name has no name: give it"),
            ({"name": "a", "query": "x", "shedule": "x"}, "'shedule' is no key of a pipeline: did you mean"),
            ({"name": "a", "query": 5, "schedule": "* * * * *"}, "query of pipeline a must be a text, got 5"),
            (
                {"name": "a", "query": "x", "schedule": "* * * * *", "source": "min"},
                "source of pipeline a: there is no 'min', did you mean 'main'?",
            ),
        ],
    )
    def test_what_is_wrong_is_a_sentence(self, systems: Definitions, given: object, message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            read_pipeline(given, systems)
        assert str(caught.value).startswith(message)
