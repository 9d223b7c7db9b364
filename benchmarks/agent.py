"""What the agent costs beside the LLM: `python -m benchmarks.agent --bundle artifacts/dev`.

The LLM answers at once, so what is left is the graph, the client library, and the service.
"""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from anomaliz.agent.assessment import Assessment
from anomaliz.agent.explainer import Explainer
from anomaliz.agent.incident import Incident, Reading
from anomaliz.agent.summary import summary
from anomaliz.bundle.bundle import Bundle
from anomaliz.config.loading import load_settings
from benchmarks.load import latencies, request
from benchmarks.servers import running

ROUNDS = 10
REQUESTS = 100
ASSESSMENT = Assessment(
    kind="spike",
    analysis="Latency rose far above what is usual.",
    severity="critical",
    recommendation="Look for long queries.",
    confidence=0.8,
    evidence=["f1"],
    conclusive=True,
).model_dump_json()


class Immediate(BaseHTTPRequestHandler):
    """OpenAI's chat completions with the same answer to everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": ASSESSMENT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        body = json.dumps(whole).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def immediate_llm() -> Iterator[str]:
    """Run such a server until the block ends; yield its base URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Immediate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


async def median_ms(work: Callable[[], Awaitable[object]]) -> float:
    """Return the median of some runs after one that is not counted."""
    await work()
    found = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return float(np.median(found)) * 1e3


async def measure_graph(url: str) -> None:
    """Print the time of a call and of an explanation with that one call, in turns."""
    overrides = {"agent.backend": "openai", "agent.openai_base_url": url, "agent.cool_down_s": 0}
    explainer = Explainer.of(load_settings(overrides=overrides, environ={}, env_file=None).agent)
    recent = np.append(np.random.default_rng(0).normal(15, 1, 59), 180)
    incident = Incident(0.9, (Reading("latency", 1.0, 180, 15, 12, 18, recent),))
    rounds = np.array(
        [
            (
                await median_ms(lambda: explainer.backend.ask("system", "user", Assessment)),
                await median_ms(lambda: explainer.explain(incident)),
            )
            for _ in range(ROUNDS)
        ]
    )
    call, whole = np.median(rounds, axis=0)
    added = np.median(rounds[:, 1] - rounds[:, 0])
    print(f"{'one call of an immediate LLM':<44}{call:>10.2f} ms")
    print(f"{'an explanation with that call':<44}{whole:>10.2f} ms   graph and rules {added:.2f} ms")
    began = time.perf_counter()
    for _ in range(1000):
        summary(incident)
    print(f"{'the summary of an anomaly':<44}{(time.perf_counter() - began) * 1e3:>10.0f} us")


def measure_service(directory: Path, url: str) -> None:
    """Print the latency of /analyze on an anomaly, explained and not, by one service in turns."""
    bundle = Bundle.load(directory)
    rows = bundle.canary.copy()
    rows[-1] *= 5
    body = json.dumps(dict(zip(bundle.features, rows.T.tolist(), strict=True))).encode()
    variables: dict[str, Any] = {
        "ANOMALIZ__AGENT__BACKEND": "openai",
        "ANOMALIZ__AGENT__OPENAI_BASE_URL": url,
        "ANOMALIZ__AGENT__COOL_DOWN_S": "0",
    }
    with running("anomaliz.api.main:create_app", directory, "/analyze", body, variables) as server:
        paths = ("/analyze?explain=false", "/analyze")
        rounds = np.array(
            [
                [
                    np.median(latencies(server.port, request(server.port, path, body), REQUESTS))
                    for path in paths
                ]
                for _ in range(ROUNDS)
            ]
        )
        skipped, explained = np.median(rounds, axis=0) * 1e3
        print(f"{'/analyze of an anomaly, not explained':<44}{skipped:>10.2f} ms")
        print(f"{'/analyze of an anomaly, explained':<44}{explained:>10.2f} ms")
        print(f"{'start to the first answer':<44}{server.seconds_to_first_answer:>10.2f} s")
        print(f"{'resident':<44}{server.resident_megabytes:>10.0f} MB")


def main(bundle: Annotated[Path, typer.Option(help="Bundle in service.")]) -> None:
    """Print what an explanation costs beside the LLM."""
    with immediate_llm() as url:
        asyncio.run(measure_graph(url))
        measure_service(bundle, url)


if __name__ == "__main__":
    typer.run(main)
