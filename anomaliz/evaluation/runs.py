"""A benchmark run: every series scored and measured, several at a time."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaliz.core.errors import AnomalizError
from anomaliz.core.types import Flags, Floats
from anomaliz.data.dataset import DataWarning
from anomaliz.evaluation.labelled import Labelled
from anomaliz.evaluation.plan import Plan
from anomaliz.evaluation.progress import Report
from anomaliz.evaluation.protocols import MEASURE
from anomaliz.evaluation.scoring import score_labelled
from anomaliz.training.processes import run_tasks


@dataclass(frozen=True)
class Result:
    """What a run keeps of one series."""

    name: str
    measures: Mapping[str, Any]
    windows: Sequence[tuple[int, int]]
    alert_score: Floats
    """`(n,)`."""
    alert: Flags
    """`(n,)`."""
    seconds: float
    heard: Sequence[str] = ()
    """Warnings, each once."""


@dataclass(frozen=True)
class _Task:
    series: Labelled
    plan: Plan


def run(series: Sequence[Labelled], plan: Plan, jobs: int, report: Report) -> list[Result]:
    """Score and measure each of `series`, `jobs` at a time; the results have the series' order.

    Readings and plots are written as they come. One DataWarning a series holds what was warned of there.
    Raises AnomalizError that names the series at fault.
    """
    # The longest first, lest one process is left with it while the others are done.
    order = np.argsort([-one.values.size for one in series], kind="stable").tolist()
    tasks = [_Task(series[i], plan) for i in order]
    results: dict[int, Result] = {}
    for position, result in run_tasks(_evaluate, tasks, jobs):
        results[order[position]] = result
        if result.heard:
            warnings.warn(f"{result.name}: {'; '.join(result.heard)}", DataWarning, stacklevel=2)
        report(result.name, result.seconds)
    return [results[i] for i in range(len(series))]


def _evaluate(task: _Task) -> Result:
    series, plan = task.series, task.plan
    try:
        # A worker's own warnings would come out raw, and once for each worker.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            scored = score_labelled(series, plan.settings, with_window=plan.with_window)
            measures = MEASURE[plan.protocol](scored)
            plan.outputs.write(scored)
    except Exception as error:
        # Of hundreds of series the one at fault must be known, whatever the fault is.
        why = error if isinstance(error, AnomalizError) else f"{type(error).__name__}: {error}"
        raise AnomalizError(f"{series.name}: {why}") from error
    heard = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    return Result(
        series.name, measures, series.windows, scored.alert_score, scored.alert, scored.seconds, heard
    )
