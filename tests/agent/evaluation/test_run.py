"""The evaluation against a server whose answers make its numbers known in advance."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from anomaliz.agent.evaluation.incidents import KnownIncident, make_incidents
from anomaliz.agent.evaluation.run import ModelResult, by_rules, evaluate
from anomaliz.config.settings import Agent

BACKENDS = ("openai", "ollama")
TOKENS_A_CALL = 160
INCIDENTS = make_incidents()
LoadAgent = Callable[..., Agent]


def right(known: KnownIncident, **wrong: object) -> dict[str, Any]:
    said = {
        "kind": known.kind,
        "analysis": f"The metric {known.injected[0]} is odd. A change is the probable cause.",
        "severity": known.severity,
        "recommendation": "Look at the latest change.",
        "confidence": 0.8,
        "evidence": ["f1"],
        "conclusive": True,
    }
    return said | wrong


def run(agent: Agent, known: tuple[KnownIncident, ...] = INCIDENTS, **options: Any) -> ModelResult:
    said: list[str] = []
    options = {"model": None, "jobs": 1} | options
    result = asyncio.run(evaluate(known, agent, done=lambda name, _: said.append(name), **options))
    assert len(said) == len(known)
    return result


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_llm_that_is_always_right(llm: Any, load_agent: LoadAgent, backend: str) -> None:
    llm.script(*(right(known) for known in INCIDENTS))
    result = run(load_agent(backend))
    measures = result.measures
    assert (measures.incidents, measures.answered, measures.inconclusive) == (42, 42, 0)
    assert measures.kind_accuracy == measures.feature_accuracy == measures.severity_accuracy == 1
    assert measures.unsupported_rate == 0
    assert measures.tokens == 42 * TOKENS_A_CALL
    assert measures.cost == pytest.approx(0 if backend == "ollama" else 42 * (120 * 1 + 40 * 2) / 1e6)
    assert 0 < measures.latency_p50_ms <= measures.latency_p95_ms < 5000
    assert (result.model, result.prompt_version) == ("scripted", "assess-1 verify-1")


def test_each_fault_counts_where_it_is_made(llm: Any, load_agent: LoadAgent, misbehaving: Any) -> None:
    known = INCIDENTS[:8]
    invented = right(known[1], recommendation="Add 777 servers.")
    llm.script(
        right(known[0], kind="other"),
        invented,
        invented,  # when it is asked again, since the rules doubt the number
        right(known[2], severity="low"),
        right(known[3], analysis="Something is odd. Nobody knows why."),
        misbehaving("401"),
        right(known[5]),
        "no JSON at all",
        "nor now",
        right(known[7], analysis=f"The {known[7].injected[0]} is of the severity that its score says."),
    )
    result = run(load_agent(), known)
    assert [outcome.status for outcome in result.outcomes] == [
        "ok",
        "inconclusive",
        "ok",
        "ok",
        "error",
        "ok",
        "error",
        "ok",
    ]
    measures = result.measures
    assert (measures.answered, measures.inconclusive) == (6, 1)
    assert measures.kind_accuracy == 5 / 8
    assert measures.severity_accuracy == 5 / 8
    assert measures.feature_accuracy == 5 / 8
    assert measures.unsupported_rate == 1 / 6
    assert result.outcomes[1].unsupported_numbers == ("777",)
    # Eight incidents; one was asked about twice to be corrected and one to be read, one was refused.
    assert len(llm.requests) == 10
    assert measures.tokens == 9 * TOKENS_A_CALL


def test_another_model_without_a_price(llm: Any, load_agent: LoadAgent) -> None:
    llm.script(right(INCIDENTS[0]))
    result = run(load_agent(), INCIDENTS[:1], model="other")
    assert (result.model, result.measures.cost) == ("other", None)
    assert llm.requests[0]["model"] == "other"


def test_more_at_a_time_than_the_service_would(llm: Any, load_agent: LoadAgent) -> None:
    llm.script(right(INCIDENTS[0]))
    result = run(load_agent(max_concurrent=1), INCIDENTS[:8], jobs=8)
    assert result.measures.answered == 8


def test_no_answers_at_all(llm: Any, load_agent: LoadAgent, misbehaving: Any) -> None:
    llm.script(misbehaving("500"))
    measures = run(load_agent(breaker_failures=1), INCIDENTS[:3]).measures
    assert (measures.answered, measures.kind_accuracy) == (0, 0)
    assert measures.unsupported_rate is measures.latency_p50_ms is None


def test_the_rules_are_what_an_llm_has_to_beat() -> None:
    measures = by_rules(INCIDENTS).measures
    assert measures.answered == 42
    assert measures.kind_accuracy >= 0.85
    assert measures.tokens == 0
