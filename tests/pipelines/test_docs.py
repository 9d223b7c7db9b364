"""`docs/pipelines.md` has every key of a definition, with its default and meaning."""

import json
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from anomaliz.config.duration import SECONDS_IN
from anomaliz.pipelines.definition import Calendar, Maintenance, Period, Pipeline, Score, Train
from anomaliz.pipelines.loading import load_definitions
from anomaliz.pipelines.systems import SINK_TYPES, SOURCE_TYPES

DOCS = (Path(__file__).parents[2] / "docs" / "pipelines.md").read_text(encoding="utf-8")
MODELS: tuple[type[BaseModel], ...] = (
    Pipeline,
    Train,
    Score,
    Calendar,
    Maintenance,
    Period,
)
ROWS = [line for line in DOCS.splitlines() if line.startswith("| `")]


def rows(model: type[BaseModel]) -> list[str]:
    return [
        f"| `{name}` | {shown(field)} | {field.description} |"
        for name, field in model.model_fields.items()
        if name != "type"
    ]


def shown(field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined or default is None or default == ():
        return ""
    if isinstance(default, float):
        is_duration = any(isinstance(item, BeforeValidator) for item in field.metadata)
        return f"`{duration(default) if is_duration and default else f'{default:g}'}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(default)}]`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def duration(seconds: float) -> str:
    size, unit = max((SECONDS_IN[unit], unit) for unit in "smhd" if not seconds % SECONDS_IN[unit])
    return f"{seconds / size:g}{unit}"


@pytest.mark.parametrize("expected", [row for model in MODELS for row in rows(model)])
def test_each_key_is_documented(expected: str) -> None:
    assert expected in ROWS


def test_nothing_else_is_documented() -> None:
    assert len(ROWS) == sum(len(rows(model)) for model in MODELS)


def test_each_type_of_system_is_documented() -> None:
    for kind in (*SOURCE_TYPES, *SINK_TYPES):
        assert f"`{kind}`" in DOCS


def yaml_blocks() -> list[str]:
    return [part.split("```")[0] for part in DOCS.split("```yaml\n")[1:]]


def test_its_examples_load(tmp_path: Path) -> None:
    whole = [block for block in yaml_blocks() if "pipelines:" in block]
    assert whole
    for block in whole:
        (tmp_path / "pipelines.yaml").write_text(block)
        assert load_definitions([tmp_path / "pipelines.yaml"], {"METRICS_TOKEN": "a"}).pipelines


def test_the_rest_of_its_examples_is_yaml() -> None:
    for block in yaml_blocks():
        assert yaml.safe_load(block)
