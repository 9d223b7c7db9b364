"""What a panel of many series costs to fit and to score: `python -m benchmarks.panels 10000`."""

import resource
import subprocess
import sys
import time

import numpy as np

from anomaliz.config.loading import load_settings
from anomaliz.core.panel import Panel
from anomaliz.core.types import Floats
from anomaliz.panel.model import PanelModel

STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
DAY = 288
TRAINING = 7 * DAY
STEPS = 5
"""Scored one after the other, as a pipeline would."""
START = np.datetime64("2026-03-02", "ns")


def measured(n_series: int) -> dict[str, float]:
    """Return the figures of one process that fits `n_series` of one feature and scores STEPS rows."""
    command = [sys.executable, "-m", "benchmarks.panels", str(n_series)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def panel_of(n_series: int, first: int, n: int) -> Panel:
    """Return noisy days of `n_series`, rows `first` to `first + n`."""
    rng = np.random.default_rng(first)
    rows = np.arange(first, first + n)
    values: Floats = rng.standard_normal((n, n_series, 1))
    values += 3 * np.sin(
        2 * np.pi * (rows[:, np.newaxis, np.newaxis] / DAY + np.arange(n_series)[:, np.newaxis] / 7)
    )
    return Panel(START + rows * STEP, values, tuple({"i": str(i)} for i in range(n_series)), ("value",))


def main() -> None:
    n_series, detection = int(sys.argv[1]), load_settings(environ={}, env_file=None).detection
    training = panel_of(n_series, 0, TRAINING)
    began = time.perf_counter()
    model = PanelModel.fit(
        training,
        STEP,
        tail_quantile=detection.calibration.tail_quantile,
        alert_budget=detection.threshold.alert_budget,
    )
    print("fit_seconds", time.perf_counter() - began)
    content = model.dump()
    print("model_megabytes", len(content) / 2**20)
    score(content, panel_of(n_series, TRAINING, model.reach + STEPS))
    print("peak_megabytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def score(content: bytes, panel: Panel) -> None:
    """Print the time of a step: the model read from its bytes, the newest row of all series judged."""
    seconds, memory = [], None
    for last in range(len(panel) - STEPS, len(panel)):
        began = time.perf_counter()
        model = PanelModel.load(content)
        _, memory = model.score(panel.rows(slice(last - model.reach, last + 1)), 1, memory)
        seconds.append(time.perf_counter() - began)
    print("score_seconds", float(np.median(seconds)))


if __name__ == "__main__":
    main()
