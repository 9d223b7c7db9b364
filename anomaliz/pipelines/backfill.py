"""Scores history as if it were now: by models fitted when they would have been, on what came before."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Outcome, TrainedModel
from anomaliz.pipelines.times import as_datetime, as_stamp
from anomaliz.pipelines.work import Task
from anomaliz.store.state import Totals

logger = logging.getLogger(__name__)

Execute = Callable[[Task], Outcome]


def run_backfill(
    task: Task, execute: Execute, write: Callable[[Outcome], None], progress: Callable[[float], None]
) -> Totals:
    """Score the task's [start, end): `execute` its parts, `write` each, tell the `progress` in [0, 1].

    The pipeline's own state and model are left as they are; a model that the task brings scores it all. Run
    again, it gives the same samples. Raises what the jobs raise.
    """
    start, end = task.interval
    totals, given = Totals(), task.model
    for first, last in [(start, end)] if given else between_trainings(task.pipeline, start, end):
        task = replace(task, start=first, end=last, model=given or model_at(first, task, execute))
        while task.state is None or task.state.watermark < last:
            outcome = execute(task)
            write(outcome)
            assert outcome.state is not None
            task = replace(task, state=outcome.state)
            totals = _added(totals, outcome)
            progress(float((outcome.state.watermark - start) / (end - start)))
    return totals


def between_trainings(
    pipeline: Pipeline, start: np.datetime64, end: np.datetime64
) -> Iterator[tuple[np.datetime64, np.datetime64]]:
    """Yield [start, end) in parts, each of which one model would have scored; a bundle scores all of it."""
    trigger = pipeline.cron("train").trigger(pipeline.timezone)
    while start < end:
        fires = None if pipeline.bundle else trigger.get_next_fire_time(None, as_datetime(start + 1))
        last = end if fires is None else min(end, as_stamp(fires, pipeline.step_ns))
        yield start, last
        start = last


def model_at(time: np.datetime64, task: Task, execute: Execute) -> TrainedModel | None:
    """Return the model that would have been trained at `time`; the one before where that does not validate.

    None where a bundle scores. Raises DataError where there is none before.
    """
    if task.pipeline.bundle is not None:
        return None
    try:
        return execute(replace(task, kind="train", now=time)).model
    except DataError as error:
        if task.model is None:
            raise
        logger.warning("the model before is kept", extra={"at": str(time), "reason": str(error)})
        return task.model


def _added(totals: Totals, outcome: Outcome) -> Totals:
    report = outcome.report
    return replace(totals, points=totals.points + report.points, events=totals.events + report.events)
