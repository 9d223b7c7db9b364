"""Verification by rules: is what the LLM says supported by the evidence?"""

import re
from collections.abc import Iterator, Sequence
from typing import get_args

from anomaliz.agent.assessment import Assessment
from anomaliz.agent.evidence import Fact
from anomaliz.agent.incident import Incident
from anomaliz.agent.quoting import quoted
from anomaliz.core.verdict import Severity

GRADES: tuple[Severity, ...] = get_args(Severity)
ROUNDING = 0.01
"""How far, of itself, a number may be from one in the evidence: "about 180" for 178.9."""

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}(?::\d{2})?")
# Not inside a name, as in p99 or x86_64; a unit may follow, as in 180ms.
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\d)")
_ORDINAL = re.compile(r"\b\d+(?:st|nd|rd|th)\b")
_ITEM = re.compile(r"(?:^|(?<=\s))\(?\d{1,2}[.)](?=\s)")


def doubts(assessment: Assessment, facts: Sequence[Fact], incident: Incident) -> list[str]:
    """Return what is wrong with an assessment, a sentence each; none is as it should be."""
    found = [
        f"{number} is quoted, and no fact states it"
        for number in unsupported_numbers(_text(assessment), facts, incident)
    ]
    return [*found, *_about_severity(assessment, incident), *_about_evidence(assessment, facts)]


def unsupported_numbers(text: str, facts: Sequence[Fact], incident: Incident) -> list[str]:
    """Return the numbers and times of `text`, as they are written there, that no fact states, even rounded.

    Numbers in the names of features are not counted, nor those of a list's items.
    """
    names = [reading.feature for reading in incident.readings]
    evidence = _without(names, " ".join(fact.text for fact in facts))
    said = _without(names, text)
    times = [stamp for stamp in _STAMP.findall(said) if stamp.replace("T", " ") not in evidence]
    known = [_value(number) for number in _numbers(evidence)]
    numbers = [number for number in _numbers(said) if not _is_near(number, known)]
    return list(dict.fromkeys([*times, *numbers]))


def _text(assessment: Assessment) -> str:
    return f"{assessment.analysis}\n{assessment.recommendation}"


def _about_severity(assessment: Assessment, incident: Incident) -> Iterator[str]:
    apart = abs(GRADES.index(assessment.severity) - GRADES.index(incident.severity))
    if apart > 1:
        yield f"severity {assessment.severity} does not fit the score, by which it is {incident.severity}"


def _about_evidence(assessment: Assessment, facts: Sequence[Fact]) -> Iterator[str]:
    known = {fact.id for fact in facts}
    if unknown := [cited for cited in assessment.evidence if cited not in known]:
        yield f"{', '.join(quoted(cited, 20) for cited in unknown[:3])} is no fact's id"
    if not assessment.evidence:
        yield "no fact is relied on"


def _without(names: Sequence[str], text: str) -> str:
    for name in sorted(names, key=len, reverse=True):
        for written in (quoted(name), name):
            text = re.sub(rf"(?<!\w){re.escape(written)}(?!\w)", " ", text)
    return text


def _numbers(text: str) -> list[str]:
    for pattern in (_STAMP, _ORDINAL, _ITEM):
        text = pattern.sub(" ", text)
    return _NUMBER.findall(text)


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _is_near(number: str, known: Sequence[float]) -> bool:
    """Say whether a number is one of the known ones, rounded to as many digits as it is written with."""
    value = _value(number)
    decimals = len(number.partition(".")[2]) if "e" not in number.lower() else 0
    half = 0.5 * 10.0**-decimals
    return any(abs(value - true) <= max(half, ROUNDING * true) for true in known)
