"""The summary: an incident in one or two sentences by a template for each shape, without any LLM."""

import numpy as np

from anomaliz.agent.evidence import direction, duration, leading
from anomaliz.agent.incident import Incident, Reading
from anomaliz.agent.quoting import number, percent
from anomaliz.agent.shapes import UNKNOWN, Shape, ShapeKind, shape_of
from anomaliz.core.types import Floats

MOST_OTHERS = 2
LEAST_OTHER_SHARE = 0.1
LONGEST_NAME = 80

TEMPLATES: dict[ShapeKind, str] = {
    "spike": "{name} spiked to {value}{expected}.",
    "drop": "{name} dropped to {value}{expected}.",
    "level_shift": "{name} has shifted from about {before} to about {after}, for {since}{expected}.",
    "drift": "{name} has drifted from about {before} to {value}, over {since}{expected}.",
    "flat_line": "{name} has not moved from {value} for {since}{expected}.",
    "variance_change": "{name} varies {how} than before, for {since}: "
    "its standard deviation went from {before} to {after}.",
    "unknown": "{name} {where}{expected}.",
}


def summary(incident: Incident) -> str:
    """Return what happened: the leading feature's shape, the others that take part, and the severity."""
    reading = leading(incident)[0]
    shape = shape_of(reading.recent) if len(reading.recent) else _shape_of_point(reading)
    parts = [TEMPLATES[shape.kind].format_map(_words(reading, shape, incident)), *_others(incident)]
    parts.append(f"Severity by score: {incident.severity}.")
    return " ".join(parts)


def _shape_of_point(reading: Reading) -> Shape:
    """Return what one value outside of what is usual looks like."""
    kinds: dict[str | None, ShapeKind] = {"above": "spike", "below": "drop"}
    kind = kinds.get(direction(reading))
    return Shape(kind, 1, reading.expected, reading.observed) if kind else UNKNOWN


def _words(reading: Reading, shape: Shape, incident: Incident) -> dict[str, str]:
    return {
        "name": _name(reading.feature),
        "value": number(_newest(reading)),
        "expected": _expected(reading),
        "before": number(shape.before),
        "after": number(shape.after),
        "since": duration(shape.rows, incident.step),
        "how": "more" if shape.after > shape.before else "less",
        "where": _where(reading),
    }


def _where(reading: Reading) -> str:
    value = _newest(reading)
    return f"is at {number(value)}" if np.isfinite(value) else "is where the anomaly shows"


def _newest(reading: Reading) -> float:
    if np.isfinite(reading.observed) or not len(reading.recent):
        return reading.observed
    present: Floats = reading.recent[np.isfinite(reading.recent)]
    return float(present[-1]) if len(present) else np.nan


def _expected(reading: Reading) -> str:
    if not np.isfinite(reading.expected):
        return ""
    usual = ""
    if np.isfinite(reading.lower) and np.isfinite(reading.upper):
        usual = f" (usually {number(reading.lower)} to {number(reading.upper)})"
    return f", where {number(reading.expected)}{usual} was expected"


def _others(incident: Incident) -> list[str]:
    first, *rest = leading(incident)
    share = f"{percent(first.contribution)} of the anomaly"
    others = [r for r in rest if r.contribution >= LEAST_OTHER_SHARE][:MOST_OTHERS]
    if not others:
        return [f"It carries {share}."] if len(incident.readings) > 1 else []
    named = " and ".join(f"{_name(r.feature)} {percent(r.contribution)}" for r in others)
    return [f"It carries {share}, {named}."]


def _name(feature: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in feature)
    return line if len(line) <= LONGEST_NAME else line[:LONGEST_NAME] + "…"
