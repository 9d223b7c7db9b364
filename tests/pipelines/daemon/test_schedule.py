"""APScheduler over a real SQLite: what is due, what was missed, what is no longer wanted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

from anomaliz.pipelines.daemon.schedule import TABLE, Schedule
from anomaliz.pipelines.definition import Pipeline
from anomaliz.store.database import Store

Until = Callable[[Callable[[], object]], None]
YEARLY = "0 0 1 1 *"
MINUTELY = "* * * * *"


def pipeline(name: str = "cpu", schedule: str = YEARLY, **keys: object) -> Pipeline:
    return Pipeline.model_validate(
        {"name": name, "query": "up", "schedule": schedule, "step": 60, "train": {"schedule": YEARLY}, **keys}
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    yield store
    store.close()


@pytest.fixture
def started() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def schedule(store: Store, started: list[tuple[str, str]]) -> Iterator[Schedule]:
    schedule = Schedule(store.engine, lambda *job: started.append(job))
    yield schedule
    schedule.end()


def left(store: Store, pipelines: list[Pipeline], due: datetime) -> None:
    """Leave jobs in the database as a process does that ended, with times that are `due` by now."""
    before = Schedule(store.engine, lambda *_: None)
    before.begin(pipelines)
    before.end()
    jobs = SQLAlchemyJobStore(engine=store.engine, tablename=TABLE)
    jobs.start(before._scheduler, "default")
    for job in jobs.get_all_jobs():
        job._modify(next_run_time=due)
        jobs.update_job(job)


def test_what_was_missed_is_caught_up_with_once(
    store: Store, schedule: Schedule, started: list[Any], until: Until
) -> None:
    left(store, [pipeline(schedule=MINUTELY)], datetime.now(UTC) - timedelta(days=1))
    schedule.begin([pipeline(schedule=MINUTELY)])
    until(lambda: len(started) == 2)
    assert set(started) == {("cpu", "score"), ("cpu", "train")}
    due = schedule.next_run("cpu", "score")
    assert due is not None
    assert datetime.now(UTC) < due <= datetime.now(UTC) + timedelta(minutes=1)


def test_jobs_of_pipelines_that_are_gone_are_not_begun(
    store: Store, schedule: Schedule, started: list[Any], until: Until
) -> None:
    left(store, [pipeline("gone"), pipeline("kept")], datetime.now(UTC) - timedelta(days=1))
    schedule.begin([pipeline("kept")])
    until(lambda: len(started) == 2)
    assert {name for name, _ in started} == {"kept"}
    assert schedule.next_run("gone", "score") is None


def test_following_touches_only_what_changed(schedule: Schedule) -> None:
    same, other = pipeline("same", jitter=30), pipeline("other")
    schedule.begin([same, other])
    before = schedule.next_run("same", "score"), schedule.next_run("other", "score")
    schedule.follow([same, pipeline("other", schedule="0 12 2 2 *"), pipeline("new")])
    after = schedule.next_run("same", "score"), schedule.next_run("other", "score")
    # With a jitter, a job that is made anew is due at another time.
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert schedule.next_run("new", "train") is not None


def test_a_bundle_without_training_has_no_training(schedule: Schedule) -> None:
    definition = {"name": "cpu", "query": "up", "schedule": MINUTELY, "bundle": "artifacts/dev"}
    schedule.begin([Pipeline.model_validate(definition)])
    assert schedule.next_run("cpu", "score") is not None
    assert schedule.next_run("cpu", "train") is None


def test_times_and_weekdays_are_those_of_cron_in_the_zone(schedule: Schedule) -> None:
    mondays = pipeline(schedule="30 9 * * 1", timezone="Europe/Berlin")
    schedule.begin([mondays])
    due = schedule.next_run("cpu", "score")
    assert due is not None
    assert due.weekday() == 0
    assert (due.hour, due.minute) in [(7, 30), (8, 30)]


def test_a_clock_that_was_set_back_holds_up_nothing(store: Store, schedule: Schedule) -> None:
    left(store, [pipeline(schedule=MINUTELY)], datetime.now(UTC) + timedelta(days=400))
    schedule.begin([pipeline(schedule=MINUTELY)])
    due = schedule.next_run("cpu", "score")
    assert due is not None
    assert due <= datetime.now(UTC) + timedelta(minutes=1)
    assert schedule.next_run("cpu", "train") < datetime.now(UTC) + timedelta(days=367)  # type: ignore[operator]


def test_a_clock_that_was_set_forward_has_one_run_each(
    schedule: Schedule, started: list[Any], until: Until
) -> None:
    schedule.begin([pipeline()])
    # What a jump by a year leaves: times that are long past.
    schedule._scheduler.modify_job("score:cpu", next_run_time=datetime.now(UTC) - timedelta(days=365))
    schedule.realign()
    until(lambda: started)
    assert started == [("cpu", "score")]


def test_a_database_that_fails_for_a_while_is_no_end(
    store: Store,
    schedule: Schedule,
    started: list[Any],
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    schedule.begin([pipeline()])
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {TABLE} RENAME TO away"))
    schedule._scheduler.wakeup()
    until(lambda: "Error getting due jobs" in caplog.text)
    with store.engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE away RENAME TO {TABLE}"))
    schedule._scheduler.modify_job("score:cpu", next_run_time=datetime.now(UTC) - timedelta(seconds=1))
    until(lambda: started == [("cpu", "score")])
