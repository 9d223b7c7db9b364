"""The service in a process of its own, with an LLM that misbehaves in every way: the verdict arrives."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from anomaliz.api.schemas import AnalyzeAnswer, ExplainAnswer
from anomaliz.bundle.bundle import Bundle

DEADLINE = 1.0
FIELDS = ("analysis", "severity", "recommendation")
LOOSE = {"ANOMALIZ__AGENT__BREAKER_FAILURES": "1000", "ANOMALIZ__AGENT__COOL_DOWN_S": "0"}
Start = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def start(
    llm_server: Any,
    bundle_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
    serve_variables: Callable[..., dict[str, str]],
) -> Iterator[Start]:
    """Start `anomaliz serve` with a backend and settings of the agent by variable."""
    running: list[tuple[subprocess.Popen[bytes], httpx.Client]] = []

    def start(backend: str, **settings: str) -> httpx.Client:
        folder = tmp_path_factory.mktemp("service")
        variables, port = serve_variables(bundle_dir, llm_server.settings(backend), **settings)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "anomaliz.cli", "serve"], env=variables, cwd=folder, stderr=log
            )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        running.append((process, client))
        _wait(process, client, folder / "log")
        return client

    yield start
    for process, client in running:
        client.close()
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", client: httpx.Client, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module", params=["openai", "ollama"])
def service(start: Start, request: pytest.FixtureRequest) -> httpx.Client:
    return start(request.param, ANOMALIZ__AGENT__DEADLINE_S=str(DEADLINE), **LOOSE)


@pytest.fixture
def strange(bundle: Bundle) -> dict[str, list[float]]:
    rows = bundle.canary.copy()
    rows[-1, 0], rows[-1, 2] = 0.99, 180
    return dict(zip(bundle.features, rows.T.tolist(), strict=True))


def analyze(service: httpx.Client, body: Any, explain: str | None = None) -> dict[str, Any]:
    response = service.post("/analyze", json=body, params={"explain": explain} if explain else {})
    assert response.status_code == 200, response.text
    AnalyzeAnswer.model_validate(response.json())
    answer: dict[str, Any] = response.json()
    return answer


def test_an_anomaly_is_explained(service: httpx.Client, llm: Any, good: dict[str, Any], strange: Any) -> None:
    llm.script(good)
    answer = analyze(service, strange)
    assert answer["anomaly"] is True
    assert {field: answer[field] for field in FIELDS} == {field: good[field] for field in FIELDS}
    explanation = answer["explanation"]
    assert (explanation["status"], explanation["kind"], explanation["confidence"]) == ("ok", "spike", 0.8)
    assert [fact["id"] for fact in explanation["evidence"]] == ["f1", "f2"]
    assert (explanation["model"], explanation["tokens"]) == ("scripted", 160)
    assert answer["summary"].startswith("latency spiked to 180")


FAULTS: list[tuple[Any, str]] = [
    ("401", "error"),
    ("429", "error"),
    ("500", "error"),
    ("not JSON", "error"),
    ("cut off", "error"),
    ("stalled", "timeout"),
    ("silent", "timeout"),
    ({"severity": "catastrophic"}, "error"),
    ({"confidence": 11}, "error"),
    ({"analysis": ""}, "error"),
    ({"kind": None}, "error"),
]
PROSE = ["", "Your latency rose, I would look at the database.", "{}", "[]", "null", '{"analysis": "cut of']


@pytest.mark.parametrize(("fault", "status"), FAULTS)
def test_whatever_the_llm_does_the_verdict_arrives_in_time(
    service: httpx.Client, llm: Any, misbehaving: Any, good: Any, strange: Any, fault: Any, status: str
) -> None:
    llm.script(misbehaving(fault) if isinstance(fault, str) else good | fault)
    _expect_verdict(service, strange, status)


@pytest.mark.parametrize("text", PROSE)
def test_whatever_the_llm_says_the_verdict_arrives_in_time(
    service: httpx.Client, llm: Any, strange: Any, text: str
) -> None:
    llm.script(text)
    _expect_verdict(service, strange, "error")


@pytest.mark.parametrize("backend", ["openai", "ollama"])
def test_with_nobody_listening_the_verdict_arrives_and_the_breaker_opens(
    start: Start, llm: Any, strange: Any, free_port: int, backend: str
) -> None:
    address = {f"ANOMALIZ__AGENT__{backend.upper()}_BASE_URL": f"http://127.0.0.1:{free_port}"}
    service = start(backend, ANOMALIZ__AGENT__BREAKER_FAILURES="2", **address)
    llm.script("not asked")
    statuses = [_expect_verdict(service, strange) for _ in range(3)]
    assert statuses == ["error", "error", "circuit_open"]
    assert not llm.requests
    text = service.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'anomaliz_agent_breaker_state{state="open"} 1.0' in text
    assert 'anomaliz_agent_explanations_total{status="circuit_open"} 1.0' in text


def _expect_verdict(service: httpx.Client, body: Any, status: str | None = None) -> str:
    began = time.monotonic()
    answer = analyze(service, body)
    assert time.monotonic() - began < DEADLINE + 1
    assert answer["anomaly"] is True
    assert [answer[field] for field in FIELDS] == [None] * 3
    assert answer["summary"]
    found: str = answer["explanation"]["status"]
    assert status is None or found == status
    assert answer["explanation"]["reason"]
    return found


def test_while_the_llm_is_silent_others_are_answered_at_once(
    service: httpx.Client, llm: Any, misbehaving: Any, strange: Any, bundle: Bundle
) -> None:
    llm.script(misbehaving("silent"))
    normal = dict(zip(bundle.features, bundle.canary.T.tolist(), strict=True))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(analyze, service, strange)
        while not llm.requests:
            time.sleep(0.01)
        began = time.monotonic()
        for _ in range(20):
            assert analyze(service, normal)["explanation"]["status"] == "not_needed"
        assert time.monotonic() - began < DEADLINE / 2
        assert slow.result()["explanation"]["status"] == "timeout"


def test_what_is_too_much_at_once_is_shed(
    service: httpx.Client, llm: Any, misbehaving: Any, strange: Any
) -> None:
    llm.script(misbehaving("silent"))
    with ThreadPoolExecutor(8) as pool:
        others = [strange | {"latency": [*strange["latency"][:-1], 180 + i]} for i in range(8)]
        answers = list(pool.map(lambda body: analyze(service, body), others))
    statuses = [answer["explanation"]["status"] for answer in answers]
    assert sorted(statuses) == ["busy"] * 4 + ["timeout"] * 4


def test_it_can_be_skipped(service: httpx.Client, llm: Any, strange: Any) -> None:
    llm.script("not asked")
    answer = analyze(service, strange, explain="false")
    assert answer["explanation"]["status"] == "skipped"
    assert answer["summary"]
    batch = service.post("/analyze/batch", json={"windows": [strange]}).json()["results"][0]
    assert batch["explanation"]["status"] == "skipped"
    assert batch["summary"] == answer["summary"]
    assert not llm.requests


def test_it_can_be_fetched_later(
    service: httpx.Client, llm: Any, good: Any, strange: Any, until: Any
) -> None:
    llm.script(good)
    answer = analyze(service, strange, explain="async")
    assert answer["explanation"]["status"] == "pending"
    assert [answer[field] for field in FIELDS] == [None] * 3
    path = f"/explanations/{answer['explanation']['id']}"

    def fetched() -> dict[str, Any]:
        response = service.get(path)
        ExplainAnswer.model_validate(response.json())
        found: dict[str, Any] = response.json()
        return found

    until(lambda: fetched()["explanation"]["status"] != "pending")
    later = fetched()
    assert later["explanation"]["status"] == "ok"
    assert later["analysis"] == good["analysis"]
    assert later["summary"] == answer["summary"]


def test_an_unknown_id_is_a_problem(service: httpx.Client) -> None:
    response = service.get("/explanations/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert "explain=async" in response.json()["detail"]


@pytest.mark.parametrize("value", ["maybe", "", "True"])
def test_another_way_of_explaining_is_refused(service: httpx.Client, strange: Any, value: str) -> None:
    response = service.post("/analyze", json=strange, params={"explain": value})
    assert response.status_code == 422
    assert response.json()["field"] == "explain"


def test_a_verdict_and_an_event_are_explained(
    service: httpx.Client, llm: Any, good: Any, strange: Any, bundle: Bundle
) -> None:
    llm.script(good)
    verdict = analyze(service, strange, explain="false")
    rows = [dict(zip(bundle.features, row, strict=True)) for row in [*bundle.canary.tolist()] * 2]
    rows[-1] |= {"cpu": 0.99, "latency": 180.0}
    (event,) = service.post("/detect", json=rows).json()["events"]
    assert event["summary"].startswith("latency spiked to 180")
    for body in (verdict, event, {"verdict": verdict, "window": strange}):
        response = service.post("/explain", json=body)
        assert response.status_code == 200, response.text
        ExplainAnswer.model_validate(response.json())
        assert response.json()["explanation"]["status"] == "ok"
        assert response.json()["analysis"] == good["analysis"]


def test_progress_is_streamed(service: httpx.Client, llm: Any, good: Any, strange: Any) -> None:
    llm.script(good)
    verdict = analyze(service, strange, explain="false")
    headers = {"Accept": "text/event-stream"}
    with service.stream("POST", "/explain", json=verdict, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    names = [line.removeprefix("event: ") for line in lines[::2]]
    assert names == ["step"] * 4 + ["explanation"]
    assert '"node":"assess"' in lines[3]
    last = ExplainAnswer.model_validate_json(lines[-1].removeprefix("data: "))
    assert last.explanation.status == "ok"


def test_a_client_that_leaves_the_stream_ends_the_call(
    service: httpx.Client, llm: Any, misbehaving: Any, strange: Any, until: Any
) -> None:
    llm.script(misbehaving("silent"))
    verdict = analyze(service, strange, explain="false")
    headers = {"Accept": "text/event-stream"}
    with service.stream("POST", "/explain", json=verdict, headers=headers) as response:
        lines = response.iter_lines()
        next(lines)
        until(lambda: len(llm.requests) == 1)
    until(lambda: llm.abandoned == 1, DEADLINE / 2)
