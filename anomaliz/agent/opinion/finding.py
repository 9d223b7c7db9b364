"""A finding: an anomaly that an LLM names. As it answers, and as it is once joined to a row."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, get_args

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import SkipJsonSchema

from anomaliz.agent.assessment import Kind
from anomaliz.agent.opinion.excerpt import Excerpt
from anomaliz.agent.opinion.joining import row_of

KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST_RATIONALE = 300


# One bad anomaly must not cost the good ones: what cannot be read is None, and limits are checked in joining.
class Named(BaseModel):
    """One anomaly."""

    timestamp: str | float = Field(description="Timestamp of the row, as in the table.")
    value: float | None = Field(description="The anomalous value, as in the table.")
    kind: str = Field(description=f"One of {', '.join(KINDS)}.")
    confidence: float = Field(description="From 0, a guess, to 1, certain.")
    rationale: str = Field(description="One sentence that says why.")


def _or_none(value: object, validate: ValidatorFunctionWrapHandler) -> Named | None:
    try:
        named: Named = validate(value)
        return named
    except ValidationError:
        return None


class NamedAnomalies(BaseModel):
    """The anomalies of a series, none or more."""

    anomalies: list[Annotated[Named | SkipJsonSchema[None], WrapValidator(_or_none)]]


@dataclass(frozen=True)
class Finding:
    """An anomaly that an LLM named, at a row of the series."""

    row: int
    """Of the excerpt."""
    timestamp: str
    """The row's own, ISO-8601 in UTC."""
    value: float | None
    value_matches: bool | None
    """Whether the row has that value; an LLM can invent one. None where it gave none."""
    kind: str
    confidence: float
    rationale: str


@dataclass(frozen=True)
class Joined:
    """What of an LLM's answer could be used."""

    findings: tuple[Finding, ...]
    """In time order, one a row: of several the most confident."""
    unknown_timestamps: int
    """Dropped, since no row has that stamp."""
    invalid: int
    """Dropped, since something is missing or no number, or the confidence not within 0 and 1."""


def join(named: Iterable[Named | None], excerpt: Excerpt) -> Joined:
    """Join the anomalies that were named to the rows of `excerpt`; None is one that cannot be read."""
    stamps = excerpt.stamps()
    best: dict[int, Finding] = {}
    unknown = invalid = 0
    for anomaly in named:
        if anomaly is None or not 0 <= anomaly.confidence <= 1:
            invalid += 1
            continue
        row = row_of(excerpt, anomaly.timestamp, anomaly.value)
        if row is None:
            unknown += 1
        elif row not in best or anomaly.confidence > best[row].confidence:
            best[row] = _finding(anomaly, row, stamps[row], excerpt)
    return Joined(tuple(best[row] for row in sorted(best)), unknown, invalid)


def _finding(anomaly: Named, row: int, stamp: str, excerpt: Excerpt) -> Finding:
    value = anomaly.value if anomaly.value is not None and math.isfinite(anomaly.value) else None
    kind = anomaly.kind.strip().lower().replace(" ", "_").replace("-", "_")
    return Finding(
        row=row,
        timestamp=stamp,
        value=value,
        value_matches=None if value is None else excerpt.has(row, value),
        kind=kind if kind in KINDS else "other",
        confidence=anomaly.confidence,
        rationale=_plain(anomaly.rationale),
    )


def _plain(text: str) -> str:
    """Return text that is safe to print: one line without control characters, and not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_RATIONALE else line[: LONGEST_RATIONALE - 1] + "…"
