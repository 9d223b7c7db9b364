"""Remote write to real servers, and to one that fails."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cramjam
import httpx
import numpy as np
import pytest
from real_servers import running_prometheus
from scripted_server import Handler, Reply, ScriptedServer, half, reset, serving, stall, status

from anomaliz.core.errors import DataError, SourceError
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples
from anomaliz.sinks.write_request import decode_request

START, STEP = np.datetime64("2026-01-05T00:00:00", "ns"), np.timedelta64(60, "s")
taken = status(204)


def samples(values: list[float], metric: str = "anomaly_score", first: int = 0, **labels: str) -> Samples:
    times = START + np.arange(first, first + len(values)) * STEP
    return Samples({"__name__": metric} | labels, times, np.array(values, dtype=np.float64))


def opened(url: str, folder: Path, **settings: object) -> closing[RemoteWriteSink]:
    quick: dict[str, object] = {"url": url, "timeout": 0.5, "deadline": 5}
    return closing(RemoteWriteSink(RemoteWriteSettings.model_validate(quick | settings), folder / "queue"))


def stored(url: str, query: str) -> dict[str, list[list[object]]]:
    """Return the raw samples of each instance."""
    end = float((START - np.datetime64(0, "ns")) / np.timedelta64(1, "s")) + 86_399
    answer = httpx.get(f"{url}/api/v1/query", params={"query": f"{query}[1d]", "time": end}).json()
    return {one["metric"].get("i", ""): one["values"] for one in answer["data"]["result"]}


def received(server: ScriptedServer) -> list[tuple[int, list[float]]]:
    """Return of each request how many series it had, and all values."""
    found = []
    for asked in server.asked:
        series = decode_request(bytes(cramjam.snappy.decompress_raw(asked.body)))
        found.append((len(series), [float(value) for one in series for value in one.samples["value"]]))
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_prometheus_has_each_sample_bit_for_bit(prometheus: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = [*(rng.normal(size=20) * 10.0 ** rng.integers(-300, 300, 20)), 5e-324, -0.0, 0.1, np.inf]
    labels = {"i": "a", "text": 'ä "\\\n', "empty": ""}
    with opened(prometheus, tmp_path) as sink:
        sink.check()
        sink.write([samples(values, "exact", **labels)])
        sink.flush()
        assert (sink.sent, sink.dropped, sink.pending()) == (len(values), 0, 0)
    found = stored(prometheus, 'exact{text="ä \\"\\\\\\n",empty=""}')["a"]
    assert [float(value) for _, value in found] == values
    assert [stamp for stamp, _ in found] == [1767571200 + 60 * i for i in range(len(values))]


def test_missing_values_are_not_written(prometheus: str, tmp_path: Path) -> None:
    with opened(prometheus, tmp_path) as sink:
        sink.write([samples([1, np.nan, 3], "gaps", i="a"), samples([np.nan], "gaps", i="b")])
        sink.flush()
    assert {name: len(values) for name, values in stored(prometheus, "gaps").items()} == {"a": 2}


def test_stamps_before_1970_are_written(tmp_path: Path) -> None:
    times = np.array(["1969-12-31T23:59:59"], "datetime64[ns]")
    with running_prometheus(tmp_path) as url:
        with opened(url, tmp_path) as sink:
            sink.write([Samples({"__name__": "early"}, times, np.array([4.0]))])
            sink.flush()
            assert sink.dropped == 0
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "early[1h]", "time": 0}).json()
    assert answer["data"]["result"][0]["values"] == [[-1, "4"]]


def test_victoria_metrics_takes_it(victoria_metrics: str, tmp_path: Path) -> None:
    with opened(victoria_metrics, tmp_path) as sink:
        sink.check()
        sink.write([samples([0.5, 1.5], "vm_score", i="a")])
        sink.flush()
        assert sink.sent == 2
    httpx.get(f"{victoria_metrics}/internal/force_flush").raise_for_status()
    assert [float(value) for _, value in stored(victoria_metrics, "vm_score")["a"]] == [0.5, 1.5]


def test_samples_too_old_for_the_server_stop_nothing(prometheus: str, tmp_path: Path) -> None:
    old = Samples({"__name__": "old"}, np.array(["1975-01-01"], "datetime64[ns]"), np.array([4.0]))
    with opened(prometheus, tmp_path) as sink:
        sink.write([samples([1.0], "young")])
        sink.write([old, samples([2.0, 3.0], "young", first=1)])
        sink.write([samples([4.0], "young", first=3)])
        sink.flush()
        assert (sink.sent, sink.dropped) == (4, 1)


def test_the_same_samples_twice_make_no_difference(prometheus: str, tmp_path: Path) -> None:
    batch = [samples([1, 2, 3], "twice", i="a")]
    with opened(prometheus, tmp_path) as sink:
        for _ in range(2):
            sink.write(batch)
            sink.flush()
    assert [value for _, value in stored(prometheus, "twice")["a"]] == ["1", "2", "3"]


def test_a_replay_to_a_server_that_takes_nothing_old_loses_nothing_new(tmp_path: Path) -> None:
    with running_prometheus(tmp_path, out_of_order="0s") as url, opened(url, tmp_path) as sink:
        names = [f"{i}" for i in range(300)]
        sink.write([samples([1, 2, 3, 4], "replay", i=name) for name in names])
        sink.flush()
        assert sink.dropped == 0
        # A job that ran again writes what is there, and goes on.
        sink.write([samples([2, 3, 4, 5, 6], "replay", first=1, i=name) for name in names])
        sink.flush()
        found = stored(url, "replay")
        assert all([value for _, value in found[name]] == ["1", "2", "3", "4", "5", "6"] for name in names)


def refuse(value: float, limit: int = 400) -> Reply:
    """Refuse requests with a sample of that value."""

    def reply(handler: Handler) -> None:
        series = decode_request(bytes(cramjam.snappy.decompress_raw(handler.asked.body)))
        bad = any(value in one.samples["value"] for one in series)
        (status(limit, "a label is too long") if bad else taken)(handler)

    return reply


def test_a_bad_series_takes_no_good_one_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    batch = [samples([float(i), float(i)], i=str(i)) for i in range(100)]
    with (
        serving(refuse(37.0)) as server,
        opened(server.url, tmp_path) as sink,
        caplog.at_level(logging.ERROR),
    ):
        sink.write(batch)
        sink.flush()
        assert (sink.sent, sink.dropped) == (198, 2)
        assert len(server.asked) < 20
    assert caplog.text.count("refuses") == 1
    assert "refuses 2 samples" in caplog.text
    assert "HTTP 400 (a label is too long)" in caplog.text


def test_looking_for_bad_series_has_an_end(tmp_path: Path) -> None:
    batch = [samples([float(i)], i=str(i)) for i in range(1000)]
    with serving(status(400, "no")) as server, opened(server.url, tmp_path) as sink:
        sink.write(batch)
        sink.flush()
        assert sink.dropped == 1000
        assert len(server.asked) <= 1 + 2 * 64


@pytest.mark.parametrize("code", [401, 403, 404, 302])
def test_a_refusal_of_us_is_dropped_logged_and_counted(
    tmp_path: Path, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(status(code, "go away"), taken) as server, opened(server.url, tmp_path) as sink:
        sink.write([samples([1, 2], i="a")])
        sink.flush()
        sink.write([samples([3], i="a")])
        sink.flush()
        assert (sink.sent, sink.dropped, len(server.asked)) == (1, 2, 2)
    assert f"HTTP {code} (go away)" in caplog.text


@pytest.mark.parametrize(
    "fault", [reset, stall, half("x"), *(status(code) for code in (429, 500, 502, 503, 504))]
)
def test_what_fails_is_sent_again_before_what_comes_after(tmp_path: Path, fault: Reply) -> None:
    with serving(taken, fault, fault, taken) as server, opened(server.url, tmp_path) as sink:
        sink.write([samples([1], i="a")])
        sink.write([samples([2], i="a")])
        sink.write([samples([3], i="a")])
        sink.flush()
        assert [values[0] for _, values in received(server)] == [1, 2, 2, 2, 3]
        assert (sink.sent, sink.dropped, sink.retries) == (3, 0, 2)


def test_a_server_is_left_alone_as_long_as_it_asks(tmp_path: Path) -> None:
    with serving(status(429, "", Retry_After="1"), taken) as server, opened(server.url, tmp_path) as sink:
        begin = time.monotonic()
        sink.write([samples([1])])
        sink.flush()
        assert time.monotonic() - begin >= 0.9


def test_large_batches_are_cut_and_keep_their_order(tmp_path: Path) -> None:
    batch = [
        samples([float(i) for i in range(25)], i="a"),
        samples([float(i) for i in range(100, 104)], i="b"),
    ]
    with serving(taken) as server, opened(server.url, tmp_path, batch_samples=10) as sink:
        sink.write(batch)
        sink.flush()
        found = received(server)
        assert max(len(values) for _, values in found) <= 10
        assert [value for _, values in found for value in values] == [*range(25), *range(100, 104)]


def test_headers_are_those_of_the_protocol(tmp_path: Path) -> None:
    with serving(taken) as server, opened(server.url, tmp_path, tenant="team-a") as sink:
        sink.write([samples([1])])
        sink.flush()
        (asked,) = server.asked
        assert asked.path == "/api/v1/write"
        assert asked.headers["Content-Type"] == "application/x-protobuf"
        assert asked.headers["Content-Encoding"] == "snappy"
        assert asked.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
        assert asked.headers["X-Scope-OrgID"] == "team-a"


def test_what_a_server_that_is_down_has_not_taken_waits_for_the_next_sink(tmp_path: Path) -> None:
    with serving(status(503)) as server:
        with opened(server.url, tmp_path, deadline=0.5) as sink:
            sink.write([samples([1, 2], i="a")])
            sink.write([samples([3], i="a")])
            with pytest.raises(SourceError, match=r"has not taken 3 samples yet \(HTTP 503\): they wait"):
                sink.flush()
        server.asked.clear()
        server.replies[:] = [taken]
        with opened(server.url, tmp_path) as sink:
            sink.flush()
            assert sink.sent == 3
        assert [values for _, values in received(server)] == [[1, 2], [3]]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples

sink = RemoteWriteSink(RemoteWriteSettings(url=sys.argv[1]), Path(sys.argv[2]))
for i in range(10):
    time = np.array([1767571200 + 60 * i], "datetime64[s]").astype("datetime64[ns]")
    sink.write([Samples({"__name__": "killed", "i": "a"}, time, np.array([float(i)]))])
print("written", flush=True)
sys.stdin.read()
"""


def test_kill_9_between_sending_and_noting_it_loses_nothing_and_doubles_nothing(
    prometheus: str, tmp_path: Path
) -> None:
    def take_and_stall(handler: Handler) -> None:
        """Pass the request on to the real server, and keep its answer to ourselves."""
        headers = {name: handler.asked.headers[name] for name in ("Content-Type", "Content-Encoding")}
        httpx.post(f"{prometheus}/api/v1/write", content=handler.asked.body, headers=headers)
        passed.append(1)
        stall(handler)

    passed: list[int] = []
    with serving(take_and_stall) as server:
        command = [sys.executable, "-c", KILLED, server.url, str(tmp_path / "queue")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"written\n"
            wait_for(lambda: bool(passed))
            os.kill(process.pid, signal.SIGKILL)
    with opened(prometheus, tmp_path) as sink:
        sink.flush()
        assert (sink.sent, sink.dropped) == (10, 0)
    assert [value for _, value in stored(prometheus, "killed")["a"]] == [str(i) for i in range(10)]


def test_a_full_queue_takes_nothing_of_a_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with serving(status(503)) as server, opened(server.url, tmp_path, queue_mebibytes=1) as sink:
        sink.write([samples(list(rng.random(40_000)), i="a")])
        before = sink.pending()
        with pytest.raises(SourceError, match=r"is full with .* bytes"):
            sink.write([samples(list(rng.random(40_000)), i="b")])
        assert sink.pending() == before == 40_000


def test_a_clock_that_goes_back_changes_no_order(tmp_path: Path) -> None:
    with serving(status(503)) as server:
        with opened(server.url, tmp_path) as sink:
            sink.write([samples([1], i="a")])
        (item,) = (tmp_path / "queue").glob("*.item")
        ahead = f"{time.time_ns() + 10**15:020}{item.name[20:]}"
        item.rename(item.with_name(ahead))
        with opened(server.url, tmp_path) as sink:
            sink.write([samples([2], i="a")])
            sink.write([samples([3], i="a")])
        server.asked.clear()
        server.replies[:] = [taken]
        with opened(server.url, tmp_path) as sink:
            sink.flush()
        assert [values[0] for _, values in received(server)] == [1, 2, 3]


def test_two_sinks_of_one_queue_send_each_batch_once(tmp_path: Path) -> None:
    with serving(taken) as server:
        with opened(server.url, tmp_path) as one, opened(server.url, tmp_path) as other:
            for i in range(10):
                (one, other)[i % 2].write([samples([float(i)], i="a")])
            one.flush()
            other.flush()
        assert [values[0] for _, values in received(server)] == list(range(10))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "needs a metric name such as anomaly_score, got None"),
        ({"__name__": "a b"}, "got 'a b'"),
        ({"__name__": "up", "a-b": "x"}, "'a-b' is no label that Prometheus allows"),
    ],
)
def test_labels_that_prometheus_does_not_allow_are_refused(
    tmp_path: Path, labels: dict[str, str], said: str
) -> None:
    bad = Samples(labels, START + np.arange(1) * STEP, np.array([1.0]))
    with serving(taken) as server, opened(server.url, tmp_path) as sink:
        with pytest.raises(DataError, match=said):
            sink.write([samples([1]), bad])
        assert sink.pending() == 0
        sink.write([])
        sink.flush()
        assert server.asked == []


def test_check_says_what_the_server_answers(tmp_path: Path) -> None:
    refusal = pytest.raises(SourceError, match=r"cannot be used as a sink: HTTP 404 \(page not found\)")
    with serving(status(404, "page not found")) as server, opened(server.url, tmp_path) as sink, refusal:
        sink.check()


def test_a_folder_that_cannot_be_a_queue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("a file")
    with pytest.raises(SourceError, match=r"queue .* cannot be made: .*; give a folder"):
        opened("http://localhost:1", tmp_path)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://h:9090", "http://h:9090/api/v1/write"),
        ("http://h:9090/", "http://h:9090/api/v1/write"),
        ("http://h/api/v1/push", "http://h/api/v1/push"),
    ],
)
def test_a_bare_host_gets_the_usual_path(url: str, place: str) -> None:
    assert RemoteWriteSettings(url=url).url == place
