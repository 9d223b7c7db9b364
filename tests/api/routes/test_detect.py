import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.schemas import DetectAnswer
from anomaliz.bundle.bundle import Bundle

CSV = {"Content-Type": "text/csv; charset=utf-8"}
FIRST, LAST = 30, 33
"""Rows of the anomaly, half-open."""

Records = list[dict[str, Any]]


@pytest.fixture
def values(bundle: Bundle) -> np.ndarray:
    """A normal series with three rows that are not."""
    values = np.tile(bundle.canary[-1], (60, 1))
    values[FIRST:LAST, [0, 2]] = 0.99, 180
    return values


@pytest.fixture
def records(bundle: Bundle, values: np.ndarray) -> Records:
    return [dict(zip(bundle.features, row.tolist(), strict=True)) for row in values]


@pytest.fixture
def stamped(records: Records, stamps_every_step: Callable[[int], list[str]]) -> Records:
    stamps = stamps_every_step(len(records))
    return [{"timestamp": stamp, **record} for stamp, record in zip(stamps, records, strict=True)]


def csv_of(records: Records) -> str:
    names = list(records[0])
    lines = [",".join("" if row[name] is None else str(row[name]) for name in names) for row in records]
    return "\n".join([",".join(names), *lines])


def test_points_are_the_bundles_verdicts(
    client: TestClient, bundle: Bundle, values: np.ndarray, records: Records
) -> None:
    answer = client.post("/detect", json=records).json()
    DetectAnswer.model_validate(answer)
    verdicts = bundle.score(values)
    assert [point["status"] for point in answer["points"]] == ["warming_up"] * 9 + ["ok"] * 51
    assert [point["score"] for point in answer["points"]][9:] == verdicts.score[9:].tolist()
    assert [point["anomaly"] for point in answer["points"]][9:] == verdicts.anomaly[9:].tolist()
    first = answer["points"][0]
    assert first.pop("status") == "warming_up"
    assert set(first.values()) == {None}
    assert answer["threshold"] == verdicts.threshold


def test_a_long_series_gets_alerts_that_open_its_events(client: TestClient, bundle: Bundle) -> None:
    values = np.random.default_rng(1).normal([0.3, 0.5, 15], [0.03, 0.015, 1.5], (900, 3))
    values[700:706, 0] = 0.95
    records = [dict(zip(bundle.features, row, strict=True)) for row in values.tolist()]
    answer = client.post("/detect", json=records).json()
    DetectAnswer.model_validate(answer)
    assert answer["profile"] == "series"
    alerts = [row for row, point in enumerate(answer["points"]) if point["alert"]]
    assert 700 in alerts
    assert [event["start"] for event in answer["events"]] == alerts


def test_events_are_half_open_rows_without_stamps(client: TestClient, records: Records) -> None:
    (event, *_) = client.post("/detect", json={"records": records}).json()["events"]
    assert event["start"] == FIRST
    assert event["points"] == event["end"] - event["start"] >= LAST - FIRST
    assert event["start"] <= event["peak"] < event["end"]
    assert event["severity"] == "critical"
    assert sum(event["contributions"].values()) == pytest.approx(1)


def test_events_are_half_open_stamps_with_stamps(client: TestClient, stamped: Records) -> None:
    answer = client.post("/detect", json=stamped).json()
    rows = [point["timestamp"] for point in answer["points"]]
    assert rows == [record["timestamp"] for record in stamped]
    (event, *_) = answer["events"]
    assert event["start"] == rows[FIRST]
    assert event["end"] == rows[FIRST + event["points"]]
    assert event["peak"] in rows[FIRST : FIRST + event["points"]]


def test_an_event_at_the_end_of_the_series_ends_a_step_later(client: TestClient, stamped: Records) -> None:
    event = client.post("/detect", json=stamped[:LAST]).json()["events"][-1]
    assert event["end"] == stamped[LAST]["timestamp"]


def test_csv_says_the_same_as_json(client: TestClient, stamped: Records) -> None:
    stamped[20]["memory"] = None
    shuffled = [dict(reversed(record.items())) for record in stamped]
    as_json = client.post("/detect", json=stamped)
    as_csv = client.post("/detect", content=csv_of(shuffled), headers=CSV)
    assert as_csv.status_code == 200
    assert as_csv.json() == as_json.json()


def test_a_label_and_a_constant_column_are_no_fault(client: TestClient, stamped: Records) -> None:
    labelled = [record | {"label": 0, "cpu": 0.3} for record in stamped]
    assert client.post("/detect", content=csv_of(labelled), headers=CSV).status_code == 200


def test_missing_values_are_never_health(client: TestClient, records: Records) -> None:
    for record in records[40:]:
        record.update(cpu=None, memory=None, latency=None)
    records[15]["cpu"] = None
    points = client.post("/detect", json=records).json()["points"]
    assert points[15]["status"] == "degraded"
    assert {point["status"] for point in points[40:]} == {"no_data"}
    assert {point["score"] for point in points[40:]} == {None}


def test_rows_that_a_gap_hides_are_nobodys_points(client: TestClient, stamped: Records) -> None:
    holed = stamped[:20] + stamped[25:]
    answer = client.post("/detect", json=holed).json()
    assert [point["timestamp"] for point in answer["points"]] == [record["timestamp"] for record in holed]
    assert answer["events"][0]["start"] == stamped[FIRST]["timestamp"]


@pytest.mark.parametrize(
    ("change", "field", "detail"),
    [
        (lambda _: [], "records", "0 rows are too few: the bundle needs at least 10"),
        (lambda r: r[:4], "records", "4 rows are too few"),
        (lambda r: r * 5, "records", "300 rows are too many: send at most 200"),
        (lambda r: {"rows": r}, "records", "an array of records"),
        (lambda _: None, "records", "an array of records"),
        (lambda r: [None, *r], None, "row 0"),
        (lambda r: [*r, {"cpuu": 1}], "cpuu", "did you mean 'cpu'?"),
        (lambda r: [*r, r[0] | {"cpu": "0.3"}], "cpu", "in row 60"),
        (lambda r: [*r, r[0] | {"cpu": True}], "cpu", "in row 60"),
        (lambda r: [*r, r[0] | {"cpu": [1]}], "cpu", "in row 60"),
        (lambda r: [*r, r[0] | {"cpu": 10**400}], "cpu", "in row 60"),
        (lambda r: [{"cpu": row["cpu"]} for row in r], "memory", "'memory'"),
        (lambda r: [*r, r[0] | {"timestamp": 1}], "timestamp", "'timestamp'"),
        (lambda r: [row | {"timestamp": 1} for row in r], "timestamp", "timestamp must increase"),
        (lambda r: [row | {"timestamp": i * 1e7} for i, row in enumerate(r)], "timestamp", "resample"),
        (
            lambda r: [row | {"timestamp": i * 300 + i // 3 * 9000} for i, row in enumerate(r)],
            "timestamp",
            "too many",
        ),
    ],
)
def test_json_that_is_no_series_is_refused_by_field(
    start_client: Callable[..., TestClient],
    bundle_dir: Any,
    records: Records,
    change: Callable[[Records], Any],
    field: str | None,
    detail: str,
) -> None:
    response = start_client(bundle_dir, api__max_rows=200).post(
        "/detect", content=json.dumps(change(records))
    )
    assert response.status_code == 422
    assert response.json().get("field") == field
    assert detail in response.json()["detail"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda _: "", "empty"),
        (lambda _: "timestamp,cpu,memory,latency\n", "no rows"),
        (lambda text: text.replace("timestamp", "when"), "timestamp"),
        (lambda text: text.replace("cpu", "cpuu"), "did you mean cpu?"),
        (lambda text: "\n".join(line.rpartition(",")[0] for line in text.split("\n")), "latency is missing"),
        (lambda text: text + "\n2025-01-01T00:00:00Z,high,1,1", "'cpu' must be numbers, got 'high'"),
        (lambda text: text + "\n2025-01-01T00:00:00Z,inf,1,1", "finite"),
        (lambda text: text + "\n2020-01-01T00:00:00Z,1,1,1", "must increase"),
        (lambda text: text + "\n2025-01-01T00:00:00Z,1,1,1,1", "CSV"),
        (lambda text: text + "\n\x00", "timestamp"),
    ],
)
def test_csv_that_is_no_series_is_refused(
    client: TestClient, stamped: Records, change: Callable[[str], str], detail: str
) -> None:
    response = client.post("/detect", content=change(csv_of(stamped)), headers=CSV)
    assert response.status_code == 422
    assert detail in response.json()["detail"]


def test_csv_that_is_not_utf8_is_refused(client: TestClient) -> None:
    response = client.post("/detect", content=b"timestamp,cpu\n\xff\xfe,1", headers=CSV)
    assert response.status_code == 422
