"""An explanation and its trace as text for a terminal."""

from collections.abc import Mapping
from textwrap import indent
from typing import Any

from anomaliz.agent.trace import Exchange, Step

NO_BACKEND = "No LLM is configured: set agent.backend to openai or ollama for analysis and recommendation."


def narrated(answer: Mapping[str, Any]) -> str:
    """Return an answer of /explain as a few lines."""
    explanation = answer["explanation"]
    if explanation["status"] == "not_needed":
        return "It is no anomaly: there is nothing to explain."
    lines = [answer["summary"]]
    if explanation["status"] == "disabled":
        lines.append(NO_BACKEND)
    if answer["analysis"] is not None:
        lines += [
            "",
            answer["analysis"],
            answer["recommendation"],
            "",
            f"{explanation['kind']}, severity {answer['severity']}, confidence {explanation['confidence']:g}",
            *(f"  {fact['id']}  {fact['text']}" for fact in explanation["evidence"]),
            f"by {explanation['model']}, {explanation['tokens']} tokens, "
            f"{explanation['latency_ms'] / 1000:.1f} s",
        ]
    if explanation["status"] == "inconclusive":
        lines.append(f"inconclusive: {explanation['reason']}")
    return "\n".join(lines)


def shown(step: Step) -> str:
    """Return a node that has run, with what was said to the LLM and what it said."""
    return "\n".join([f"{step.node}  {step.milliseconds:.1f} ms", *map(_shown, step.exchanges)])


def _shown(exchange: Exchange) -> str:
    prompt = exchange.prompt
    parts = {
        f"prompt {prompt.name}, version {prompt.version}": prompt.text,
        "message": exchange.message,
        f"answer, after {exchange.seconds:.2f} s": exchange.answer,
    }
    return "\n".join(f"  {title}\n{indent(text, '    ')}" for title, text in parts.items())
