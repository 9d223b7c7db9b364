"""`docs/sinks.md` has every key of the settings and every column and metric, and no others."""

import re
from pathlib import Path

import pytest
import yaml
from documented import rows
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from anomaliz.pipelines.exporter import HELP, PipelineExporter
from anomaliz.pipelines.outcome import Report
from anomaliz.sinks.json_lines import JsonLinesSettings
from anomaliz.sinks.remote_write import RemoteWriteSettings
from anomaliz.sinks.score_table import score_table
from anomaliz.sinks.sql import SqlSinkSettings
from anomaliz.transport.connection import HttpSettings

DOCS = (Path(__file__).parents[2] / "docs" / "sinks.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in DOCS.split("\n## ")[1:])
SETTINGS: dict[str, type[BaseModel]] = {
    "Remote write": RemoteWriteSettings,
    "SQL": SqlSinkSettings,
    "JSON lines": JsonLinesSettings,
}
INHERITED = {"Remote write": frozenset(HttpSettings.model_fields) - {"url"}}


@pytest.mark.parametrize("section", SETTINGS)
def test_each_key_is_documented_and_nothing_else(section: str) -> None:
    table = SECTIONS[section].partition("| key |")[2].partition("\n\n")[0]
    model = SETTINGS[section]
    assert table.splitlines()[2:] == rows(model, without=INHERITED.get(section, frozenset()))
    assert f"`type: {model.model_fields['type'].default}`" in SECTIONS[section]


def test_each_column_is_documented() -> None:
    table = SECTIONS["SQL"].partition("| column |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` ", table, re.MULTILINE)
    assert sorted(named) == sorted(column.name for column in score_table("t").columns)


def test_each_metric_is_documented() -> None:
    exporter = PipelineExporter("p_", CollectorRegistry())
    exporter.update(Report("cpu", "score", "ok", "well", ended=1.0, seconds=0.5, data_age=1.0), model="v1")
    shown = {family.name for family in exporter.collect()}
    assert len(shown) > 5
    table = SECTIONS["The exporter"].partition("| metric |")[2].partition("\n\n")[0]
    named = {
        f"p_{name.removesuffix('_total').removesuffix('_info')}"
        for name in re.findall(r"\n\| `(\w+)`", table)
    }
    by_series = {f"p_{name}" for name in named_by_series(table)}
    assert named == shown | by_series


def named_by_series(table: str) -> list[str]:
    return re.findall(r"\n\| `(\w+)` \| the source's", table)


def test_the_examples_can_be_read() -> None:
    sinks, scrape = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL))
    assert {entry["type"] for entry in sinks["sinks"].values()} == {"remote_write", "sql", "json_lines"}
    dropped = scrape["scrape_configs"][0]["metric_relabel_configs"][0]["regex"]
    assert set(dropped.split("|")) == set(HELP)
