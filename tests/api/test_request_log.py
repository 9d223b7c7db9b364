import logging

import pytest
from starlette.testclient import TestClient

LOGGER = "anomaliz.api.request_log"


def test_a_sane_request_id_comes_back(client: TestClient) -> None:
    for request_id in ("abc-123", "A" * 64, "a:b.c_d"):
        response = client.get("/livez", headers={"X-Request-ID": request_id})
        assert response.headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "A" * 65, "a b", "a\tb", "<script>", '{"a":1}', "ü".encode()])
def test_another_one_is_replaced(client: TestClient, request_id: str) -> None:
    answered = client.get("/livez", headers={"X-Request-ID": request_id}).headers["x-request-id"]
    assert answered != request_id
    assert len(answered) == 32


def test_requests_without_an_id_get_ids_of_their_own(client: TestClient) -> None:
    ids = {client.get("/livez").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_each_request_is_one_record_without_its_query(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        client.get("/nothing?key=secret")
    (record,) = [record for record in caplog.records if record.name == LOGGER]
    fields = vars(record)
    assert (fields["method"], fields["path"], fields["status"]) == ("GET", "/nothing", 404)
    assert fields["duration_ms"] > 0
    assert "secret" not in str(fields)
