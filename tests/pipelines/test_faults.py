"""A pipeline whose Prometheus misbehaves at the socket: nothing is lost, nothing is twice."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pipeline_site import START, STEP, TRAINED, Site, daily, stamp
from scripted_server import Handler, Reply, ScriptedServer, half, reset, serving, stall, status

from anomaliz.sinks.write_request import decode_request

VALUES = daily(8 * 288, seed=1)


def matrix(handler: Handler) -> None:
    """Answer a range query from the series, as Prometheus would."""
    asked = handler.asked.fields
    if handler.asked.path.endswith("/query"):
        status(200, {"status": "success", "data": {"resultType": "vector", "result": []}})(handler)
        return
    first, last, step = (float(asked[name]) for name in ("start", "end", "step"))
    origin = START.astype("datetime64[s]").astype(int)
    times = np.arange(first, last + 1, step)
    rows = ((times - origin) // 300).astype(int)
    there = (rows >= 0) & (rows < len(VALUES))
    values = [[time, str(VALUES[row])] for time, row in zip(times[there], rows[there], strict=True)]
    result = [{"metric": {"host": "a"}, "values": values}] if values else []
    status(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})(handler)


@pytest.fixture
def prometheus(site: Site) -> Iterator[ScriptedServer]:
    """A site that reads from a server which answers well until it is told to do otherwise."""
    with serving(matrix) as server:
        site.define()
        content = json.loads(site.file.read_text())
        content["sources"] = {
            "p": {"type": "prometheus", "url": server.url, "timeout": 0.3, "deadline": 1, "parallel": 1}
        }
        content["pipelines"][0]["query"] = "load"
        site.file.write_text(json.dumps(content))
        site.run("train", TRAINED)
        site.run("score", TRAINED)
        yield server


FAULTS = {
    "reset": reset,
    "stall": stall,
    "half an answer": half({"status": "success", "data": {"resultType": "matrix", "result": []}}),
    "too many requests": status(429),
    "not available": status(503),
    "not JSON": status(200, "<html>"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_stays_is_no_data_and_is_made_good(
    fault: Reply, site: Site, prometheus: ScriptedServer
) -> None:
    prometheus.replies[:] = [fault]
    report = site.run("score", TRAINED + 2 * STEP).report
    assert (report.status, report.samples) == ("no_data", 0)
    assert prometheus.url in report.message
    assert report.data_age == 600
    prometheus.replies[:] = [matrix]
    assert site.run("score", TRAINED + 4 * STEP).report.status == "ok"
    assert list(site.lines()) == [stamp(TRAINED + i * STEP) for i in range(5)]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_is_not_noticed(fault: Reply, site: Site, prometheus: ScriptedServer) -> None:
    prometheus.replies[:] = [fault, matrix]
    assert site.run("score", TRAINED + STEP).report.status == "ok"


@pytest.mark.parametrize("refusal", [status(400, {"status": "error", "error": "parse error"}), status(401)])
def test_a_refusal_is_no_data_with_the_reason(refusal: Reply, site: Site, prometheus: ScriptedServer) -> None:
    prometheus.replies[:] = [refusal]
    report = site.run("score", TRAINED + STEP).report
    assert report.status == "no_data"
    assert "HTTP 40" in report.message


def relabelled(labels: dict[str, str]) -> Callable[[Handler], None]:
    def reply(handler: Handler) -> None:
        answer = handler.answer
        given = json.dumps({"host": "a"}).encode()

        def changed(code: int, content: bytes, headers: dict[str, str]) -> None:
            answer(code, content.replace(given, json.dumps(labels).encode()), headers)

        handler.answer = changed  # type: ignore[method-assign, assignment]
        matrix(handler)

    return reply


def test_a_changed_label_set_is_a_new_series_that_nothing_is_written_for_until_it_is_learnt(
    site: Site, prometheus: ScriptedServer
) -> None:
    prometheus.replies[:] = [relabelled({"host": "a", "rack": "7"})]
    site.run("score", TRAINED + STEP)
    assert site.lines(rack="7") == {}
    site.run("train", TRAINED + STEP)
    site.run("score", TRAINED + 2 * STEP)
    assert list(site.lines(rack="7"))[-1] == stamp(TRAINED + 2 * STEP)


def test_a_sink_that_is_down_gets_everything_in_order_when_it_is_back(site: Site) -> None:
    with serving(status(503)) as server:
        content = json.loads(site.file.read_text())
        content["sinks"] = {"p": {"type": "remote_write", "url": server.url, "timeout": 0.3, "deadline": 20}}
        content["pipelines"][0]["score"] = {"write": ["anomaly_score"]}
        site.file.write_text(json.dumps(content))
        site.run("train", TRAINED)
        for i in range(3):
            site.run("score", TRAINED + i * STEP)
        taken = len(server.asked)
        server.replies[:] = [status(204)]
        site.books.flush()
        stamps = [time for asked in server.asked[taken:] for time in times_of(asked.body)]
    assert sorted(set(stamps)) == [
        int((TRAINED + i * STEP).astype("datetime64[ms]").astype(int)) for i in (-1, 0, 1)
    ]
    assert stamps == sorted(stamps)


def times_of(body: bytes) -> list[int]:
    import cramjam

    return [
        time
        for series in decode_request(bytes(cramjam.snappy.decompress_raw(body)))
        for time in series.stamps().tolist()
    ]
