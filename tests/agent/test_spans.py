"""OpenTelemetry spans, gathered by its own SDK; in a process of its own, since a provider is set once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from anomaliz.agent.explainer import Explainer
from anomaliz.agent.incident import Incident, Reading
from anomaliz.config.loading import load_settings

gathered = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(gathered))
trace.set_tracer_provider(provider)
agent = load_settings(overrides=json.loads(sys.argv[1]), environ={}, env_file=None).agent
asyncio.run(Explainer.of(agent).explain(Incident(0.9, (Reading("cpu", 1.0),))))
names = {span.context.span_id: span.name for span in gathered.get_finished_spans()}
print(json.dumps([
    [span.name, names.get(span.parent.span_id) if span.parent else None, dict(span.attributes)]
    for span in gathered.get_finished_spans()
]))
"""


def test_an_explanation_is_a_tree_of_spans(llm: Any, good: dict[str, Any], tmp_path: Path) -> None:
    llm.script(good | {"analysis": "It rose by 4711%."}, good)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(llm.settings("openai"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    spans = json.loads(done.stdout)
    assert [(name, parent) for name, parent, _ in spans] == [
        ("gather", "explain"),
        ("chat scripted", "assess"),
        ("assess", "explain"),
        ("chat scripted", "verify"),
        ("verify", "explain"),
        ("finish", "explain"),
        ("explain", None),
    ]
    assert spans[1][2] == {
        "anomaliz.prompt": "assess-1",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 40,
    }
    assert spans[-1][2] == {"anomaliz.model": "scripted", "anomaliz.status": "ok"}
