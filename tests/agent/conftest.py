"""LLM servers on loopback that answer by a script, and misbehave at the socket where it says so."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Agent

SILENCE_SECONDS = 30
USAGE = {"input": 120, "output": 40}

Fault = Literal["400", "401", "404", "429", "500", "not JSON", "cut off", "stalled", "silent"]
Answer = str | Mapping[str, Any]
"""What the model says: text, or an object, sent as JSON text, or as a tool call where tools are offered."""
LoadAgent = Callable[..., Agent]
Done = subprocess.CompletedProcess[str]
RunCli = Callable[..., Done]


@dataclass(frozen=True)
class Misbehaviour:
    """Something that a server does instead of answering."""

    fault: Fault
    retry_after: float | None = None


Step = Answer | Misbehaviour


@dataclass
class ScriptedLLM:
    """Speaks OpenAI's chat completions and Ollama's chat; takes the next step of its script each time.

    The last step is repeated. It remembers what it was asked, and how many calls were given up by the client.
    """

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    abandoned: int = 0
    _steps: list[Step] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def script(self, *steps: Step) -> None:
        """Take these steps from the next request on."""
        with self._lock:
            self._steps = list(steps)
            self.requests.clear()
            self.abandoned = 0

    def next(self, request: dict[str, Any]) -> Step:
        with self._lock:
            self.requests.append(request)
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]

    def settings(self, backend: str) -> dict[str, object]:
        """Return the settings, by dotted key, that have an agent ask this server."""
        if backend == "disabled":
            return {}
        path = "/v1" if backend == "openai" else ""
        return {
            "agent.backend": backend,
            f"agent.{backend}_base_url": f"http://127.0.0.1:{self.port}{path}",
            f"agent.{backend}_model": "scripted",
            "agent.prices": ["scripted=1/2"],
        }


class Handler(BaseHTTPRequestHandler):
    """One request to a scripted LLM."""

    protocol_version = "HTTP/1.1"
    llm: ScriptedLLM

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        step = self.llm.next(asked)
        if isinstance(step, Misbehaviour):
            self._misbehave(step)
        elif self.path == "/v1/chat/completions":
            self._openai(asked, step)
        elif self.path == "/api/chat":
            self._ollama(asked, step)
        else:
            self._send(404, b"{}")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _openai(self, asked: dict[str, Any], answer: Answer) -> None:
        whole = {"id": "1", "created": 1, "model": asked["model"]}
        message = {"role": "assistant", **_said(asked, answer, as_text=True)}
        tokens = {
            "prompt_tokens": USAGE["input"],
            "completion_tokens": USAGE["output"],
            "total_tokens": sum(USAGE.values()),
        }
        if not asked.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send_json(whole | {"object": "chat.completion", "choices": [choice], "usage": tokens})
            return
        chunk = whole | {"object": "chat.completion.chunk"}
        lines = [
            chunk | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": part}}]}
            for part in _parts(message["content"])
        ]
        lines.append(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines.append(chunk | {"choices": [], "usage": tokens})
        events = [f"data: {json.dumps(line)}\n\n".encode() for line in lines]
        self._send(200, b"".join([*events, b"data: [DONE]\n\n"]), "text/event-stream")

    def _ollama(self, asked: dict[str, Any], answer: Answer) -> None:
        said = _said(asked, answer, as_text=False)
        stamp = {"model": asked["model"], "created_at": "2024-01-01T00:00:00Z"}
        parts = _parts(said["content"]) if asked.get("stream") else [said["content"]]
        lines = [
            stamp | {"message": {"role": "assistant", "content": part}, "done": False} for part in parts[:-1]
        ]
        last = {"role": "assistant", **said, "content": parts[-1]}
        counts = {"prompt_eval_count": USAGE["input"], "eval_count": USAGE["output"]}
        lines.append(stamp | {"message": last, "done": True, "done_reason": "stop"} | counts)
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self._send(200, body, "application/x-ndjson")

    def _misbehave(self, step: Misbehaviour) -> None:
        if step.fault.isdigit():
            headers = {} if step.retry_after is None else {"Retry-After": f"{step.retry_after:g}"}
            self._send(int(step.fault), b'{"error": {"message": "scripted"}}', headers=headers)
        elif step.fault == "not JSON":
            self._send(200, b'{"choices": [{"message": {"content"')
        elif step.fault == "cut off":
            self._begin()
        elif step.fault == "stalled":
            self._begin()
            self._wait()
        else:
            self._wait()

    def _begin(self) -> None:
        """Promise more than is sent."""
        self.wfile.write(
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"a":'
        )
        self.close_connection = True

    def _wait(self) -> None:
        """Say nothing, until the client gives up or the silence is over."""
        self.close_connection = True
        gone, _, _ = select.select([self.connection], [], [], SILENCE_SECONDS)
        if gone:
            self.llm.abandoned += 1

    def _send_json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode())

    def _send(
        self,
        status: int,
        body: bytes,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        # One packet: the body in another one would wait for the first to be acknowledged.
        self._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]
        self.flush_headers()


def _said(asked: dict[str, Any], answer: Answer, *, as_text: bool) -> dict[str, Any]:
    """Return the model's message: a call of the tool that was offered, or text."""
    if isinstance(answer, str) or not asked.get("tools"):
        return {"content": answer if isinstance(answer, str) else json.dumps(answer)}
    arguments = json.dumps(answer) if as_text else answer
    call = {"function": {"name": asked["tools"][0]["function"]["name"], "arguments": arguments}}
    return {"content": "", "tool_calls": [{"id": "call-1", "type": "function", **call}]}


def _parts(text: str) -> list[str]:
    return [text[start : start + 20] for start in range(0, len(text), 20)] or [""]


@pytest.fixture(scope="session")
def llm_server() -> Iterator[ScriptedLLM]:
    llm = ScriptedLLM()
    handler = type("ScriptedHandler", (Handler,), {"llm": llm})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        llm.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield llm
        server.shutdown()
        thread.join()


@pytest.fixture
def llm(llm_server: ScriptedLLM) -> ScriptedLLM:
    """A server without a script: give it one before it is asked."""
    llm_server.script()
    return llm_server


@pytest.fixture
def good() -> dict[str, Any]:
    """An assessment that the rules find nothing wrong with, of an incident that is critical by its score."""
    return {
        "kind": "spike",
        "analysis": "Latency rose far above what is usual. A long query is the probable cause.",
        "severity": "critical",
        "recommendation": "Look for long queries, and end them.",
        "confidence": 0.8,
        "evidence": ["f1", "f2"],
        "conclusive": True,
    }


@pytest.fixture
def misbehaving() -> type[Misbehaviour]:
    return Misbehaviour


@pytest.fixture
def load_agent(llm: ScriptedLLM) -> LoadAgent:
    """Return the settings of an agent that asks the scripted server; others by name."""

    def load(backend: str = "openai", **others: object) -> Agent:
        changed = {f"agent.{name}": value for name, value in others.items()}
        return load_settings(overrides=llm.settings(backend) | changed, environ={}, env_file=None).agent

    return load


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition."""

    def until(condition: Callable[[], bool], seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "what was waited for did not happen"
            time.sleep(0.01)

    return until


@pytest.fixture
def run_cli(llm: ScriptedLLM, variables: Callable[..., dict[str, str]], tmp_path: Path) -> RunCli:
    """Run a command as a user does, with an agent that asks the scripted server; other settings by name."""

    def run(*arguments: object, backend: str = "openai", **others: object) -> Done:
        changed = llm.settings(backend) | {f"agent.{name}": value for name, value in others.items()}
        agent = {_variable(key): _written(value) for key, value in changed.items()}
        return subprocess.run(
            [sys.executable, "-m", "anomaliz.cli", *map(str, arguments)],
            env=variables(tmp_path / "absent", **agent),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def _variable(key: str) -> str:
    return f"ANOMALIZ__{key.upper().replace('.', '__')}"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="session")
def serve_variables() -> Callable[..., tuple[dict[str, str], int]]:
    """Return the environment of a service with these settings, and the free port that it listens on."""

    def variables(bundle: Path, settings: Mapping[str, object], **others: str) -> tuple[dict[str, str], int]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
        named = {_variable(key): _written(value) for key, value in settings.items()}
        return plain | {
            "ANOMALIZ_ARTIFACT_DIR": str(bundle),
            "ANOMALIZ__API__PORT": str(port),
            **named,
            **others,
        }, port

    return variables
