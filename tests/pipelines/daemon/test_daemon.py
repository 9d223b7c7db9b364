"""The daemon with real jobs: processes, a store in SQLite, functions that hang or fail on demand."""

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Timer
from typing import Any

import psutil
import pytest

from anomaliz.core.errors import ConfigError, ConflictError
from anomaliz.pipelines.daemon.daemon import Daemon

Until = Callable[[Callable[[], object]], None]
Running = Callable[[Daemon], Daemon]
Define = Callable[..., dict[str, Any]]


@pytest.fixture
def scored(workplace: Any, define: Define, running: Running, until: Until) -> Daemon:
    """A daemon whose one pipeline is trained and has scored once."""
    workplace.define(define())
    daemon = running(workplace.daemon())
    until(lambda: workplace.newest("score"))
    return daemon


def test_a_pipeline_without_a_model_is_trained_then_scored(scored: Daemon, workplace: Any) -> None:
    assert [report.kind for report in workplace.reports] == ["train", "score"]
    assert [report.status for report in workplace.reports] == ["ok", "ok"]
    assert len(workplace.written()) == 1
    state, _ = scored.store.state("steady")
    assert state is not None
    assert state.totals.points == 1


def test_each_run_goes_on_where_the_one_before_ended(scored: Daemon, workplace: Any) -> None:
    for _ in range(2):
        workplace.score(scored)
    stamps = workplace.written()
    assert stamps == sorted(set(stamps))
    seconds = [int(stamp[17:19]) for stamp in stamps]
    assert {(later - earlier) % 60 for earlier, later in pairwise(seconds)} == {1}


def test_a_job_that_was_asked_for_can_be_followed(scored: Daemon, until: Until) -> None:
    job = scored.request("steady", "train")
    assert job.status == "queued"
    until(lambda: scored.store.job(job.id).finished)
    found = scored.store.job(job.id)
    assert found is not None
    assert (found.status, found.progress) == ("done", 1.0)
    assert "1 series" in found.message
    assert len(scored.store.models("steady")) == 2


def test_what_is_not_there_cannot_be_asked_for(scored: Daemon) -> None:
    with pytest.raises(ConfigError, match="did you mean 'steady'"):
        scored.request("stedy", "score")


def test_a_hang_is_ended_and_delays_no_other(
    workplace: Any, define: Define, running: Running, until: Until
) -> None:
    hanging = workplace.source("slow")
    workplace.define(define(source="steady"), define("slow", source="slow", score={"timeout": "8s"}))
    daemon = running(workplace.daemon())
    until(lambda: workplace.newest("score") and workplace.newest("score", "slow"))
    workplace.begin_to_hang(daemon, "slow")
    assert workplace.score(daemon).status == "done"
    with pytest.raises(ConflictError, match="a score of pipeline slow is under way"):
        daemon.request("slow", "score")
    until(lambda: workplace.newest("score", "slow").status == "failed")
    failed = workplace.newest("score", "slow")
    assert "timeout of 8 s" in failed.message
    (hanging / "hang").unlink()
    assert workplace.score(daemon, "slow").status == "done"


def test_a_job_whose_process_is_killed_is_done_by_the_next_run(
    scored: Daemon, workplace: Any, until: Until
) -> None:
    folder = workplace.folder / "steady"
    job = workplace.begin_to_hang(scored)
    for child in psutil.Process().children():
        if "anomaliz.pipelines.executor.worker" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)
    until(lambda: scored.store.job(job.id).finished)
    assert scored.store.job(job.id).status == "failed"
    assert "SIGKILL" in scored.store.job(job.id).message
    (folder / "hang").unlink()
    assert workplace.score(scored).status == "done"
    state, _ = scored.store.state("steady")
    assert state.totals.failures == 1


def test_a_source_that_is_down_is_no_data_and_comes_back(scored: Daemon, workplace: Any) -> None:
    written = workplace.written()
    (workplace.folder / "steady" / "down").touch()
    workplace.score(scored)
    assert workplace.newest("score").status == "no_data"
    assert workplace.written() == written
    (workplace.folder / "steady" / "down").unlink()
    workplace.score(scored)
    assert workplace.newest("score").status == "ok"
    assert len(workplace.written()) > len(written)


def test_a_first_training_that_fails_is_tried_again_later_and_not_at_once(
    workplace: Any, define: Define, running: Running, until: Until
) -> None:
    (workplace.folder / "steady" / "down").touch()
    workplace.define(define())
    daemon = running(workplace.daemon())
    until(lambda: workplace.newest("train"))
    assert workplace.newest("train").status == "failed"
    job = daemon.request("steady", "score")
    until(lambda: daemon.store.job(job.id).finished)
    assert workplace.newest("score").status == "no_data"
    (workplace.folder / "steady" / "down").unlink()
    job = daemon.request("steady", "score")
    until(lambda: daemon.store.job(job.id).finished)
    assert "waits for its first training" in daemon.store.job(job.id).message
    time.sleep(2.5)  # two looks at what waits for training
    assert [report.kind for report in workplace.reports].count("train") == 1


def test_a_sink_that_refuses_has_the_same_written_later(
    workplace: Any, define: Define, running: Running, until: Until
) -> None:
    workplace.define(define())
    workplace.scores.mkdir()
    daemon = running(workplace.daemon())
    until(lambda: workplace.newest("score"))
    assert workplace.newest("score").status == "failed"
    assert "cannot be written" in workplace.newest("score").message
    assert daemon.store.state("steady") == (None, 0)
    workplace.scores.rmdir()
    assert workplace.score(daemon).status == "done"
    assert workplace.written()


def test_a_changed_file_is_taken_and_a_broken_one_is_not(
    scored: Daemon, workplace: Any, define: Define, until: Until
) -> None:
    workplace.define(define(), define("second"))
    until(lambda: scored.reloads["loaded"] == 1)
    until(lambda: workplace.newest("score", "second"))
    workplace.define(define(), define("second", shedule="* * * * *"))
    until(lambda: scored.reloads["refused"] == 1)
    assert [one.name for one in scored.definitions.pipelines] == ["steady", "second"]
    workplace.define(define("second"))
    until(lambda: scored.reloads["loaded"] == 2)
    assert [one.name for one in scored.definitions.pipelines] == ["second"]
    assert scored.next_run("steady", "score") is None
    assert scored.next_run("second", "score") is not None


def test_a_pipeline_that_reads_something_else_learns_anew(
    scored: Daemon, workplace: Any, define: Define, until: Until
) -> None:
    workplace.source("other")
    workplace.define(define(source="other"))
    until(lambda: len(scored.store.models("steady")) == 2)


def test_stopping_lets_a_job_end(scored: Daemon, workplace: Any) -> None:
    folder = workplace.folder / "steady"
    workplace.begin_to_hang(scored)
    Timer(1.0, (folder / "hang").unlink).start()
    scored.stop()
    assert workplace.newest("score").status == "ok"


def test_stopping_waits_no_longer_than_it_may(
    workplace: Any, define: Define, running: Running, until: Until
) -> None:
    workplace.define(define())
    daemon = running(workplace.daemon(pipelines__shutdown_seconds=1))
    until(lambda: workplace.newest("score"))
    workplace.begin_to_hang(daemon)
    begun = time.monotonic()
    daemon.stop()
    assert time.monotonic() - begun < 6
    assert workplace.newest("score").status == "failed"
    assert not any("executor.worker" in " ".join(child.cmdline()) for child in psutil.Process().children())


def test_a_second_daemon_on_one_store_is_noticed(scored: Daemon, workplace: Any, until: Until) -> None:
    folder = workplace.folder / "steady"
    job = workplace.begin_to_hang(scored)
    state, revision = scored.store.state("steady")
    scored.store.commit("steady", state, revision)
    (folder / "hang").unlink()
    until(lambda: scored.store.job(job.id).finished)
    assert "is run by another process too" in scored.store.job(job.id).message


def test_jobs_run_on_a_cluster_of_dask(
    workplace: Any, define: Define, running: Running, until: Until, dask_address: str
) -> None:
    workplace.define(define(), define("second"))
    daemon = running(workplace.daemon(pipelines__executor=dask_address))
    until(lambda: workplace.newest("score") and workplace.newest("score", "second"))
    assert workplace.score(daemon).status == "done"
    assert workplace.newest("score").status == "ok"


def test_a_cluster_that_is_absent_fails_jobs_in_one_sentence(
    workplace: Any, define: Define, running: Running, until: Until, free_port: int
) -> None:
    workplace.define(define())
    running(workplace.daemon(pipelines__executor=f"dask://127.0.0.1:{free_port}"))
    until(lambda: workplace.newest("train"))
    assert "cannot be reached" in workplace.newest("train").message


def test_the_store_may_be_postgresql(
    workplace: Any, define: Define, running: Running, until: Until, postgresql: str
) -> None:
    workplace.define(define("in_postgresql"))
    daemon = running(workplace.daemon(pipelines__store=postgresql))
    until(lambda: workplace.newest("score", "in_postgresql"))
    assert daemon.next_run("in_postgresql", "score")
    assert workplace.score(daemon, "in_postgresql").status == "done"


def test_jobs_of_a_process_that_is_gone_have_failed(workplace: Any, define: Define, running: Running) -> None:
    workplace.define(define())
    daemon = workplace.daemon()
    job = daemon.store.add_job("steady", "backfill", {})
    running(daemon)
    assert daemon.store.job(job.id).status == "failed"


def test_a_restart_trains_nothing_again(scored: Daemon, workplace: Any, running: Running) -> None:
    scored.stop()
    workplace.reports.clear()
    daemon = running(workplace.daemon())
    workplace.score(daemon)
    assert {report.kind for report in workplace.reports} == {"score"}
    stamps = workplace.written()
    assert stamps == sorted(set(stamps))


def test_what_was_missed_while_nothing_ran_is_scored_once_without_gaps(
    scored: Daemon, workplace: Any, running: Running, until: Until, make_due: Callable[[Daemon], None]
) -> None:
    make_due(scored)
    scored.stop()
    workplace.reports.clear()
    time.sleep(1.5)  # the step, and a little: something is missed
    running(workplace.daemon())
    until(lambda: workplace.newest("score") and workplace.newest("train"))
    assert sorted(report.kind for report in workplace.reports) == ["score", "train"]
    stamps = [datetime.fromisoformat(stamp) for stamp in workplace.written()]
    assert {later - earlier for earlier, later in pairwise(stamps)} == {timedelta(seconds=1)}


def test_a_due_run_is_skipped_while_its_like_is_under_way(scored: Daemon, workplace: Any) -> None:
    folder = workplace.folder / "steady"
    workplace.begin_to_hang(scored)
    scored._due("steady", "score")
    assert scored.skipped["steady", "score"] == 1
    (folder / "hang").unlink()
