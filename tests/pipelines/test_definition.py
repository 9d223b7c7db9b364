"""What a pipeline's definition says of itself."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from anomaliz.core.errors import ConfigError
from anomaliz.pipelines.definition import Definitions, Maintenance, Period, Pipeline
from anomaliz.sinks.json_lines import JsonLinesSettings
from anomaliz.sources.prometheus import PrometheusSettings

CPU = {"name": "cpu", "query": "up", "schedule": "*/5 * * * *"}


def pipeline(**given: object) -> Pipeline:
    return Pipeline.model_validate({**CPU, **given})


def refused(**given: object) -> str:
    with pytest.raises(ValidationError) as caught:
        pipeline(**given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 300),
        ({"schedule": "0 3 * * *"}, 86_400),
        ({"step": "1m"}, 60),
        ({"step": "1500ms"}, 1.5),
        ({"schedule": "*/7 8-18 * * 1-5", "step": 30}, 30),
    ],
)
def test_the_step_is_given_or_the_schedules(given: dict[str, object], seconds: float) -> None:
    step = pipeline(**given).step_ns
    assert step.dtype == "timedelta64[ns]"
    assert step / np.timedelta64(1, "s") == seconds


def test_an_uneven_schedule_needs_a_step() -> None:
    assert "needs a step, as in 'step: 5m': '*/7 * * * *' fires at uneven intervals" in refused(
        schedule="*/7 * * * *"
    )


def test_the_cheap_set_is_taken_where_nothing_is_named() -> None:
    assert pipeline().detectors == "series"
    assert pipeline(bundle="artifacts/dev").detectors is None
    assert "takes one of bundle and detectors" in refused(bundle="artifacts/dev", detectors="series")


@pytest.mark.parametrize("given", [{"query": None}, {"queries": {"cpu": "up"}}])
def test_one_of_query_and_queries_is_needed(given: dict[str, object]) -> None:
    assert "needs one of query and queries" in refused(**given)


def test_features_are_the_queries_names() -> None:
    assert pipeline().features == ("value",)
    several = pipeline(query=None, queries={"cpu": "a", "memory": "b"})
    assert several.features == ("cpu", "memory")
    assert several.named_queries == {"cpu": "a", "memory": "b"}
    assert pipeline().named_queries == {"value": "up"}


def test_a_bundle_is_trained_only_where_that_is_asked_for() -> None:
    assert pipeline().trains
    assert not pipeline(bundle="artifacts/dev").trains
    asked = pipeline(bundle="artifacts/dev", train={})
    assert asked.trains
    assert pickle.loads(pickle.dumps(asked)).trains


def test_it_can_be_sent_to_another_process() -> None:
    whole = pipeline(train={"periods": [{"start": "2026-01-01", "end": "2026-01-02"}]})
    assert pickle.loads(pickle.dumps(whole)) == whole


@pytest.mark.parametrize(
    ("template", "name", "expected"),
    [
        ("{series}", "cpu", "anomaly"),
        ("{pipeline}:{series}", "web.eu-1", "web_eu_1:anomaly"),
        ("{pipeline}_{series}", "5xx", "_5xx_anomaly"),
        ("anomaliz_{series}", "cpu", "anomaliz_anomaly"),
    ],
)
def test_written_series_are_named_by_template(template: str, name: str, expected: str) -> None:
    assert pipeline(name=name, score={"names": template}).series_name("anomaly") == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("score", "must hold {series}"),
        ("{series}{feature}", "knows {series} and {pipeline} only, got {feature}"),
        ("{series} x", "must be letters, digits"),
        ("{series}{", "must be letters, digits"),
        ("1{series}", "must be letters, digits"),
    ],
)
def test_a_template_that_names_no_metric_is_refused(template: str, message: str) -> None:
    assert message in refused(score={"names": template})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ".."}, "and not begin with '.' or '-'"),
        ({"name": "a b"}, "pattern"),
        ({"timezone": "Europe/Berln"}, "did you mean 'Europe/Berlin'?"),
        ({"timezone": "../etc/passwd"}, "must be a timezone such as Europe/Berlin"),
        ({"timezone": "Europe"}, "must be a timezone such as Europe/Berlin"),
        ({"jitter": "5m"}, "needs a jitter below the schedule's interval, 5 minutes"),
        ({"step": 0.0001}, "whole milliseconds"),
        ({"step": True}, "a boolean is not a number"),
        ({"data_range": [None, None]}, "must have a lowest or a highest value"),
        ({"data_range": [2, 1]}, "must have the lowest value first, got [2, 1]"),
        ({"score": {"threshold": 0.5, "alert_budget": 100}}, "takes one of threshold and alert_budget"),
        ({"score": {"write": ["scores"]}}, "Input should be 'anomaly_score'"),
        ({"score": {"write": ["anomaly", "anomaly"]}}, "must name each series once"),
        ({"sinks": []}, "at least 1 item"),
        ({"group_by": ["a", "a"]}, "a name stands twice"),
        ({"calendar": {"holidays": ["Bavaria"]}}, "must be a country such as DE or DE-BY, or a date"),
        ({"calendar": {"holidays": ["DE-XX"]}}, "must be a country, ISO 3166, such as DE or DE-BY"),
        ({"calendar": {"hours": ["Mon"]}}, "must be days and hours"),
        ({"calendar": {"maintenance": [{"start": "2026-01-01"}]}}, "needs start and end, or cron and dur"),
        ({"calendar": {"maintenance": [{}]}}, "got nothing"),
        ({"train": {"periods": [{"start": "2026-01-02", "end": "2026-01-01"}]}}, "must end after it starts"),
        ({"train": {"exclude": [{"start": 5, "end": "2026-01-01"}]}}, "must be a time such as 2026-01-05T08"),
    ],
)
def test_what_a_pipeline_cannot_be_is_refused(given: dict[str, object], message: str) -> None:
    assert message in refused(**given)


def test_a_time_without_a_zone_is_in_the_zone_of_its_place() -> None:
    period = Period.model_validate({"start": "2026-07-01T08:00:00", "end": "2026-07-01T08:00:00Z"})
    start, end = period.interval("Europe/Berlin")
    assert (str(start)[:16], str(end)[:16]) == ("2026-07-01T06:00", "2026-07-01T08:00")


def test_a_maintenance_is_once_or_again_and_again() -> None:
    once = Maintenance.model_validate({"start": "2026-01-01", "end": "2026-01-02"})
    assert once.period is not None
    assert Maintenance.model_validate({"cron": "0 2 * * 0", "duration": "2h"}).period is None


SOURCES = {"main": PrometheusSettings(), "other": PrometheusSettings(url="http://other")}
SINKS = {"file": JsonLinesSettings(path=Path("scores.jsonl"))}


class TestSystems:
    def test_default_is_the_first(self) -> None:
        definitions = Definitions((pipeline(),), SOURCES, SINKS)
        assert definitions.source_name(pipeline()) == "main"
        assert definitions.source_of(pipeline(source="other")).url == "http://other"
        assert list(definitions.sinks_of(pipeline())) == ["file"]

    def test_default_is_the_one_called_so(self) -> None:
        sources = {**SOURCES, "default": PrometheusSettings(url="http://default")}
        assert Definitions((), sources, SINKS).source_name(pipeline()) == "default"

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"source": "othr"}, "source of pipeline cpu: there is no 'othr', did you mean 'other'?"),
            ({"sinks": ["default", "x"]}, "sinks of pipeline cpu: there is no 'x', there is file"),
        ],
    )
    def test_a_system_that_is_not_there_is_refused(self, given: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Definitions((pipeline(**given),), SOURCES, SINKS)
        assert str(caught.value) == message

    def test_a_pipeline_is_found_by_name(self) -> None:
        definitions = Definitions((pipeline(),), SOURCES, SINKS)
        assert definitions.pipeline("cpu") == pipeline()
        with pytest.raises(ConfigError, match=r"no pipeline is called 'cpo', did you mean 'cpu'\?"):
            definitions.pipeline("cpo")


@pytest.mark.parametrize(
    "fields",
    [
        {"query": "down"},
        {"source": "other"},
        {"schedule": "*/5 * * * *"},
        {"step": 30},
        {"group_by": ["host"]},
        {"bundle": "artifacts/dev"},
    ],
)
def test_what_reads_or_is_judged_by_something_else_has_another_fingerprint(fields: dict[str, object]) -> None:
    usual = {"name": "cpu", "query": "up", "schedule": "* * * * *"}
    one, other = (Pipeline.model_validate(given) for given in (usual, usual | fields))
    assert one.fingerprint != other.fingerprint


def test_another_schedule_or_policy_changes_no_fingerprint() -> None:
    usual = {"name": "cpu", "query": "up", "schedule": "* * * * *", "step": 60}
    other = {"schedule": "0 * * * *", "direction": "above", "score": {"lateness": 0}, "sinks": ["a"]}
    one, two = (Pipeline.model_validate(given) for given in (usual, usual | other))
    assert one.fingerprint == two.fingerprint
