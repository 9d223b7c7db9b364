from typing import Any

import pytest

from anomaliz.agent.assessment import Assessment
from anomaliz.agent.evidence import Fact
from anomaliz.agent.incident import Incident, Reading
from anomaliz.agent.verification import doubts, unsupported_numbers

FACTS = (
    Fact(
        "f1", "The anomaly score is 0.52 of 1, the threshold 0.3; by the score alone the severity is medium."
    ),
    Fact(
        "f2",
        '"latency p99" carries 77% of the anomaly, observed 1234, expected 14.75: '
        "83.66 times the expected value.",
    ),
    Fact("f3", "It was at 2024-01-07 03:20 UTC, a Sunday, weekend, at night."),
)
INCIDENT = Incident(score=0.52, threshold=0.3, readings=(Reading("latency p99", 0.77), Reading("5xx", 0.23)))


def assessment(**changes: Any) -> Assessment:
    good = {
        "kind": "spike",
        "analysis": "Latency rose far above what is usual. A backup is the probable cause.",
        "severity": "medium",
        "recommendation": "Look at the backup.",
        "confidence": 0.7,
        "evidence": ["f1", "f2"],
        "conclusive": True,
    }
    return Assessment(**(good | changes))


@pytest.mark.parametrize(
    "text",
    [
        "No numbers at all.",
        "It rose to 1234 from 14.75.",
        "It rose to 1,234ms, 77 % of it, about 84 times.",
        "Roughly 83.7x, or 15, or 14.7, or 14.8; nearly 1230.",
        "At 03:20 on 2024-01-07, that is 2024-01-07T03:20.",
        "The 3rd time. p99 and x86_64 and utf8 are names.",
        "latency p99 and 5xx went up.",
        "1. Restart it. 2) Look at (3) logs.",
        "A fall of -14.75.",
        "It went from 14.75-1234.",
        "About 1.2k, or 0.0012 million.",
        "Above 0.52, which is 52%, at 77.",
        "On January 7, 2024.",
    ],
)
def test_numbers_of_the_evidence_may_be_quoted_and_rounded(text: str) -> None:
    assert unsupported_numbers(text, FACTS, INCIDENT) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It rose by 250%.", ["250"]),
        ("It rose to 1300ms.", ["1300"]),
        ("It rose to 14.9 from 14.75.", ["14.9"]),
        ("It was 0.53.", ["0.53"]),
        ("At 04:20.", ["04:20"]),
        ("On 2024-01-08.", ["2024-01-08"]),
        ("Between 12 and 1,500 and 12.", ["12", "1,500"]),
        ("About 2e6 bytes.", ["2e6"]),
        ("5xx rose to 55.", ["55"]),
        ("It climbed to 97. A query ran.", ["97"]),
        ("It has (99) of them.", ["99"]),
        ("It rose to 1234k.", ["1234"]),
        ("It rose by 1234%.", ["1234"]),
    ],
)
def test_other_numbers_are_found(text: str, found: list[str]) -> None:
    assert unsupported_numbers(text, FACTS, INCIDENT) == found


def test_a_good_assessment_raises_no_doubt() -> None:
    assert doubts(assessment(), FACTS, INCIDENT) == []


@pytest.mark.parametrize("field", ["analysis", "recommendation"])
def test_an_invented_number_is_doubted_wherever_it_stands(field: str) -> None:
    assert doubts(assessment(**{field: "Wait 42 minutes."}), FACTS, INCIDENT) == [
        "42 is quoted, and no fact states it"
    ]


@pytest.mark.parametrize(
    ("severity", "score", "fits"),
    [
        ("low", 0.35, True),
        ("medium", 0.35, True),
        ("critical", 0.35, False),
        ("low", 0.5, True),
        ("critical", 0.5, True),
        ("low", 0.9, False),
        ("medium", 0.9, True),
        ("critical", 0.9, True),
    ],
)
def test_severity_fits_the_score_or_is_one_grade_beside(severity: str, score: float, fits: bool) -> None:
    found = doubts(assessment(severity=severity), FACTS, Incident(score, INCIDENT.readings))
    assert (found == []) is fits
    assert fits or "does not fit the score" in found[0]


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (["f1", "f9"], '"f9" is no fact\'s id'),
        ([], "no fact is relied on"),
        (['"\n' + "x" * 99], "is no fact's id"),
    ],
)
def test_the_facts_relied_on_exist(evidence: list[str], words: str) -> None:
    (found,) = doubts(assessment(evidence=evidence), FACTS, INCIDENT)
    assert words in found
    assert found.isprintable()
    assert len(found) < 80


def test_a_number_that_ends_a_fact_is_known() -> None:
    facts = (Fact("f1", "observed 45."), Fact("f2", "It was at night."))
    assert unsupported_numbers("It is at 45 now.", facts, INCIDENT) == []


def test_a_feature_named_by_a_number_excuses_no_number() -> None:
    incident = Incident(score=0.5, readings=(Reading("1", 1.0),))
    facts = (Fact("f1", '"1" carries 100% of the anomaly.'),)
    assert unsupported_numbers('"1" rose to 1.7', facts, incident) == ["1.7"]


def test_thousands_of_features_cost_no_time() -> None:
    readings = tuple(Reading(f"feature {i}", 1 / 30_000) for i in range(30_000))
    assert unsupported_numbers("It rose to 55.", FACTS, Incident(0.5, readings)) == ["55"]
