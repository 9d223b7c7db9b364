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
class Failure:
    """A series that could not be scored, measured or written."""

    name: str
    why: str
    """One sentence, without the name."""


@dataclass(frozen=True)
class _Task:
    series: Labelled
    plan: Plan


def run(
    series: Sequence[Labelled], plan: Plan, jobs: int, report: Report
) -> tuple[list[Result], list[Failure]]:
    """Score and measure each of `series`, `jobs` at a time; return what is done, and what failed.

    Both have the series' order. Readings and plots are written as they come. One DataWarning a series holds
    what was warned of there.
    """
    # The longest first, lest one process is left with it while the others are done.
    order = np.argsort([-one.values.size for one in series], kind="stable").tolist()
    outcomes: dict[int, Result | Failure] = {}
    try:
        for position, outcome in run_tasks(_evaluate, [_Task(series[i], plan) for i in order], jobs):
            outcomes[order[position]] = outcome
            _tell(outcome, report)
    except AnomalizError as error:
        # A process died, and took the tasks with it that were not done.
        lost = {i: Failure(series[i].name, str(error)) for i in order if i not in outcomes}
        outcomes.update(lost)
    found = [outcomes[i] for i in range(len(series))]
    failures = [outcome for outcome in found if isinstance(outcome, Failure)]
    return [outcome for outcome in found if isinstance(outcome, Result)], failures


def _tell(outcome: Result | Failure, report: Report) -> None:
    if isinstance(outcome, Failure):
        return
    if outcome.heard:
        warnings.warn(f"{outcome.name}: {'; '.join(outcome.heard)}", DataWarning, stacklevel=3)
    report(outcome.name, outcome.seconds)


def _evaluate(task: _Task) -> Result | Failure:
    try:
        return _result(task.series, task.plan)
    except AnomalizError as error:
        return Failure(task.series.name, str(error))
    except Exception as error:
        # Of hundreds of series the one at fault must be known, whatever the fault is.
        return Failure(task.series.name, f"{type(error).__name__}: {error}")


def _result(series: Labelled, plan: Plan) -> Result:
    # A worker's own warnings would come out raw, and once for each worker.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        scored = score_labelled(series, plan.settings, with_window=plan.with_window)
        measures = MEASURE[plan.protocol](scored)
        plan.outputs.write(scored)
    heard = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    return Result(
        series.name, measures, series.windows, scored.alert_score, scored.alert, scored.seconds, heard
    )
