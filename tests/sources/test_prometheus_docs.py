"""`docs/prometheus.md` has every key of the settings, with its default and meaning."""

from pathlib import Path

import pytest
from documented import rows

from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.transport.connection import BasicAuth, Tls

DOCS = (Path(__file__).parents[2] / "docs" / "prometheus.md").read_text(encoding="utf-8")
MODELS = (PrometheusSettings, BasicAuth, Tls)


@pytest.mark.parametrize("expected", [row for model in MODELS for row in rows(model)])
def test_each_key_is_documented(expected: str) -> None:
    assert expected in DOCS


def test_nothing_else_is_documented() -> None:
    assert DOCS.count("\n| `") == sum(len(rows(model)) for model in MODELS)
