"""How well panels find the labelled anomalies of NAB and the servers: `python -m benchmarks.panel_quality`.

Each series is a panel of its own and goes through what a pipeline does: the model is fitted on the rows that
the protocol trains on, then anew every day on the newest rows, as many as the training window has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from anomaliz.bundle.series import QUIETS_A_DAY, SHORTEST_QUIET
from anomaliz.core.panel import Panel
from anomaliz.core.stamps import DAY, infer_step
from anomaliz.core.types import Floats
from anomaliz.detection.alerting import AlertState, alert_scores
from anomaliz.detection.series_profile import ALERT_SURPRISE, RANK_HALF_LIVES, shape_of
from anomaliz.detection.smoothing import joined_means, power_means
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import of_all_rows, of_test_rows
from anomaliz.panel.model import PanelModel
from benchmarks.quotient import mean_of, nab_best, nab_shipped
from benchmarks.readings import NAB, SERVERS, by_series, nab_series, server_series
from benchmarks.recipe import BUDGET, Outcome
from benchmarks.variants import TAIL_QUANTILE

START = np.datetime64("2026-01-01", "ns")
ASSUMED_STEP = np.timedelta64(5, "m")
"""Of a series without stamps."""
MEASURES = ("vus_pr", "vus_pr_of_score", "f1", "precision", "recall", "false_alarm_rate")


@dataclass(frozen=True)
class Schedule:
    """When a model is fitted again, and on what."""

    name: str
    daily: bool
    """Or once and never again."""
    window: np.timedelta64
    """What a later fit is fitted on, at least `rows`."""
    rows: int = 0


SCHEDULES = (
    Schedule("once", False, 0 * DAY),
    Schedule("daily, 7 days", True, 7 * DAY),
    Schedule("daily, 7 days or 1,000 rows", True, 7 * DAY, rows=1000),
    Schedule("daily, 30 days", True, 30 * DAY),
)


@dataclass(frozen=True)
class Judged:
    """What panels read of a series behind its training rows, `(n,)` each, NaN where they cannot say."""

    fused: Floats
    score: Floats
    """Over the threshold: 1 and above is anomalous."""
    day: int
    """Rows in a day."""


def judge(series: Labelled, schedule: Schedule) -> Judged:
    """Fit and score `series` as `schedule` says."""
    n = len(series.values)
    step = _step(series)
    day = max(round(float(DAY / step)), 1)
    window = max(round(float(schedule.window / step)), schedule.rows)
    panel = Panel(START + np.arange(n) * step, series.values[:, np.newaxis], ({},), series.features)
    fused, score, memory = np.full(n, np.nan), np.full(n, np.nan), None
    for start in range(series.n_train, n, day if schedule.daily else n):
        stop = min(start + day, n) if schedule.daily else n
        first = 0 if start == series.n_train else max(start - window, 0)
        model = PanelModel.fit(
            panel.rows(slice(first, start)), step, tail_quantile=TAIL_QUANTILE, alert_budget=BUDGET
        )
        part = panel.rows(slice(max(start - model.reach, 0), stop))
        verdicts, memory = model.score(part, stop - start, memory)
        fused[start:stop] = model.read(part, stop - start).fused[:, 0]
        score[start:stop] = verdicts.score[:, 0] / model.threshold
    return Judged(fused, score, day)


def scored(series: Labelled, judged: Judged) -> Scored:
    """Return the readings that the series profile makes of a fused surprise, of the panel's."""
    shape = shape_of(len(series.features))
    half_lives = RANK_HALF_LIVES[shape]
    rank = joined_means(power_means(judged.fused, half_lives, np.zeros(len(half_lives)))[0])
    quiet = max(judged.day // QUIETS_A_DAY[shape], SHORTEST_QUIET)
    news, _ = alert_scores(judged.fused, quiet, AlertState.none())
    return Scored(
        series=series,
        score=np.nan_to_num(judged.score),
        rank_score=np.nan_to_num(rank),
        alert_score=news,
        alert=news >= ALERT_SURPRISE[shape],
        threshold=1.0,
        alert_threshold=ALERT_SURPRISE[shape],
        surprise={},
        thresholds={},
        status=np.zeros(len(series.values), np.int8),
        seconds=0.0,
    )


def outcome(schedule: Schedule, series: Labelled) -> Outcome:
    """Return what panels are worth on `series`."""
    found = scored(series, judge(series, schedule))
    measure = of_all_rows if len(series.features) == 1 else of_test_rows
    of_score = measure(replace(found, rank_score=found.score))
    measures = {**measure(found), "vus_pr_of_score": of_score["vus_pr"]}
    return Outcome(series.name, series.windows, measures, found.alert_score, found.alert_threshold)


def line(outcomes: Sequence[Outcome], data: str) -> str:
    """Return the measures as a row of a table."""
    cells = [f"{mean_of(outcomes, measure).value():.3f}" for measure in MEASURES]
    if data == NAB:
        cells += [f"{nab(outcomes).value():.1f}" for nab in (nab_best, nab_shipped)]
    return " | ".join(cells)


def main(
    shared: Annotated[Path, typer.Option(help="Folder with nab and asd.")] = Path("../shared"),
    jobs: Annotated[int, typer.Option(min=1, help="Series at a time.")] = 2,
) -> None:
    """Measure panels on both data sets."""
    print("| data, fitted | " + " | ".join(MEASURES) + " | NAB best | NAB shipped |")
    for data, series in ((NAB, nab_series(shared)), (SERVERS, server_series(shared))):
        for schedule in SCHEDULES:
            found = by_series(partial(outcome, schedule), series, jobs)
            print(f"| {data}, {schedule.name} | {line(found, data)} |", flush=True)


def _step(series: Labelled) -> np.timedelta64:
    found = ASSUMED_STEP if series.times is None else infer_step(series.times[: series.n_train])
    step: np.timedelta64 = found.astype("timedelta64[ns]")
    return step


if __name__ == "__main__":
    typer.run(main)
