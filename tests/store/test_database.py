"""The store on SQLite and on a real PostgreSQL."""

import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_line import Fault, line_to, reset, stall

from anomaliz.core.errors import ConfigError, StoreError
from anomaliz.store.database import JOBS_KEPT, Store
from anomaliz.store.state import PipelineState, Totals

STATE = PipelineState(
    watermark=np.datetime64("2026-01-05T00:05:00", "ns"),
    snapshot=np.datetime64("2026-01-05T00:00:00", "ns"),
    memory=b"\x00memory\xff",
    model="20260105T000000-1",
    written=b"",
    totals=Totals(runs=3, no_data=1, failures=0, points=2**40, events=2),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'pipelines.db'}"
    return str(request.getfixturevalue("new_postgresql_database"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


class TestStates:
    def test_a_state_is_what_was_committed(self, store: Store, url: str) -> None:
        assert store.state("cpu") == (None, 0)
        assert store.commit("cpu", STATE, 0) == 1
        later = replace(STATE, memory=os.urandom(100_000), totals=Totals(events=9))
        assert store.commit("cpu", later, 1) == 2
        other = Store(url)
        assert other.state("cpu") == (later, 2)
        assert other.totals("cpu") == later.totals
        assert other.totals("memory") is None
        other.close()

    @pytest.mark.parametrize("revision", [0, 1, 3])
    def test_two_processes_with_one_pipeline_notice_each_other(self, store: Store, revision: int) -> None:
        store.commit("cpu", STATE, store.commit("cpu", STATE, 0))
        with pytest.raises(StoreError, match="pipeline cpu is run by another process too: stop one of them"):
            store.commit("cpu", replace(STATE, memory=b"other"), revision)
        assert store.state("cpu") == (STATE, 2)

    def test_of_many_who_commit_one_revision_one_succeeds(self, store: Store) -> None:
        def commit(number: int) -> bool:
            try:
                store.commit("cpu", replace(STATE, model=str(number)), 0)
            except StoreError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            succeeded = [number for number, done in enumerate(pool.map(commit, range(16))) if done]
        state, revision = store.state("cpu")
        assert state is not None
        assert (succeeded, revision) == ([int(state.model)], 1)

    def test_threads_with_pipelines_of_their_own_wait_for_each_other(self, store: Store) -> None:
        def run(pipeline: str) -> int:
            revision = 0
            for _ in range(10):
                revision = store.commit(pipeline, STATE, revision)
            return store.state(pipeline)[1]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(run, map(str, range(8)))) == [10] * 8


class TestModels:
    def test_the_newest_three_are_kept(self, store: Store) -> None:
        assert store.model("cpu") is None
        for number in range(5):
            store.add_model("cpu", f"v{number}", bytes([number]), f"fit {number}")
        store.add_model("memory", "v9", b"", "another's")
        assert [model.version for model in store.models("cpu")] == ["v4", "v3", "v2"]
        newest = store.model("cpu")
        assert newest is not None
        assert (newest.version, newest.content, newest.facts) == ("v4", b"\x04", "fit 4")
        assert newest.created > 0

    def test_a_model_that_comes_twice_is_there_once(self, store: Store) -> None:
        for version in ("v1", "v2", "v1"):
            store.add_model("cpu", version, version.encode(), "")
        assert [model.version for model in store.models("cpu")] == ["v1", "v2"]


class TestJobs:
    def test_a_job_is_asked_after(self, store: Store) -> None:
        job = store.add_job("cpu", "backfill", {"from": "2026-01-01"})
        assert store.job(job.id) == job
        assert (job.status, job.progress, job.finished) == ("queued", 0.0, False)
        store.update_job(job.id, "running", "half of it\0\ud800", 0.5)
        found = store.job(job.id)
        assert found is not None
        assert (found.status, found.message, found.progress) == ("running", "half of it?", 0.5)
        assert found.arguments == {"from": "2026-01-01"}
        assert found.updated >= found.created
        assert store.job("no such") is None

    def test_those_of_a_process_that_is_gone_have_failed(self, store: Store) -> None:
        done, running, queued = (store.add_job("cpu", "score", {}) for _ in range(3))
        store.update_job(done.id, "done", "all well", 1.0)
        store.update_job(running.id, "running")
        store.fail_unfinished("the daemon was stopped")
        found = {job.id: (job.status, job.message) for job in store.jobs("cpu")}
        gone = ("failed", "the daemon was stopped")
        assert found == {done.id: ("done", "all well"), running.id: gone, queued.id: gone}

    def test_finished_ones_are_forgotten_in_time(self, store: Store) -> None:
        waiting = store.add_job("cpu", "train", {})
        for _ in range(JOBS_KEPT + 5):
            store.update_job(store.add_job("cpu", "score", {}).id, "done")
        last = store.add_job("cpu", "score", {})
        jobs = store.jobs("cpu", 1000)
        assert len(jobs) == JOBS_KEPT + 2
        assert (jobs[0].id, jobs[-1].id) == (last.id, waiting.id)
        assert [job.id for job in store.jobs("cpu", 1)] == [last.id]


class TestDefinitionsAndReports:
    def test_a_definition_is_replaced_and_deleted(self, store: Store) -> None:
        for text in ("step: 1m", "step: 5m"):
            store.put_definition("cpu", text)
        store.put_definition("a", "x")
        assert store.definitions() == {"a": "x", "cpu": "step: 5m"}
        store.delete_definition("cpu")
        store.delete_definition("no such")
        assert store.definitions() == {"a": "x"}

    def test_the_newest_report_is_kept(self, store: Store) -> None:
        assert store.report("cpu") is None
        for age in (1.0, math.nan):
            store.put_report("cpu", {"data_age": age, "message": "ü"})
        report = store.report("cpu")
        assert report is not None
        assert report["message"] == "ü"
        assert math.isnan(report["data_age"])


def test_what_is_forgotten_is_gone_and_nothing_else(store: Store) -> None:
    for pipeline in ("cpu", "memory"):
        store.commit(pipeline, STATE, 0)
        store.add_model(pipeline, "v1", b"", "")
        store.add_job(pipeline, "score", {})
        store.put_report(pipeline, {})
        store.put_definition(pipeline, "text")
    store.forget("cpu")
    assert store.state("cpu") == (None, 0)
    assert (store.models("cpu"), store.jobs("cpu"), store.report("cpu")) == ([], [], None)
    assert store.state("memory") == (STATE, 1)
    assert len(store.models("memory")) == len(store.jobs("memory")) == 1
    assert set(store.definitions()) == {"cpu", "memory"}


def test_several_may_make_the_tables_at_once(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: Store(url), range(6)))
    stores[0].commit("cpu", STATE, 0)
    assert stores[5].state("cpu") == (STATE, 1)
    for store in stores:
        store.close()


def test_a_newer_schema_is_refused(url: str) -> None:
    import sqlalchemy as sa

    Store(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE anomaliz_schema_version SET version = 2"))
    engine.dispose()
    with pytest.raises(
        StoreError, match=r"newer Anomaliz \(schema 2, this one knows 1\): install that version"
    ):
        Store(url)


COMMITTING = """
import os, sys
from dataclasses import replace
import numpy as np
from anomaliz.store.database import Store
from anomaliz.store.state import PipelineState, Totals

store, revision = Store(sys.argv[1]), 0
stamp = np.datetime64("2026-01-05", "ns")
while True:
    memory = bytes([revision % 251]) * 300_000
    totals = Totals(runs=revision)
    state = PipelineState(stamp + np.timedelta64(revision, "s"), stamp, memory, "v1", b"", totals)
    revision = store.commit("cpu", state, revision)
    print(revision, flush=True)
"""


def test_a_process_that_is_killed_in_the_middle_leaves_a_whole_state(url: str) -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", COMMITTING, url], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            seen = [int(process.stdout.readline()) for _ in range(20)][-1]
            process.send_signal(signal.SIGKILL)
            seen = max([seen, *map(int, process.stdout.read().split())])
        store = Store(url)
        state, revision = store.state("cpu")
        assert state is not None
        # Killed between a commit and its telling: one more at most.
        assert revision - seen in (0, 1)
        last = revision - 1
        assert state.totals.runs == last
        assert state.memory == bytes([last % 251]) * 300_000
        assert state.watermark - state.snapshot == np.timedelta64(last, "s")
        store.forget("cpu")
        store.close()


class TestFaults:
    """Each is one sentence that names the database, and no password."""

    def test_a_locked_file(self, tmp_path: Path) -> None:
        hasty = Store(f"sqlite:///{tmp_path / 'store.db'}", timeout=0.2)
        with sqlite3.connect(tmp_path / "store.db") as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert hasty.state("cpu") == (None, 0), "readers do not wait for writers"
            with pytest.raises(
                StoreError, match=r"store\.db cannot be used \(database is locked\): see which"
            ):
                hasty.commit("cpu", STATE, 0)
            holder.rollback()
        holder.close()
        assert hasty.commit("cpu", STATE, 0) == 1
        hasty.close()

    def test_a_row_that_another_transaction_has(self, new_postgresql_database: str) -> None:
        import sqlalchemy as sa

        hasty = Store(new_postgresql_database, timeout=0.3)
        hasty.commit("cpu", STATE, 0)
        engine = sa.create_engine(new_postgresql_database)
        with engine.begin() as holder:
            holder.execute(sa.text("UPDATE anomaliz_states SET model = 'mine'"))
            with pytest.raises(StoreError, match=r"did not answer within 0\.3 s"):
                hasty.commit("cpu", STATE, 1)
        engine.dispose()
        assert hasty.commit("cpu", STATE, 1) == 2

    @pytest.mark.parametrize("fault", [stall, reset])
    def test_a_line_that_fails(self, new_postgresql_database: str, fault: Fault) -> None:
        with line_to(new_postgresql_database, fault) as failing:
            store = Store(failing, timeout=1)
            revision = store.commit("cpu", STATE, 0)
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"did not answer within 1 s|cannot be used"):
                store.commit("cpu", replace(STATE, model="stalled"), revision)
            assert time.monotonic() - began < 10
            assert store.state("cpu") == (STATE, revision)
            assert store.commit("cpu", STATE, revision) == revision + 1
            store.close()

    def test_a_server_that_is_not_there(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{closed.getsockname()[1]}"
            with pytest.raises(
                StoreError, match=r"^postgresql://127\.0\.0\.1/db cannot be used \("
            ) as raised:
                Store(f"postgresql+psycopg://us:sesame@{place}/db")
        assert "sesame" not in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_a_server_that_does_not_answer(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            place = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(StoreError, match=r"timeout|did not answer"):
                Store(f"postgresql+psycopg://us:sesame@{place}/db", timeout=2)

    @pytest.mark.parametrize(
        "content", [b"no database at all, but text" * 100, b"SQLite format 3\0" + b"x" * 5000]
    )
    def test_a_file_that_is_no_database(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "store.db").write_bytes(content)
        with pytest.raises(StoreError, match=r"store\.db cannot be used \(.*\): restore it from a copy"):
            Store(f"sqlite:///{tmp_path / 'store.db'}")
        assert (tmp_path / "store.db").read_bytes() == content

    def test_a_file_with_a_damaged_page(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        store = Store(f"sqlite:///{path}")
        store.commit("cpu", replace(STATE, memory=os.urandom(50_000)), 0)
        store.close()
        content = bytearray(path.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(StoreError, match="restore it from a copy"):
            Store(f"sqlite:///{path}").state("cpu")

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match=r"cannot be used \(.*(Not a directory|File exists).*\)"):
            Store(f"sqlite:///{tmp_path / 'file' / 'store.db'}")

    def test_a_folder_and_a_file_that_are_for_reading_only(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            store = Store(f"sqlite:///{folder / 'store.db'}")
            store.commit("cpu", STATE, 0)
            store.close()
            folder.chmod(0o555)
            (folder / "store.db").chmod(0o444)
            with as_nobody():
                with pytest.raises(StoreError, match=r"unable to open database file|readonly"):
                    Store(f"sqlite:///{folder / 'other.db'}")
                with pytest.raises(StoreError, match=r"cannot be used \(.*\): make it writable"):
                    Store(f"sqlite:///{folder / 'store.db'}").commit("cpu", STATE, 1)
            folder.chmod(0o755)

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "duckdb:///x.db"])
    def test_what_keeps_no_state(self, url: str) -> None:
        with pytest.raises(ConfigError, match=r"give sqlite:///PATH or postgresql://"):
            Store(url)

    @pytest.mark.parametrize(
        ("url", "said"), [("sesame", "cannot be read"), ("foo://us:sesame@h/d", "no driver for foo")]
    )
    def test_what_is_no_database(self, url: str, said: str) -> None:
        with pytest.raises(StoreError, match=said) as raised:
            Store(url)
        assert "sesame" not in str(raised.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody whom the permissions of files bind, until the end of the block."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
