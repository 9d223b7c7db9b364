"""Verification by rules: is what the LLM says supported by the evidence?"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from anomaliz.agent.assessment import Assessment
from anomaliz.agent.evidence import Fact, leading
from anomaliz.agent.incident import Incident
from anomaliz.agent.quoting import quoted
from anomaliz.core.verdict import Severity

GRADES: tuple[Severity, ...] = get_args(Severity)
ROUNDING = 0.01
"""How far, of itself, a number may be from one in the evidence: "about 180" for 178.9."""

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}(?::\d{2})?")
# Not inside a name, as in p99 or x86_64; a unit may follow, as in 180ms.
_NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?!\d)"
    r"(?:\s?(?P<scale>[kKMG]|thousand|million|billion)\b|\s?(?P<percent>%|per ?cent\b))?"
)
_ORDINAL = re.compile(r"\b\d+(?:st|nd|rd|th)\b")
_ITEM = re.compile(r"(?:^|(?<=\s))\(?(\d{1,2})[.)](?=\s)")
_SCALES = {"k": 1e3, "K": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6, "G": 1e9, "billion": 1e9}


@dataclass(frozen=True)
class _Number:
    """A number as a text has it."""

    written: str
    scale: float
    percent: bool

    @classmethod
    def all_in(cls, text: str) -> "list[_Number]":
        return [
            cls(found["digits"], _SCALES.get(found["scale"], 1.0), found["percent"] is not None)
            for found in _NUMBER.finditer(text)
        ]

    @property
    def value(self) -> float:
        return float(self.written.replace(",", "")) * self.scale

    def is_near(self, known: "Sequence[_Number]") -> bool:
        """Say whether it is one of the known ones, rounded to as many digits as it is written with."""
        decimals = len(self.written.partition(".")[2]) if "e" not in self.written.lower() else 0
        half = 0.5 * 10.0**-decimals * self.scale
        values = [value for number in known for value in number._as(self.percent)]
        return any(abs(self.value - true) <= max(half, ROUNDING * true) for true in values)

    def _as(self, percent: bool) -> list[float]:
        """Return the values that this number has where a percentage, or a plain number, is quoted of it."""
        if percent and not self.percent:
            return [100 * self.value] if self.value <= 1 else []
        return [self.value]


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
    names = [reading.feature for reading in leading(incident)]
    evidence = _without(names, " ".join(fact.text for fact in facts))
    said = _without(names, text)
    times = [stamp for stamp in _STAMP.findall(said) if stamp.replace("T", " ") not in evidence]
    # A stamp may be said in words: "January 7, 2024".
    parts = " ".join(" ".join(re.findall(r"\d+", stamp)) for stamp in _STAMP.findall(evidence))
    known = _Number.all_in(f"{_STAMP.sub(' ', evidence)} {parts}")
    plain = _without_items(_ORDINAL.sub(" ", _STAMP.sub(" ", said)))
    numbers = [number.written for number in _Number.all_in(plain) if not number.is_near(known)]
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
    bare = [name for name in names if not _is_number(name)]
    written = [*map(quoted, names), *bare]
    if not written:
        return text
    longest_first = "|".join(re.escape(form) for form in sorted(written, key=len, reverse=True))
    return re.sub(rf"(?<![\w.])(?:{longest_first})(?!\w)", " ", text)


def _is_number(name: str) -> bool:
    """A name that is a number can only be told from one by its quotes."""
    return _NUMBER.fullmatch(name) is not None


def _without_items(text: str) -> str:
    """Take the numbers of a list's items out: 1, 2, and so on, in this order."""
    following = iter(range(1, 100))
    awaited = next(following)

    def blank(found: re.Match[str]) -> str:
        nonlocal awaited
        if int(found[1]) != awaited:
            return found[0]
        awaited = next(following)
        return " "

    return _ITEM.sub(blank, text)
