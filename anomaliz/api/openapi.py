"""The OpenAPI document: made for the bundle in service, so that its examples work when pressed."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from anomaliz.api.body import CSV_TYPES, JSON_TYPES
from anomaliz.api.columns import STAMPS
from anomaliz.api.incidents import GivenEvent, GivenIncident, GivenVerdict
from anomaliz.api.keys import OPEN_PATHS
from anomaliz.api.schemas import Problem, documented_problem
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.stamps import stamps_text
from anomaliz.core.types import Floats

if TYPE_CHECKING:
    from anomaliz.pipelines.definition import Definitions

Document = dict[str, Any]

EXAMPLE_START = np.datetime64("2024-01-01T00:00:00", "ns")
MINUTE = np.timedelta64(60, "s").astype("timedelta64[ns]")
STAMP_SCHEMA = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]}
EXAMPLE_NAME = "example"
"""Of a pipeline that the examples make."""
EVENT = {
    "start": "2024-01-07T03:20:00Z",
    "end": "2024-01-07T03:40:00Z",
    "peak": "2024-01-07T03:30:00Z",
    "score": 0.71,
    "severity": "critical",
    "points": 4,
    "contributions": {"cpu": 0.9, "memory": 0.1},
}
"""An event as /detect answers it."""
INCIDENT = TypeAdapter(GivenVerdict | GivenEvent | GivenIncident).json_schema(
    ref_template="#/components/schemas/{model}"
)
SECURITY_SCHEMES = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def document(
    app: FastAPI, bundle: Bundle | None, definitions: "Definitions | None", *, locked: bool
) -> Document:
    """Return the OpenAPI document, naming the bundle's features; `locked` says that a key is needed.

    Examples of pipelines are of the first of `definitions`.
    """
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    problem = Problem.model_json_schema()
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = problem
    components.update(INCIDENT["$defs"])
    for path, content in _bodies(bundle).items():
        schema["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
    for (method, path), example in _pipeline_examples(definitions).items():
        content = {JSON_TYPES[0]: {"schema": {"type": "object"}, "example": example}}
        schema["paths"][path][method]["requestBody"] = {"required": True, "content": content}
    _name_paths(schema, definitions)
    if locked:
        _lock(schema)
    return schema


def _pipeline_examples(definitions: "Definitions | None") -> dict[tuple[str, str], Document]:
    """Return the body of each route that takes a definition, or times of a pipeline."""
    first = {"name": "cpu", "query": "avg(rate(node_cpu_seconds_total[5m]))", "schedule": "*/5 * * * *"}
    if definitions and definitions.pipelines:
        first = definitions.pipelines[0].model_dump(mode="json", exclude_unset=True)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = {"from": (end - timedelta(hours=1)).isoformat(), "to": end.isoformat()}
    return {
        ("post", "/pipelines"): {**first, "name": EXAMPLE_NAME},
        ("put", "/pipelines/{name}"): {**first, "name": EXAMPLE_NAME},
        ("post", "/pipelines/{name}/backfill"): times,
        ("post", "/execute/train"): {"pipeline": first},
        ("post", "/execute/inference"): {"pipeline": first},
    }


def _name_paths(schema: Document, definitions: "Definitions | None") -> None:
    """Give the parameter `name` of each path an example that can be pressed."""
    known = definitions.pipelines[0].name if definitions and definitions.pipelines else EXAMPLE_NAME
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if path.startswith("/pipelines") and parameter["name"] == "name":
                    # What changes definitions is for those that came over HTTP.
                    parameter["example"] = EXAMPLE_NAME if method in ("put", "delete") else known


def _lock(schema: Document) -> None:
    schema["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, operations in schema["paths"].items():
        if path in OPEN_PATHS:
            continue
        for operation in operations.values():
            operation["security"] = [{name: []} for name in SECURITY_SCHEMES]
            operation["responses"]["401"] = documented_problem(401)


def _bodies(bundle: Bundle | None) -> dict[str, Document]:
    """Return the request body's content of each route that takes one."""
    window, record = _window_schema(bundle), _record_schema(bundle)
    batch = {
        "type": "object",
        "properties": {"windows": {"type": "array", "minItems": 1, "items": window}},
        "required": ["windows"],
        "additionalProperties": False,
    }
    json, text = JSON_TYPES[0], CSV_TYPES[0]
    content: dict[str, Document] = {
        "/analyze": {json: {"schema": window}},
        "/analyze/batch": {json: {"schema": batch}},
        "/detect": {
            json: {
                "schema": {"type": "array", "items": record, "minItems": bundle.window_size if bundle else 1}
            },
            text: {"schema": {"type": "string"}},
        },
        "/explain": {json: {"schema": {"anyOf": INCIDENT["anyOf"]}, "example": EVENT}},
    }
    if bundle:
        records = _records(bundle)
        content["/analyze"][json]["example"] = _columns(bundle)
        content["/analyze/batch"][json]["example"] = {"windows": [_columns(bundle)] * 2}
        content["/detect"][json]["example"] = records
        content["/detect"][text]["example"] = _csv(records)
    return content


def _window_schema(bundle: Bundle | None) -> Document:
    stamps = {"type": "array", "items": STAMP_SCHEMA}
    if bundle is None:
        return {"type": "object", "properties": {STAMPS: stamps}}
    column = {"type": "array", "items": {"type": "number"}, "minItems": bundle.window_size}
    return {
        "type": "object",
        "properties": dict.fromkeys(bundle.features, column) | {STAMPS: stamps},
        "required": list(bundle.features),
        "additionalProperties": False,
    }


def _record_schema(bundle: Bundle | None) -> Document:
    if bundle is None:
        return {"type": "object"}
    value = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    return {
        "type": "object",
        "properties": dict.fromkeys(bundle.features, value) | {"timestamp": STAMP_SCHEMA},
        "additionalProperties": False,
    }


def _columns(bundle: Bundle) -> Document:
    """Return the bundle's canary window as /analyze takes it."""
    return dict(zip(bundle.features, _short(bundle.canary.T), strict=True))


def _records(bundle: Bundle) -> list[Document]:
    """Return the canary window, twice in a row, as /detect takes a series."""
    rows = np.concatenate([bundle.canary, bundle.canary])
    step = MINUTE if bundle.step is None else bundle.step
    stamps = stamps_text(EXAMPLE_START + np.arange(len(rows)) * step)
    return [
        {"timestamp": stamp, **dict(zip(bundle.features, row, strict=True))}
        for stamp, row in zip(stamps, _short(rows), strict=True)
    ]


def _csv(records: list[Document]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _short(values: Floats) -> list[list[float]]:
    """Return rows of numbers with six digits: enough to judge by, and easier on the eye."""
    return [[float(f"{value:.6g}") for value in row] for row in values]
