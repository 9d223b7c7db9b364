"""How well panels find the labelled anomalies of NAB and the servers: `python -m benchmarks.panel_quality`.

Each series is a panel of its own, fitted and fitted anew as a pipeline would: first on the rows that the protocol
trains on, then every day on the newest rows, so many as the training window has.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

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
from benchmarks.readings import by_series, nab_series, server_series, QUIETS_A_DAY, ASSUMED_DAY, SHORTEST_QUIET
from benchmarks.recipe import BUDGET, Outcome
from benchmarks.variants import TAIL_QUANTILE

START = np.datetime64("2026-01-01", "ns")


@dataclass(frozen=True)
class Schedule:
    """When a model is fitted, and on what; None is never again, and on all the past."""

    every: np.timedelta64 | None
    window: np.timedelta64 | None


def scored(schedule: Schedule, series: Labelled) -> tuple[Scored, Floats]:
    n, shape = len(series.values), shape_of(len(series.features))
    step = np.timedelta64(5, "m") if series.times is None else infer_step(series.times[: series.n_train])
    step = step.astype("timedelta64[ns]")
    times = START + np.arange(n) * step
    panel = Panel(times, series.values[:, np.newaxis], ({},), series.features)
    every = n if schedule.every is None else max(int(schedule.every / step), 1)
    window = n if schedule.window is None else int(schedule.window / step)
    fused, score = np.full(n, np.nan), np.full(n, np.nan)
    memory, began = None, time.perf_counter()
    for start in range(series.n_train, n, every):
        stop = min(start + every, n)
        first = max(start - max(window, series.n_train if start == series.n_train else 0), 0)
        model = PanelModel.fit(panel.rows(slice(first, start)), step, tail_quantile=TAIL_QUANTILE, alert_budget=BUDGET)
        part = panel.rows(slice(max(start - model.reach, 0), stop))
        fused[start:stop] = model.read(part, stop - start).fused[:, 0]
        verdicts, memory = model.score(part, stop - start, memory)
        score[start:stop] = verdicts.score[:, 0] / model.threshold
    half_lives = RANK_HALF_LIVES[shape]
    rank = joined_means(power_means(fused, half_lives, np.zeros(len(half_lives)))[0])
    day = max(round(float(DAY / step)), 1)
    quiet = max(day // QUIETS_A_DAY[shape], SHORTEST_QUIET)
    news, _ = alert_scores(fused, quiet, AlertState.none())
    none = lambda readings: np.where(np.arange(n) < series.n_train, 0.0, np.nan_to_num(readings))
    alert = ALERT_SURPRISE[shape]
    return Scored(
        series, none(score), none(rank), none(news), none(news) >= alert, 1.0, alert, {}, {}, np.zeros(n, np.int8), time.perf_counter() - began
    ), none(score)


def outcomes(schedule: Schedule, series: Labelled) -> tuple[Outcome, Outcome]:
    found, own = scored(schedule, series)
    measure = of_all_rows if len(series.features) == 1 else of_test_rows
    measures = dict(measure(found))
    import dataclasses
    measures["own_vus"] = measure(dataclasses.replace(found, rank_score=own))["vus_pr"]
    return Outcome(series.name, series.windows, measures, found.alert_score, found.alert_threshold), Outcome(series.name, series.windows, measures, own, 1.0)


SCHEDULES = {
    "once": Schedule(None, None),
    "daily, 7 days": Schedule(np.timedelta64(1, "D"), np.timedelta64(7, "D")),
    "daily, 30 days": Schedule(np.timedelta64(1, "D"), np.timedelta64(30, "D")),
}


def main(shared: Path = Path("/work/shared"), jobs: int = 2, which: str = "") -> None:
    for name, schedule in SCHEDULES.items():
        if which and which not in name:
            continue
        found = by_series(partial(outcomes, schedule), nab_series(shared), jobs)
        a, b = [o[0] for o in found], [o[1] for o in found]
        print(name, f"NAB best {nab_best(a).value():.1f} shipped {nab_shipped(a).value():.1f} vus {mean_of(a, 'vus_pr').value():.3f} own vus {mean_of(a, 'own_vus').value():.3f} F1 {mean_of(a, 'f1').value():.3f}  P {mean_of(a, 'precision').value():.3f} R {mean_of(a, 'recall').value():.3f} FAR {mean_of(a, 'false_alarm_rate').value():.4f} own NAB {nab_best(b).value():.1f} {nab_shipped(b).value():.1f}", flush=True)
        found = by_series(partial(outcomes, schedule), server_series(shared), jobs)
        a = [o[0] for o in found]
        print(name, f"servers vus {mean_of(a, 'vus_pr').value():.3f} own {mean_of(a, 'own_vus').value():.3f} F1 {mean_of(a, 'f1').value():.3f} P {mean_of(a, 'precision').value():.3f} R {mean_of(a, 'recall').value():.3f} FAR {mean_of(a, 'false_alarm_rate').value():.4f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
