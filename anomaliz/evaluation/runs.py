"""A benchmark run: every series scored and measured, several at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError
from anomaliz.core.types import Flags, Floats
from anomaliz.evaluation.labelled import Labelled
from anomaliz.evaluation.outputs import Outputs
from anomaliz.evaluation.progress import Report
from anomaliz.evaluation.protocols import MEASURE, Protocol
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


@dataclass(frozen=True)
class _Task:
    series: Labelled
    protocol: Protocol
    settings: Settings
    outputs: Outputs


def run(
    series: Sequence[Labelled],
    protocol: Protocol,
    settings: Settings,
    outputs: Outputs,
    jobs: int,
    report: Report,
) -> list[Result]:
    """Score and measure each of `series`, `jobs` at a time; the results have the series' order.

    Readings and plots are written as they come. Raises AnomalizError that names the series at fault.
    """
    # The longest first, lest one process is left with it while the others are done.
    order = np.argsort([-one.values.size for one in series], kind="stable").tolist()
    tasks = [_Task(series[i], protocol, settings, outputs) for i in order]
    results: dict[int, Result] = {}
    for position, result in run_tasks(_evaluate, tasks, jobs):
        results[order[position]] = result
        report(result.name, result.seconds)
    return [results[i] for i in range(len(series))]


def _evaluate(task: _Task) -> Result:
    series = task.series
    try:
        scored = score_labelled(series, task.settings)
        measures = MEASURE[task.protocol](scored)
        task.outputs.write(scored)
    except Exception as error:
        # Of hundreds of series the one at fault must be known, whatever the fault is.
        why = error if isinstance(error, AnomalizError) else f"{type(error).__name__}: {error}"
        raise AnomalizError(f"{series.name}: {why}") from error
    return Result(series.name, measures, series.windows, scored.alert_score, scored.alert, scored.seconds)
