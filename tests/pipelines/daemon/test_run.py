"""`anomaliz run` as a process: signals, ports, restarts."""

import json
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

Until = Callable[[Callable[[], object]], None]
Define = Callable[..., dict[str, Any]]
Run = Callable[..., Any]


def test_a_signal_to_stop_ends_it_well(
    workplace: Any, define: Define, run_process: Run, until: Until
) -> None:
    workplace.define(define())
    running = run_process()
    until(workplace.written)
    assert httpx.get(f"{running.url}/pipelines").json()["pipelines"][0]["name"] == "steady"
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.said("daemon stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_jobs_alone_end_well_too(
    workplace: Any, define: Define, run_process: Run, until: Until, number: int
) -> None:
    workplace.define(define())
    running = run_process("--no-api", wait=False)
    until(workplace.written)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{running.url}/readyz")
    running.process.send_signal(number)
    assert running.process.wait(30) == 0


def test_a_hangup_has_the_files_read_again(
    workplace: Any, define: Define, run_process: Run, until: Until
) -> None:
    workplace.define(define())
    running = run_process()
    workplace.define(define(), define("second"))
    running.process.send_signal(signal.SIGHUP)
    until(lambda: running.said("definitions loaded"))
    names = [one["name"] for one in httpx.get(f"{running.url}/pipelines").json()["pipelines"]]
    assert names == ["steady", "second"]
    workplace.file.write_text("pipelines: [{name: broken}]")
    running.process.send_signal(signal.SIGHUP)
    until(lambda: running.said("definitions refused, the old ones stay"))
    (refused,) = running.said("definitions refused, the old ones stay")
    assert "pipelines.yaml line 1" in refused["reason"]
    assert len(httpx.get(f"{running.url}/pipelines").json()["pipelines"]) == 2


def test_a_port_that_is_taken_is_one_sentence_and_no_job(
    workplace: Any, define: Define, run_process: Run, free_port: int
) -> None:
    workplace.define(define())
    with socket.create_server(("127.0.0.1", free_port)):
        running = run_process(wait=False)
        assert running.process.wait(60) == 1
    assert "could not start on 127.0.0.1" in running.log.read_text().splitlines()[-1]
    assert not running.said("daemon started")


def test_a_file_that_cannot_be_used_is_one_sentence(workplace: Any, run_process: Run) -> None:
    workplace.file.write_text("pipelines: [{name: broken}]")
    running = run_process(wait=False)
    assert running.process.wait(60) == 1
    (line,) = running.log.read_text().splitlines()
    assert line.startswith("error: ")
    assert "pipelines.yaml line 1" in line


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing_and_write_nothing_twice(
    workplace: Any, define: Define, run_process: Run
) -> None:
    workplace.define(define())
    for _ in range(4):
        running = run_process()
        before = len(workplace.written())
        asked = time.monotonic()
        while len(workplace.written()) < before + 2 or time.monotonic() - asked < 2:
            with suppress(httpx.TransportError):
                httpx.post(f"{running.url}/pipelines/steady/score")
        running.process.kill()
        running.process.wait()
    lines = [json.loads(line) for line in workplace.scores.read_text().splitlines()]
    keys = [(line["time"], json.dumps(line["labels"], sort_keys=True)) for line in lines]
    assert len(keys) == len(set(keys))
    stamps = [datetime.fromisoformat(stamp) for stamp in workplace.written()]
    assert {later - earlier for earlier, later in pairwise(stamps)} == {timedelta(seconds=1)}
