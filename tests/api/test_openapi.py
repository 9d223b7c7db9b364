from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
OPERATIONS = [
    ("GET", "/health"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/bundle"),
    ("GET", "/metrics"),
    ("POST", "/analyze"),
    ("POST", "/analyze/batch"),
    ("POST", "/detect"),
    ("POST", "/explain"),
    ("GET", "/explanations/{id}"),
    ("POST", "/reload"),
    ("GET", "/pipelines"),
    ("POST", "/pipelines"),
    ("GET", "/pipelines/{name}"),
    ("PUT", "/pipelines/{name}"),
    ("DELETE", "/pipelines/{name}"),
    ("POST", "/pipelines/{name}/score"),
    ("POST", "/pipelines/{name}/train"),
    ("POST", "/pipelines/{name}/backfill"),
    ("GET", "/pipelines/{name}/jobs"),
    ("GET", "/jobs/{id}"),
    ("POST", "/execute/train"),
    ("POST", "/execute/inference"),
]

Document = dict[str, Any]


@pytest.fixture
def document(client: TestClient) -> Document:
    found: Document = client.get("/openapi.json").json()
    return found


def test_every_route_is_documented(document: Document) -> None:
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert documented == set(OPERATIONS)


def test_the_examples_work_when_pressed(client: TestClient, document: Document) -> None:
    pressed = 0
    for path in ("/analyze", "/analyze/batch", "/detect", "/explain"):
        for media_type, content in document["paths"][path]["post"]["requestBody"]["content"].items():
            example = content["example"]
            body = {"content": example} if isinstance(example, str) else {"json": example}
            response = client.post(path, headers={"Content-Type": media_type}, **body)
            assert response.status_code == 200, response.text
            pressed += 1
    assert pressed == 5


def test_the_example_is_a_normal_window(client: TestClient, document: Document) -> None:
    content = document["paths"]["/analyze"]["post"]["requestBody"]["content"]
    answer = client.post("/analyze", json=content["application/json"]["example"]).json()
    assert answer["anomaly"] is False


def test_the_document_names_the_bundles_features(document: Document) -> None:
    schema = document["paths"]["/analyze"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["cpu", "memory", "latency"]
    assert schema["properties"]["cpu"]["minItems"] == 10


def test_there_is_a_document_without_a_bundle(start_client: Any, tmp_path: Any) -> None:
    content = start_client(tmp_path / "nothing").get("/openapi.json").json()["paths"]["/analyze"]["post"]
    assert "example" not in content["requestBody"]["content"]["application/json"]


def test_the_document_follows_the_bundle(start_client: Any, served_dir: Any, tmp_path: Any) -> None:
    client = start_client(tmp_path / "later")
    before = client.get("/openapi.json").json()
    served_dir.rename(tmp_path / "later")
    client.post("/reload")
    assert client.get("/openapi.json").json() != before


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_get_documented_answers(client: TestClient, method: str, path: str) -> None:
    operation = schemathesis.openapi.from_asgi("/openapi.json", client.app)[path][method]

    @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
