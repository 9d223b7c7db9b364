"""The graph: gather the facts, assess them, verify what was said, finish."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from anomaliz.agent.assessment import Assessment
from anomaliz.agent.calls import Calls
from anomaliz.agent.evidence import Fact, gather
from anomaliz.agent.explanation import Explanation
from anomaliz.agent.failures import LLMError
from anomaliz.agent.incident import Incident
from anomaliz.agent.prompt import prompt
from anomaliz.agent.spans import span
from anomaliz.agent.trace import Trace
from anomaliz.agent.verification import doubts
from anomaliz.core.errors import MissingExtraError

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

logger = logging.getLogger(__name__)

FINISHING_SECONDS = 0.05
UNDECIDED = "the facts do not decide what happened"


@dataclass
class Case:
    """An incident on its way through the graph."""

    incident: Incident
    calls: Calls
    trace: Trace

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        return gather(self.incident)


class State(TypedDict, total=False):
    """What the nodes hand on."""

    case: Case
    facts: tuple[Fact, ...]
    assessment: Assessment
    doubts: list[str]
    explanation: Explanation


Node = Callable[[State], Awaitable[State]]


def build_graph() -> "CompiledStateGraph[Any, Any, Any, Any]":
    """Return the compiled graph, from a state with a `case` to one with an `explanation`.

    It raises LLMError where the LLM gives no assessment. Raises MissingExtraError without LangGraph, which
    takes half a second to import.
    """
    try:
        from langgraph.graph import END, START, StateGraph
    except ImportError as error:
        raise MissingExtraError.of("The explanation agent", "agent") from error
    graph: Any = StateGraph(State)
    nodes = {"gather": _gather, "assess": _assess, "verify": _verify, "finish": _finish}
    for name, node in nodes.items():
        graph.add_node(name, _traced(name, node))
    for start, end in zip([START, *nodes], [*nodes, END], strict=True):
        graph.add_edge(start, end)
    compiled: CompiledStateGraph[Any, Any, Any, Any] = graph.compile()
    return compiled


def _traced(name: str, node: Node) -> Node:
    async def traced(state: State) -> State:
        began = time.perf_counter()
        with span(name):
            try:
                return await node(state)
            finally:
                state["case"].trace.stepped(name, time.perf_counter() - began)

    return traced


async def _gather(state: State) -> State:
    return {"facts": state["case"].facts}


async def _assess(state: State) -> State:
    asked = {"facts": _told(state)}
    return {"assessment": await state["case"].calls.ask(prompt("assess"), asked, Assessment)}


async def _verify(state: State) -> State:
    """Check by rules; where they doubt, have the LLM correct itself, and check again."""
    found = _doubts(state, state["assessment"])
    if not found or not state["case"].calls.left:
        return {"doubts": found}
    asked = {
        "facts": _told(state),
        "assessment": state["assessment"].model_dump(),
        "doubts": found,
    }
    calls = state["case"].calls
    try:
        # Ends before the deadline does, which would take the first assessment with it.
        async with asyncio.timeout(calls.seconds_left - FINISHING_SECONDS):
            corrected = await calls.ask(prompt("verify"), asked, Assessment)
    except (LLMError, TimeoutError) as error:
        logger.info("an assessment could not be corrected", extra={"reason": str(error)})
        return {"doubts": found}
    return {"assessment": corrected, "doubts": _doubts(state, corrected)}


async def _finish(state: State) -> State:
    assessment, found = state["assessment"], state["doubts"]
    if not assessment.conclusive:
        found = [*found, UNDECIDED]
    explanation = Explanation(
        status="inconclusive" if found else "ok",
        reason="; ".join(found) or None,
        analysis=assessment.analysis,
        severity=assessment.severity,
        recommendation=assessment.recommendation,
        kind=assessment.kind,
        confidence=assessment.confidence,
        evidence=tuple(fact for fact in state["facts"] if fact.id in assessment.evidence),
    )
    return {"explanation": explanation}


def _told(state: State) -> list[dict[str, str]]:
    return [{"id": fact.id, "text": fact.text} for fact in state["facts"]]


def _doubts(state: State, assessment: Assessment) -> list[str]:
    return doubts(assessment, state["facts"], state["case"].incident)
