"""Scores history part by part, each from the rows before it alone."""

from collections.abc import Callable
from dataclasses import replace

from anomaliz.pipelines.outcome import Outcome
from anomaliz.pipelines.work import Task
from anomaliz.store.state import Totals


def run_backfill(
    task: Task,
    execute: Callable[[Task], Outcome],
    write: Callable[[Outcome], None],
    progress: Callable[[float], None],
) -> Totals:
    """Score the task's [start, end): `execute` its parts, `write` each, and tell the `progress` in [0, 1].

    The pipeline's own state is left as it is. Run again, it gives the same samples.
    """
    start, end = task.interval
    totals = Totals()
    while True:
        outcome = execute(task)
        if outcome.model:
            task = replace(task, model=outcome.model)
            continue
        write(outcome)
        assert outcome.state is not None
        task = replace(task, state=outcome.state)
        totals = replace(
            totals,
            points=totals.points + outcome.report.points,
            events=totals.events + outcome.report.events,
        )
        progress(float((outcome.state.watermark - start) / (end - start)))
        if outcome.state.watermark >= end:
            return totals
