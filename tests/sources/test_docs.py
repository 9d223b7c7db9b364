"""docs/sources.md names every setting and default of the sources that it describes."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from anomaliz.sources.python_function import PythonFunctionSettings
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings
from anomaliz.sources.series_query import SeriesQuery
from anomaliz.sources.sql import SqlSettings
from anomaliz.sources.table_files import TableFilesSettings

DOCS = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
SECTIONS = dict(part.split("\n", 1) for part in DOCS.split("\n## ")[1:])
SETTINGS: dict[str, type[BaseModel]] = {
    "Redis TimeSeries": RedisTimeSeriesSettings,
    "SQL": SqlSettings,
    "Files": TableFilesSettings,
    "Python": PythonFunctionSettings,
}


@pytest.mark.parametrize("section", SETTINGS)
def test_every_setting_is_there_with_its_default(section: str) -> None:
    rows = re.findall(r"^\| (`[^|]*) \|([^|]*)\|", SECTIONS[section].partition("| database")[0], re.MULTILINE)
    shown = {
        name: default.strip().strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)
    }
    known = {name: said(field.default) for name, field in SETTINGS[section].model_fields.items()}
    kind = known.pop("type")
    assert shown == known
    assert f"`type: {kind}`" in SECTIONS[section]


def said(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if default is None or default is PydanticUndefined:
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_the_queries_of_redis_can_be_read() -> None:
    block = SECTIONS["Redis TimeSeries"].split("```")[1]
    for query in block.strip().splitlines():
        SeriesQuery.parse(query)
