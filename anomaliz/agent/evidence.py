"""Evidence: the facts of an incident as short numbered sentences. All that an LLM is told, and held to."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anomaliz.agent.incident import Incident, PastEvent, Reading
from anomaliz.agent.quoting import LONGEST_TEXT, number, percent, quoted
from anomaliz.agent.shapes import Shape, shape_of
from anomaliz.core.stamps import DAY as A_DAY

MOST_FEATURES = 5
MOST_PAST_EVENTS = 3
LEAST_SHARE = 0.01
NOTABLE_RATIO = 1.5
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
NIGHT_ENDS, EVENING_STARTS = 6, 22


@dataclass(frozen=True)
class Fact:
    """A sentence that is true of the incident."""

    id: str
    text: str


def gather(incident: Incident) -> tuple[Fact, ...]:
    """Return the facts of an incident, the weightiest first, numbered f1, f2, …"""
    return tuple(Fact(f"f{i}", text) for i, text in enumerate(_texts(incident), 1))


def leading(incident: Incident) -> tuple[Reading, ...]:
    """Return the features that carry the incident, at least one, the weightiest first."""
    notable = [reading for reading in incident.readings if reading.contribution >= LEAST_SHARE]
    return tuple(notable[:MOST_FEATURES]) or incident.readings[:1]


def direction(reading: Reading) -> str | None:
    """Say where the observed value lies: above, below or inside what is usual; None where that is unknown."""
    lower = reading.lower if np.isfinite(reading.lower) else reading.expected
    upper = reading.upper if np.isfinite(reading.upper) else reading.expected
    if not np.isfinite([reading.observed, lower, upper]).all():
        return None
    if reading.observed > upper:
        return "above"
    return "below" if reading.observed < lower else "inside"


def duration(rows: int, step: np.timedelta64 | None) -> str:
    """Return a number of rows in words, and how long that is where the step is known."""
    counted = f"{rows} row" if rows == 1 else f"{rows} rows"
    if step is None:
        return counted
    seconds = rows * float(step / np.timedelta64(1, "s"))
    return f"{counted}, {_span(seconds)}"


def _texts(incident: Incident) -> Iterator[str]:
    yield _score(incident)
    for reading in leading(incident):
        yield _reading(reading)
        if len(reading.recent):
            yield _shape(reading, shape_of(reading.recent), incident.step)
    if incident.points is not None:
        yield f"The event lasted {duration(incident.points, incident.step)}."
    if incident.stamp is not None:
        yield _calendar(incident)
    if incident.detector:
        yield f"The detector that contributed most is {quoted(incident.detector)}."
    for event in _similar(incident):
        yield _past(event)


def _score(incident: Incident) -> str:
    threshold = "" if incident.threshold is None else f", the threshold {number(incident.threshold)}"
    return (
        f"The anomaly score is {number(incident.score)} of 1{threshold}; "
        f"by the score alone the severity is {incident.severity}."
    )


def _reading(reading: Reading) -> str:
    name = quoted(reading.feature)
    share = f"{name} carries {percent(reading.contribution)} of the anomaly"
    if not np.isfinite(reading.observed):
        return f"{share}."
    share += f", observed {number(reading.observed)}"
    if not np.isfinite(reading.expected):
        return f"{share}."
    share += f", expected {number(reading.expected)}"
    if np.isfinite(reading.lower) and np.isfinite(reading.upper):
        share += f", usually {number(reading.lower)} to {number(reading.upper)}"
    where = {"above": "above what is usual", "below": "below what is usual", "inside": "inside what is usual"}
    return f"{share}: {where[direction(reading) or 'inside']}{_ratio(reading)}."


def _ratio(reading: Reading) -> str:
    if reading.expected <= 0 or reading.observed <= 0:
        return ""
    ratio = reading.observed / reading.expected
    if not np.isfinite(ratio):
        return ""
    if ratio >= NOTABLE_RATIO:
        return f", {number(ratio)} times the expected value"
    return f", {percent(ratio)} of the expected value" if ratio <= 1 / NOTABLE_RATIO else ""


def _shape(reading: Reading, shape: Shape, step: np.timedelta64 | None) -> str:
    name, since = quoted(reading.feature), duration(shape.rows, step)
    before, after = number(shape.before), number(shape.after)
    return {
        "spike": f"Shape of {name}: spike, from about {before} up to about {after}, for {since}.",
        "drop": f"Shape of {name}: drop, from about {before} down to about {after}, for {since}.",
        "level_shift": f"Shape of {name}: level shift, from about {before} to about {after}, for {since}.",
        "drift": f"Shape of {name}: drift, from about {before} to {after}, for {since}.",
        "flat_line": f"Shape of {name}: flat line, stuck at {after}, for {since}.",
        "variance_change": f"Shape of {name}: variance change, standard deviation from {before} to {after}, "
        f"for {since}.",
        "unknown": f"Shape of {name}: its newest values look like those before them.",
    }[shape.kind]


def _calendar(incident: Incident) -> str:
    assert incident.stamp is not None
    stamp = incident.stamp.astype("datetime64[s]").astype(object)
    day = "weekend" if stamp.weekday() >= 5 else "working day"
    text = f"It was at {stamp:%Y-%m-%d %H:%M} UTC, a {stamp:%A}, {day}"
    if incident.step is not None and incident.step >= A_DAY:
        return f"{text}."
    night = stamp.hour < NIGHT_ENDS or stamp.hour >= EVENING_STARTS
    return f"{text}, {'at night' if night else 'in the day'}."


def _similar(incident: Incident) -> list[PastEvent]:
    """Return the newest past events that showed in a feature that carries this one."""
    features = {reading.feature for reading in leading(incident)}
    similar = [event for event in incident.history if event.feature is None or event.feature in features]
    return sorted(similar, key=lambda event: event.start, reverse=True)[:MOST_PAST_EVENTS]


def _past(event: PastEvent) -> str:
    parts = [f"An earlier event at {quoted(event.start, 40)}"]
    if event.feature is not None:
        parts.append(f"in {quoted(event.feature)}")
    if event.severity is not None:
        parts.append(f"of severity {event.severity}")
    if event.kind is not None:
        parts.append(f"of kind {quoted(event.kind)}")
    said = "nobody commented on" if event.feedback is None else "people said of it"
    feedback = "" if event.feedback is None else f": {quoted(event.feedback, LONGEST_TEXT)}"
    return f"{' '.join(parts)}; {said}{feedback}."


def _span(seconds: float) -> str:
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * unit:
            return f"{number(seconds / unit)} {name}"
    return f"{number(seconds)} seconds"
