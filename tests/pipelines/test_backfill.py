from dataclasses import replace

import numpy as np
import pytest
from pipeline_site import START, STEP, TRAINED, Site, daily

from anomaliz.core.errors import DataError
from anomaliz.pipelines.backfill import between_trainings, run_backfill
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Outcome
from anomaliz.pipelines.work import Task, work

DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def pipeline(**fields: object) -> Pipeline:
    usual = {"name": "x", "query": "q", "schedule": "*/5 * * * *"}
    return Pipeline.model_validate(usual | fields)


def hours(pipeline: Pipeline, start: str, end: str) -> list[tuple[str, str]]:
    parts = between_trainings(pipeline, np.datetime64(start, "ns"), np.datetime64(end, "ns"))
    return [(str(first)[5:16], str(last)[5:16]) for first, last in parts]


def test_a_new_model_scores_from_each_training_on() -> None:
    assert hours(pipeline(), "2026-03-01T12:00", "2026-03-03T03:00") == [
        ("03-01T12:00", "03-02T03:00"),
        ("03-02T03:00", "03-03T03:00"),
    ]


def test_trainings_follow_the_clock_on_the_wall() -> None:
    asked = pipeline(timezone="Europe/Berlin", train={"schedule": "0 3 * * *"})
    # Clocks go forward on 29 March 2026.
    assert [last for _, last in hours(asked, "2026-03-28T00:00", "2026-03-30T00:00")] == [
        "03-28T02:00",
        "03-29T01:00",
        "03-30T00:00",
    ]


def test_a_bundle_scores_all_of_it() -> None:
    asked = pipeline(bundle="artifacts/dev")
    assert hours(asked, "2026-03-01", "2026-03-05") == [("03-01T00:00", "03-05T00:00")]


def backfilled(site: Site, start: np.datetime64, end: np.datetime64) -> list[Task]:
    """Run a backfill, write it, and return the jobs that it was."""
    tasks: list[Task] = []

    def execute(task: Task) -> Outcome:
        tasks.append(task)
        return work(task)

    task = replace(site.books.backfill_task(site.pipeline, start, end))
    run_backfill(task, execute, lambda one: site.books.write(site.pipeline, one.samples), lambda _: None)
    return tasks


def test_models_are_fitted_on_what_came_before_and_no_stamp_is_left_out(site: Site) -> None:
    site.insert(START + np.arange(8 * 288, 10 * 288) * STEP, daily(2 * 288, seed=2))
    tasks = backfilled(site, TRAINED, TRAINED + 3 * DAY)
    trained = [task.now for task in tasks if task.kind == "train"]
    at_three = TRAINED + np.timedelta64(3, "h")
    assert trained == [TRAINED, at_three, at_three + DAY, at_three + 2 * DAY]
    assert len(site.lines()) == 3 * 288


def test_a_training_that_fails_on_the_way_keeps_the_model_before(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.define(train={"window": "1d"})
    tasks = backfilled(site, TRAINED, TRAINED + 3 * DAY)
    assert "the model before is kept" in caplog.text
    models = {task.model.version for task in tasks if task.kind == "backfill" and task.model}
    assert len(models) < len([task for task in tasks if task.kind == "train"])


def test_no_history_at_all_is_refused(site: Site) -> None:
    with pytest.raises(DataError, match="no data to train on"):
        backfilled(site, START - 3 * DAY, START)
