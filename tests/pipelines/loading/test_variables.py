"""Variables that override definitions."""

from pathlib import Path

import pytest

from anomaliz.config.environment import read_variables
from anomaliz.core.errors import ConfigError
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.loading import load_definitions
from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings

TEXT = """\
pipelines:
  - name: cpu.web-1
    queries: {CPU: cpu, memory: memory}
    schedule: "*/5 * * * *"
    max_data_age: 10m
  - {name: other, query: x, schedule: "* * * * *"}
sources:
  main: {type: prometheus, url: "http://main", headers: {X-Scope: "a"}}
"""
PREFIX = "ANOMALIZ__PIPELINE__CPU_WEB_1__"


def load(tmp_path: Path, text: str = TEXT, **variables: str) -> Definitions:
    (tmp_path / "p.yaml").write_text(text)
    return load_definitions([tmp_path / "p.yaml"], variables)


def cpu(tmp_path: Path, key: str, text: str) -> Pipeline:
    return load(tmp_path, **{f"{PREFIX}{key}": text}).pipelines[0]


def refused(tmp_path: Path, text: str = TEXT, **variables: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **variables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("STEP", "1m30s", "step", 90),
        ("STEP", "90", "step", 90),
        ("SCHEDULE", "0 3 * * *", "schedule", "0 3 * * *"),
        ("CONSECUTIVE", "3", "consecutive", 3),
        ("MIN_DEVIATION", "0.5", "min_deviation", 0.5),
        ("ALERT_ON_NO_DATA", "true", "alert_on_no_data", True),
        ("ALERT_ON_NO_DATA", "0", "alert_on_no_data", False),
        ("DATA_RANGE", "0, 100", "data_range", (0, 100)),
        ("DATA_RANGE", "[0, null]", "data_range", (0, None)),
        ("GROUP_BY", "host, region", "group_by", ("host", "region")),
        ("GROUP_BY", '["host"]', "group_by", ("host",)),
        ("GROUP_BY", "", "group_by", ()),
        ("MAX_DATA_AGE", "", "max_data_age", None),
        ("MAX_DATA_AGE", "null", "max_data_age", None),
        ("BUNDLE", "", "bundle", None),
        ("QUERIES", '{"disk": "d"}', "queries", {"disk": "d"}),
        ("QUERIES__CPU", "c", "queries", {"CPU": "c", "memory": "memory"}),
        ("QUERIES__DISK", "d", "queries", {"CPU": "cpu", "memory": "memory", "disk": "d"}),
        ("SINKS", "remote_write", "sinks", ("remote_write",)),
    ],
)
def test_its_text_is_read_as_the_fields_type(
    tmp_path: Path, key: str, text: str, field: str, value: object
) -> None:
    assert getattr(cpu(tmp_path, key, text), field) == value


def test_a_key_of_a_section_is_set_by_itself(tmp_path: Path) -> None:
    pipeline = cpu(tmp_path, "TRAIN__WINDOW", "14d")
    assert (pipeline.train.window, pipeline.train.schedule) == (14 * 86_400, "0 3 * * *")
    pipeline = cpu(tmp_path, "SCORE__WRITE", "anomaly_score,anomaly")
    assert pipeline.score.write == ("anomaly_score", "anomaly")
    pipeline = cpu(tmp_path, "CALENDAR", '{"hours": ["08:00-18:00"]}')
    assert pipeline.calendar.hours == ("08:00-18:00",)


def test_it_is_for_one_pipeline_alone(tmp_path: Path) -> None:
    one, other = load(tmp_path, **{f"{PREFIX}STEP": "1m"}).pipelines
    assert (one.step, other.step) == (60, None)


def test_systems_are_overridden(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        ANOMALIZ__SOURCES__MAIN__URL="http://elsewhere",
        ANOMALIZ__SOURCES__MAIN__BASIC_AUTH='{"username": "a", "password": "b"}',
        ANOMALIZ__SOURCES__MAIN__TLS__INSECURE_SKIP_VERIFY="true",
        ANOMALIZ__SINKS__REMOTE_WRITE__BATCH_SAMPLES="10",
        ANOMALIZ__SINKS__REMOTE_WRITE__TLS__INSECURE_SKIP_VERIFY="false",
    )
    main = found.sources["main"]
    assert isinstance(main, PrometheusSettings)
    assert main.basic_auth is not None
    assert main.basic_auth.password is not None
    assert (main.url, main.basic_auth.password.get_secret_value()) == ("http://elsewhere", "b")
    assert main.tls.insecure_skip_verify
    sink = found.sinks["remote_write"]
    assert sink.type == "remote_write"
    assert (sink.url, sink.batch_samples) == ("http://elsewhere/api/v1/write", 10)
    assert sink.basic_auth == main.basic_auth
    assert not sink.tls.insecure_skip_verify


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        (
            "PIPELINE__CPU_WEB_2__STEP",
            "1",
            " names no pipeline: did you mean ANOMALIZ__PIPELINE__CPU_WEB_1__",
        ),
        ("PIPELINE__XYZZY__STEP", "1", " names no pipeline: there is ANOMALIZ__PIPELINE__CPU_WEB_1__..., A"),
        (
            "PIPELINE__OTHER",
            "1",
            " names no key of a pipeline: add a key, as in ANOMALIZ__PIPELINE__OTHER__ST",
        ),
        ("PIPELINE__OTHER__", "1", " names no key of a pipeline"),
        ("PIPELINE__OTHER__STPE", "1", ": 'stpe' is no key of a pipeline: did you mean step?"),
        ("PIPELINE__OTHER__TRAIN__WINDW", "1", ": 'windw' is no key of train of a pipeline: did you mean wi"),
        (
            "PIPELINE__OTHER__STEP",
            "x",
            ": step of pipeline other must be a duration such as 30s, 5m or 1h30m",
        ),
        ("PIPELINE__OTHER__STEP__X", "1", ": step of pipeline other must be a valid number"),
        ("PIPELINE__OTHER__TRAIN", "x", " is not JSON: give JSON, or one value by ANOMALIZ__PIPELINE__OTHER"),
        ("PIPELINE__OTHER__QUERIES", "{", " is not JSON: give JSON"),
        ("PIPELINE__OTHER__NAME", "x", " cannot be set: a variable does not change name"),
        ("PIPELINE__OTHER__CONSECUTIVE", "two", ": consecutive of pipeline other must be a valid integer"),
        ("PIPELINE__OTHER__TRAIN", '{"window": "0s"}', ": train.window of pipeline other must be greater "),
        ("SOURCES__MIAN__URL", "http://x", " names no source: did you mean ANOMALIZ__SOURCES__MAIN__URL?"),
        ("SOURCES__PROMETHEUS__URL", "http://x", " names no source: there is ANOMALIZ__SOURCES__MAIN__..."),
        ("SOURCES__MAIN__URL", "x", ": url of source main must begin with http:// or https://"),
        ("SOURCES__MAIN__TYPE", "sql", " cannot be set: a variable does not change type"),
        ("SINKS__FILE__PATH", "x", " names no sink: there is ANOMALIZ__SINKS__REMOTE_WRITE__..."),
    ],
)
def test_what_cannot_be_set_is_refused(tmp_path: Path, variable: str, text: str, message: str) -> None:
    assert refused(tmp_path, **{f"ANOMALIZ__{variable}": text}).startswith(f"ANOMALIZ__{variable}{message}")


def test_a_variable_for_two_pipelines_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("name: other", "name: cpu-web.1")
    load(tmp_path, text)
    assert refused(tmp_path, text, **{f"{PREFIX}STEP": "1m"}) == (
        f"{PREFIX}STEP is for both cpu.web-1 and cpu-web.1: rename one of them"
    )


def test_the_longer_name_is_meant(tmp_path: Path) -> None:
    text = TEXT.replace("name: other", "name: cpu.web-1__x")
    one, other = load(tmp_path, text, **{f"{PREFIX}X__STEP": "1m"}).pipelines
    assert (one.step, other.step) == (None, 60)


def test_the_env_file_of_the_working_directory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(TEXT + "  b: {type: sql, url: 'mysql://a:${PASSWORD}@b/c'}\n")
    (tmp_path / ".env").write_text(
        "ANOMALIZ__PIPELINE__OTHER__STEP=2m\nANOMALIZ__PIPELINE__OTHER__WARM_UP=1h\nPASSWORD=x\n"
    )
    monkeypatch.setenv("ANOMALIZ__PIPELINE__OTHER__STEP", "3m")
    other = load_definitions([Path("p.yaml")]).pipelines[1]
    assert (other.step, other.warm_up) == (180, 3600)


def test_its_text_stands_for_a_reference_that_leads_nowhere(tmp_path: Path) -> None:
    text = TEXT + "  b: {type: redis_timeseries, url: '${NOWHERE}'}\n"
    source = load(tmp_path, text, ANOMALIZ__SOURCES__B__URL="redis://:${x}@b").sources["b"]
    assert isinstance(source, RedisTimeSeriesSettings)
    assert source.url.get_secret_value() == "redis://:${x}@b"


@pytest.mark.parametrize("prefix", ["PIPELINE", "SOURCES", "SINKS"])
def test_settings_pass_over_them(prefix: str) -> None:
    assert not read_variables({f"ANOMALIZ__{prefix}__MAIN__URL": "x"}, origin="environment")
