"""The JSON Schema of files of definitions, for editors."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from anomaliz.config.settings import Name
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.systems import SINK_TYPES, SOURCE_TYPES, SinkSettings, SourceSettings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFAULTS = "Defaults"


class File(BaseModel):
    """Pipelines of Anomaliz, and the systems that they read and write."""

    model_config = ConfigDict(extra="forbid", title="Anomaliz pipelines")

    pipelines: tuple[Pipeline, ...] | None = Field(None, description="What is scored, and when.")
    sources: dict[Name, SourceSettings] | None = Field(
        None, description="Systems that are read, by name; without it, Prometheus at http://localhost:9090."
    )
    sinks: dict[Name, SinkSettings] | None = Field(
        None, description="Systems that scores are written to, by name; without it, the same Prometheus."
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema, draft 2020-12, of a file of definitions."""
    schema = File.model_json_schema()
    for model in (*SOURCE_TYPES.values(), *SINK_TYPES.values()):
        system = schema["$defs"][model.__name__]
        system["required"] = ["type", *system.get("required", ())]
    pipeline = schema["$defs"]["Pipeline"]
    defaults = {name: field for name, field in pipeline["properties"].items() if name != "name"}
    # All else may stand in the defaults.
    pipeline["required"] = ["name"]
    schema["$defs"][DEFAULTS] = {**pipeline, "title": DEFAULTS, "properties": defaults, "required": []}
    schema["properties"]["defaults"] = {
        "anyOf": [{"$ref": f"#/$defs/{DEFAULTS}"}, {"type": "null"}],
        "default": None,
        "description": "What each pipeline has that does not say otherwise.",
    }
    return {"$schema": DIALECT, **schema}
