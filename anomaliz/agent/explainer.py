"""The explainer: asks the agent what an incident means, and whatever happens says so in time."""

import asyncio
import logging
import time
from dataclasses import replace
from typing import Self

from prometheus_client import CollectorRegistry

from anomaliz.agent.backends import ChatBackend, chat_backend
from anomaliz.agent.breaker import Breaker
from anomaliz.agent.budget import Budget
from anomaliz.agent.cache import CoolDown
from anomaliz.agent.calls import Calls
from anomaliz.agent.explanation import FAILED, NOT_NEEDED, Explanation, ExplanationStatus
from anomaliz.agent.failures import LLMError
from anomaliz.agent.flights import Flights
from anomaliz.agent.graph import Case, build_graph
from anomaliz.agent.incident import Incident
from anomaliz.agent.monitoring import AgentMonitoring
from anomaliz.agent.price import Price
from anomaliz.agent.prompt import prompt_version
from anomaliz.agent.spans import span
from anomaliz.agent.trace import Trace
from anomaliz.config.settings import Agent
from anomaliz.core.errors import ConfigError

logger = logging.getLogger(__name__)


class Explainer:
    """Explains incidents by one backend. For one event loop at a time, which it never blocks."""

    def __init__(self, agent: Agent, backend: ChatBackend, monitoring: AgentMonitoring | None = None) -> None:
        """Raise MissingExtraError without LangGraph."""
        self.backend = backend
        self.breaker = Breaker(agent.breaker_failures, agent.breaker_open_s)
        self._deadline_seconds = agent.deadline_s
        self._most_under_way = agent.max_concurrent
        self._under_way = 0
        self._budget = Budget(agent.daily_tokens, agent.daily_cost)
        self._known: CoolDown[Explanation] = CoolDown(agent.cool_down_s)
        self._flights: Flights[Explanation] = Flights()
        self._graph = build_graph()
        self._prompt_version = prompt_version()
        self._monitoring = monitoring
        if monitoring:
            monitoring.watch(self.breaker)

    @classmethod
    def of(cls, agent: Agent, registry: CollectorRegistry | None = None, *, model: str | None = None) -> Self:
        """Return an explainer by the configured backend, or by another `model` of it; imports LangChain.

        `registry` gets its metrics. Raises MissingExtraError without LangChain and LangGraph, ConfigError for
        a backend that is disabled and for a budget of money without a price.
        """
        backend = chat_backend(agent, model)
        if agent.daily_cost is not None and Price.of(agent, backend.model) is None:
            raise ConfigError(
                f"agent.daily_cost needs the price of {backend.model}: "
                f"add '{backend.model}=INPUT/OUTPUT' to agent.prices",
                field="agent.prices",
            )
        return cls(agent, backend, AgentMonitoring(registry, backend.model) if registry else None)

    async def explain(self, incident: Incident, trace: Trace | None = None) -> Explanation:
        """Return what the agent says of an incident, or why it says nothing, within the deadline.

        Nothing is raised, whatever the LLM does. Cancelling it cancels the calls.
        """
        began = time.perf_counter()
        with span("explain", model=self.backend.model) as current:
            try:
                explanation = await self._explain(incident, trace or Trace())
            except Exception:
                # A fault of ours must not cost anybody the verdict.
                logger.exception("the explanation agent failed")
                explanation = self._failed("error", "the explanation agent failed: the log says why")
            current.set_attribute("anomaliz.status", explanation.status)
        if explanation is not NOT_NEEDED:
            milliseconds = round((time.perf_counter() - began) * 1000, 3)
            explanation = replace(explanation, latency_ms=milliseconds)
        if self._monitoring:
            self._monitoring.explained(explanation)
        if explanation.status in FAILED:
            logger.info(
                "no explanation", extra={"agent_status": explanation.status, "reason": explanation.reason}
            )
        return explanation

    async def _explain(self, incident: Incident, trace: Trace) -> Explanation:
        if not incident.anomaly:
            return NOT_NEEDED
        deadline = time.monotonic() + self._deadline_seconds
        case = Case(incident, Calls(self.backend, self._budget, self._monitoring, trace, deadline), trace)
        if known := self._known.get(case.facts):
            return replace(known, tokens=0, cached=True)
        return await self._flights.join(case.facts, lambda: self._start(case))

    async def _start(self, case: Case) -> Explanation:
        if refusal := self._refusal():
            return refusal
        self._under_way += 1
        try:
            explanation = await self._run(case)
        finally:
            self._under_way -= 1
        if explanation.analysis is not None:
            self._known.put(case.facts, explanation)
        return explanation

    def _refusal(self) -> Explanation | None:
        """Return why nothing is asked now. The breaker comes last: whom it lets through has to go on."""
        if self._budget.exhausted:
            return self._failed(
                "budget", "the day's budget of tokens or money is spent: it is renewed at 00:00 UTC"
            )
        if self._under_way >= self._most_under_way:
            return self._failed("busy", f"{self._under_way} explanations are under way: try again later")
        if not self.breaker.lets_through():
            return self._failed("circuit_open", f"{self.backend.place} failed several times in a row")
        return None

    async def _run(self, case: Case) -> Explanation:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                state = await self._graph.ainvoke({"case": case})
        except TimeoutError:
            self.breaker.failed()
            return self._failed("timeout", f"no explanation in {self._deadline_seconds:g} s", case)
        except LLMError as error:
            self.breaker.failed()
            return self._failed("timeout" if error.cause == "timeout" else "error", str(error), case)
        except asyncio.CancelledError:
            self.breaker.gave_up()
            raise
        except Exception:
            self.breaker.failed()
            raise
        self.breaker.succeeded()
        explanation: Explanation = state["explanation"]
        return replace(
            explanation,
            model=self.backend.model,
            prompt_version=self._prompt_version,
            tokens=case.calls.usage.total,
        )

    def _failed(self, status: ExplanationStatus, reason: str, case: Case | None = None) -> Explanation:
        tokens = case.calls.usage.total if case else 0
        return Explanation(status, reason, model=self.backend.model, tokens=tokens)
