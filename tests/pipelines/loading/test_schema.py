"""The JSON Schema that editors check files by."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from anomaliz.pipelines.loading import json_schema

MINIMAL = """\
pipelines:
  - name: cpu_anomaly
    query: 'avg(rate(node_cpu_seconds_total{mode="idle"}[5m])) by (instance)'
    context_window: 1h
    prediction_horizon: 5m
    schedule: "*/5 * * * *"
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL,
        MINIMAL + "    data_range: [0, null]\n    step: 60\n    cooldown: 1h30m\n",
        MINIMAL + "    calendar: {maintenance: [{cron: 0 2 * * 0, duration: 2h}], holidays: [DE]}\n",
        MINIMAL + "defaults: {train: {window: 1d}, sinks: [a]}\n",
        MINIMAL + "sources: {a: {type: sql, url: 'sqlite:///a'}, b: {type: prometheus, timeout: 5s}}\n",
        "sinks: {a: {type: json_lines, path: a}}\npipelines:\n",
    ],
)
def test_what_loads_is_valid(validator: Any, text: str) -> None:
    assert not list(validator.iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace("schedule", "shedule"),
        MINIMAL + "    step: 1x\n",
        MINIMAL + "    step: 0\n",
        MINIMAL + "    direction: up\n",
        MINIMAL + "    score: {treshold: 0.5}\n",
        MINIMAL + "defaults: {name: a}\n",
        MINIMAL + "sources: {a: {type: sqlite}}\n",
        MINIMAL + "sources: {a: {url: 'http://a'}}\n",
        MINIMAL + "sources: {a: {type: redis_timeseries, tenant: a}}\n",
        MINIMAL + "other: 1\n",
    ],
)
def test_what_does_not_load_is_not(validator: Any, text: str) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text)))


def test_every_key_says_what_it_means() -> None:
    for name, model in json_schema()["$defs"].items():
        for key, field in model["properties"].items():
            # A section says it itself.
            said = "description" in field or "$ref" in field
            assert said or key == "type", f"{name}.{key}"
