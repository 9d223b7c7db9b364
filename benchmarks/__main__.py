"""Runs every benchmark and prints one table: `python -m benchmarks`."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from anomaliz.bundle.bundle import Bundle
from benchmarks import panels
from benchmarks.load import latencies, request, throughput
from benchmarks.reference import Reference
from benchmarks.servers import running

ROUNDS = 8
REQUESTS = 500
CONNECTIONS = 64
FEW = 4
"""Connections to the Keras path, which answers so slowly that more of them only wait."""
SECONDS = 4.0
BATCH = 256
SERIES = (500, 10_000)
"""Of a panel."""


def line(name: str, value: str, note: str = "") -> None:
    print(f"{name:<44}{value:>22}   {note}", flush=True)


def train_fast(out: Path) -> float:
    """Train a bundle as `--fast` does; return the seconds of the whole command."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "anomaliz.training.cli", "--fast", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def median_seconds(function: Callable[[], object], count: int) -> float:
    function()
    found = np.empty(count)
    for i in range(count):
        began = time.perf_counter()
        function()
        found[i] = time.perf_counter() - began
    return float(np.median(found))


def compare_models(bundle: Bundle, directory: Path) -> None:
    """Time one window through the graph, through the whole scoring path, and through both libraries."""
    window, first = bundle.canary[np.newaxis], np.arange(1)
    reference = Reference(directory)
    graph = median_seconds(lambda: bundle.session.read(window, first), 2000)
    path = median_seconds(lambda: bundle.score_windows(window), 2000)
    predict = median_seconds(lambda: reference.errors(window, reference.predict), 30)
    on_batch = median_seconds(lambda: reference.errors(window, reference.predict_on_batch), 100)
    line("one window: scoring graph", f"{graph * 1e6:.0f} us")
    line("one window: graph, calibration, fusion, shares", f"{path * 1e6:.0f} us")
    line("one window: Keras predict + scikit-learn", f"{predict * 1e3:.1f} ms", f"{predict / path:.0f} x")
    line(
        "one window: predict_on_batch + scikit-learn", f"{on_batch * 1e3:.1f} ms", f"{on_batch / path:.0f} x"
    )


def compare_latency(port: int, body: bytes) -> None:
    """Time /analyze and the constant endpoint in turns, over one connection."""
    messages = {path: request(port, path, body) for path in ("/analyze", "/constant")}
    rounds: dict[str, list[NDArray[np.float64]]] = {path: [] for path in messages}
    for message in messages.values():
        latencies(port, message, REQUESTS)  # warm
    for _ in range(ROUNDS):
        for path, message in messages.items():
            rounds[path].append(latencies(port, message, REQUESTS))
    found = {path: np.concatenate(parts) for path, parts in rounds.items()}
    for path, seconds in found.items():
        p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e3
        line(f"{path}, 1 connection, p50 / p99", f"{p50:.3f} / {p99:.3f} ms")
    ratios = [
        float(np.median(ours) / np.median(theirs)) for ours, theirs in zip(*rounds.values(), strict=True)
    ]
    line(
        "p50 ratio, median of rounds (aim 1.6)",
        f"{np.median(ratios):.2f}",
        f"{min(ratios):.2f}-{max(ratios):.2f}",
    )


def batch_rate(port: int, window: dict[str, list[float]]) -> float:
    """Return windows in a second through /analyze/batch over two connections."""
    body = json.dumps({"windows": [window] * BATCH}).encode()
    return throughput(port, request(port, "/analyze/batch", body), 2, SECONDS) * BATCH


def compare_panels(n_series: int) -> None:
    """Time a model of many series of one metric: its fit on 7 days of 5 minutes, and a step of all."""
    found = panels.measured(n_series)
    name = f"panel of {n_series:,} series"
    line(f"{name}: fit on 2,016 rows", f"{found['fit_seconds']:.1f} s", f"{found['model_megabytes']:.0f} MB")
    aim = " (aim 10 s)" if n_series == max(SERIES) else ""
    line(f"{name}: one step{aim}", f"{found['score_seconds']:.2f} s")
    line(f"{name}: peak memory", f"{found['peak_megabytes']:.0f} MB")


def main(
    bundle: Annotated[Path | None, typer.Option(help="Bundle to measure; default: one is trained.")] = None,
) -> None:
    """Measure latency, throughput, start-up, memory and training time."""
    with tempfile.TemporaryDirectory() as folder:
        directory = bundle or Path(folder) / "bench"
        if bundle is None:
            line("train --fast, the whole command (aim 40 s)", f"{train_fast(directory):.1f} s")
        measure(directory)
    for n_series in SERIES:
        compare_panels(n_series)


def measure(directory: Path) -> None:
    bundle = Bundle.load(directory)
    window = dict(zip(bundle.features, bundle.canary.T.tolist(), strict=True))
    body = json.dumps(window).encode()
    compare_models(bundle, directory)
    with running("benchmarks.apps:with_constant", directory, "/analyze", body) as ours:
        started, fresh = ours.seconds_to_first_answer, ours.resident_megabytes
        compare_latency(ours.port, body)
        rate = throughput(ours.port, request(ours.port, "/analyze", body), CONNECTIONS, SECONDS)
        constant = throughput(ours.port, request(ours.port, "/constant", body), CONNECTIONS, SECONDS)
        windows = batch_rate(ours.port, window)
        after = ours.resident_megabytes
    with running("benchmarks.apps:keras_and_sklearn", directory, "/predict", body) as theirs:
        slow_start, slow_memory = theirs.seconds_to_first_answer, theirs.resident_megabytes
        predict = throughput(theirs.port, request(theirs.port, "/predict", body), FEW, 2 * SECONDS)
        on_batch = throughput(theirs.port, request(theirs.port, "/predict_on_batch", body), FEW, 2 * SECONDS)
    line(f"/analyze, {CONNECTIONS} connections", f"{rate:.0f} requests/s")
    line(f"/constant, {CONNECTIONS} connections", f"{constant:.0f} requests/s", f"{constant / rate:.2f} x")
    line(
        f"Keras predict + scikit-learn, {FEW} connections",
        f"{predict:.0f} requests/s",
        f"1 / {rate / predict:.0f} (aim 130)",
    )
    line(
        f"predict_on_batch + scikit-learn, {FEW} connections",
        f"{on_batch:.0f} requests/s",
        f"1 / {rate / on_batch:.0f}",
    )
    line(f"/analyze/batch of {BATCH}", f"{windows:.0f} windows/s")
    line("process start to first answer (aim 2 s)", f"{started:.2f} s", f"Keras path {slow_start:.1f} s")
    line("resident, after the first answer (aim 150)", f"{fresh:.0f} MB", f"Keras path {slow_memory:.0f} MB")
    line("resident, after the load", f"{after:.0f} MB")


if __name__ == "__main__":
    typer.run(main)
