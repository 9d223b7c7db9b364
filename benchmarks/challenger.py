"""What a challenger costs the requests: `python -m benchmarks.challenger --bundle A --challenger B`.

Two services, with and without one, are asked in turns, so that the machine's moods fall on both.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from anomaliz.bundle.bundle import Bundle
from benchmarks.load import latencies, request, throughput
from benchmarks.servers import Server, running

ROUNDS = 10
REQUESTS = 500
CONNECTIONS = 64
SECONDS = 2.0
APP = "anomaliz.api.main:create_app"


def compare(name: str, unit: str, alone: Server, beside: Server, measure: Callable[[Server], float]) -> None:
    """Print the median of each service's rounds, and the median of the rounds' ratios with its range."""
    rounds = np.array([[measure(server) for server in (alone, beside)] for _ in range(ROUNDS)])
    ratios = rounds[:, 1] / rounds[:, 0]
    without, with_one = np.median(rounds, axis=0)
    spread = f"{ratios.min():.2f}-{ratios.max():.2f}"
    print(f"{name:<28}{without:>10.3f}{with_one:>10.3f} {unit:<11}{np.median(ratios):>6.2f} x   {spread}")


def main(
    bundle: Annotated[Path, typer.Option(help="Bundle in service.")],
    challenger: Annotated[Path, typer.Option(help="Bundle that scores beside it.")],
) -> None:
    """Print latency, throughput and memory without a challenger and with one."""
    loaded = Bundle.load(bundle)
    body = json.dumps(dict(zip(loaded.features, loaded.canary.T.tolist(), strict=True))).encode()

    def quantile(q: float) -> Callable[[Server], float]:
        return lambda server: float(
            np.quantile(latencies(server.port, request(server.port, "/analyze", body), REQUESTS), q) * 1e3
        )

    def rate(server: Server) -> float:
        return throughput(server.port, request(server.port, "/analyze", body), CONNECTIONS, SECONDS)

    with (
        running(APP, bundle, "/analyze", body) as alone,
        running(APP, bundle, "/analyze", body, {"ANOMALIZ__API__CHALLENGER": str(challenger)}) as beside,
    ):
        compare("p50, 1 connection", "ms", alone, beside, quantile(0.5))
        compare("p99, 1 connection", "ms", alone, beside, quantile(0.99))
        compare(f"{CONNECTIONS} connections", "requests/s", alone, beside, rate)
        compare("resident", "MB", alone, beside, lambda server: server.resident_megabytes)


if __name__ == "__main__":
    typer.run(main)
