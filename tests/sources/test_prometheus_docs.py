"""`docs/prometheus.md` has every key of the settings, with its default and meaning."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from anomaliz.sinks.json_lines import JsonLinesSettings
from anomaliz.sinks.remote_write import RemoteWriteSettings
from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.transport.connection import BasicAuth, HttpSettings, Tls

DOCS = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text(encoding="utf-8")
MODELS = (PrometheusSettings, RemoteWriteSettings, JsonLinesSettings, BasicAuth, Tls)


def rows(model: type[BaseModel]) -> list[str]:
    inherited = set(HttpSettings.model_fields) - {"url"} if model is RemoteWriteSettings else set()
    return [row(name, model) for name in model.model_fields if name not in {"type"} | inherited]


def row(name: str, model: type[BaseModel]) -> str:
    field = model.model_fields[name]
    default = field.default
    if default is PydanticUndefined or default is None:
        shown = ""
    elif isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    else:
        shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    return f"| `{name}` | {shown} | {field.description} |"


@pytest.mark.parametrize("expected", [row for model in MODELS for row in rows(model)])
def test_each_key_is_documented(expected: str) -> None:
    assert expected in DOCS


def test_nothing_else_is_documented() -> None:
    assert DOCS.count("\n| `") == sum(len(rows(model)) for model in MODELS)
