"""Whether false alarms come as often as claimed: `python -m benchmarks.calibration`.

On rows without an anomaly the surprise of a row claims how seldom such a one is; the rows that reach it
are counted. The alert budget claims a number of false alarms, runs of rows above the threshold.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from anomaliz.core.types import Floats
from anomaliz.core.verdict import FUSED
from anomaliz.data.behaviour import FEATURES, STEP, realistic_behaviour
from anomaliz.data.synthetic import START
from anomaliz.evaluation.labelled import Labelled
from anomaliz.metrics.events import false_alarms
from anomaliz.visualization.benchmark import plot_calibration
from benchmarks.quotient import Quotient
from benchmarks.readings import by_series, nab_series, server_series
from benchmarks.recipe import Kitchen, Recipe

CLAIMED = 10.0 ** -np.arange(1, 4.1, 0.5)
SINGLE, SEVERAL = "NAB, rows outside windows", "servers, unlabelled rows"
SEEDS = 10
N_BEHIND = 8000
FEW, MANY = 750, 4000
"""Training rows of clean series: as few as NAB gives, and two weeks of five minutes."""
PER = 1000
"""Rows that false alarms are counted in."""


@dataclass(frozen=True)
class Counts:
    """What the normal rows behind one series' training part show."""

    rows: int
    reached: Mapping[str, Floats]
    """Rows that reach each claimed surprise, `(len(CLAIMED),)` by reading."""
    flagged: int
    """Rows from the label-free threshold of the score on."""
    false_runs: int
    """Unbroken runs of them that touch no labelled row."""
    alerts: int


def clean_series(n_features: int, n_train: int) -> list[Labelled]:
    """Return daily shapes with persistent noise and no anomaly, one for each seed."""
    n = n_train + N_BEHIND
    return [
        Labelled(
            name=f"clean {seed}",
            values=realistic_behaviour(n, np.random.default_rng(seed))[:, :n_features],
            times=START + np.arange(n) * STEP,
            labels=np.zeros(n, np.bool_),
            features=FEATURES[:n_features],
            n_train=n_train,
        )
        for seed in range(SEEDS)
    ]


def count(series: Labelled) -> Counts:
    """Count what the normal rows behind the training part of `series` show."""
    scored = Kitchen(series).scored(Recipe())
    normal = np.logical_not(series.labels)
    normal[: series.n_train] = False
    flags = scored.score >= scored.threshold
    return Counts(
        rows=int(normal.sum()),
        reached={name: _reached(values[normal]) for name, values in scored.surprise.items()},
        flagged=int(flags[normal].sum()),
        false_runs=false_alarms(series.labels, flags),
        alerts=int(scored.alert[normal].sum()),
    )


def observed(counts: Sequence[Counts]) -> dict[str, Floats]:
    """Return the share of all normal rows that reach each claimed surprise, by reading."""
    rows = sum(one.rows for one in counts)
    return {name: np.sum([one.reached[name] for one in counts], axis=0) / rows for name in counts[0].reached}


def false_alarms_table(found: Mapping[str, Sequence[Counts]]) -> str:
    """Return false alarms in 1,000 normal rows, with their intervals."""
    lines = [
        f"| in {PER} normal rows | series | runs above the threshold | rows above it | alerts |",
        "|---|---|---|---|---|",
    ]
    for name, counts in found.items():
        cells = [_rate(counts, kind) for kind in ("false_runs", "flagged", "alerts")]
        lines.append(f"| {name} | {len(counts)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rates_table(found: Mapping[str, Mapping[str, Floats]]) -> str:
    """Return the observed rates over the claimed ones."""
    heads = " | ".join(f"{rate:.1g}" for rate in CLAIMED)
    lines = [f"| claimed | {heads} |", "|---" * (1 + len(CLAIMED)) + "|"]
    for data, rates in found.items():
        for name, values in rates.items():
            lines.append(f"| {data}: {name} | {' | '.join(f'{rate:.2g}' for rate in values)} |")
    return "\n".join(lines)


def _reached(surprise: Floats) -> Floats:
    return np.array([(surprise >= -np.log10(rate)).sum() for rate in CLAIMED], np.float64)


def _rate(counts: Sequence[Counts], kind: str) -> str:
    over = np.array([getattr(one, kind) for one in counts], np.float64)
    rate = Quotient(PER * over, np.array([one.rows for one in counts], np.float64))
    lower, upper = rate.interval()
    return f"{rate.value():.2f} [{lower:.2f}, {upper:.2f}]"


def main(
    shared: Annotated[Path, typer.Option(help="Folder with nab/ and asd/.")] = Path("../shared"),
    jobs: Annotated[int, typer.Option(min=1, help="Series at the same time.")] = 2,
    figures: Annotated[Path | None, typer.Option(help="Folder for the figures.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file for every number.")] = None,
) -> None:
    """Print claimed and observed rates of false alarms on clean synthetic and on real series."""
    found = {name: by_series(count, series, jobs) for name, series in _data(shared).items()}
    rates = {name: observed(counts) for name, counts in found.items()}
    print(false_alarms_table(found), rates_table(rates), sep="\n\n")
    if figures:
        fused = {name: values[FUSED] for name, values in rates.items()}
        plot_calibration(CLAIMED, fused, figures / "calibration.png")
        plot_calibration(CLAIMED, rates[SINGLE], figures / "calibration_members.png")
    if json_file:
        json_file.write_text(json.dumps({"claimed": CLAIMED.tolist(), "observed": _listed(rates)}, indent=2))


def _data(shared: Path) -> dict[str, list[Labelled]]:
    sizes = [(n_features, n_train) for n_train in (FEW, MANY) for n_features in (1, 3)]
    clean = {f"clean, {_metrics(k)}, {n} training rows": clean_series(k, n) for k, n in sizes}
    return {**clean, SEVERAL: server_series(shared), SINGLE: nab_series(shared)}


def _metrics(n_features: int) -> str:
    return "1 metric" if n_features == 1 else f"{n_features} metrics"


def _listed(rates: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, list[Any]]]:
    return {data: {name: values.tolist() for name, values in found.items()} for data, found in rates.items()}


if __name__ == "__main__":
    typer.run(main)
