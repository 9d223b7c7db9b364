"""Explanations as the service gives them: in the answer, later under an id, or not at all."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry

from anomaliz.agent.explainer import Explainer
from anomaliz.agent.explanation import DISABLED, NOT_NEEDED, PENDING, SKIPPED, Explanation
from anomaliz.agent.incident import Incident
from anomaliz.agent.shapes import LONGEST
from anomaliz.agent.summary import summary
from anomaliz.agent.trace import Trace
from anomaliz.api.answers import Answer
from anomaliz.bundle.bundle import Bundle
from anomaliz.config.settings import Agent
from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats

Mode = Literal["true", "false", "async"]
MODES: tuple[Mode, ...] = ("true", "false", "async")
PARAMETER = "explain"
MOST_KEPT = 1000


@dataclass
class Record:
    """An explanation that can be asked for by its id."""

    incident: Incident
    explanation: Explanation


class Explaining:
    """The explainer of a service, if it has one, and the explanations that are asked for later."""

    def __init__(self, explainer: Explainer | None) -> None:
        self.explainer = explainer
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, agent: Agent, registry: CollectorRegistry | None = None) -> "Explaining":
        """Return it for the settings, with metrics in `registry`.

        Raises AnomalizError where a configured backend cannot be had.
        """
        return cls(None if agent.backend == "disabled" else Explainer.of(agent, registry))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Give up what is under way when the block ends."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def add(self, answer: Answer, bundle: Bundle, values: Floats, mode: Mode) -> None:
        """Put summary and explanation into the answer of /analyze to `values (n, n_features)`, an anomaly."""
        incident = incident_of_answer(answer, bundle, values)
        answer["summary"] = summary(incident)
        if self.explainer is None:
            return
        if mode == "true":
            answer.update((await self.explainer.explain(incident)).answer())
        elif mode == "async":
            answer["explanation"] = PENDING.details(self._start(self.explainer, incident))
        else:
            answer["explanation"] = SKIPPED.details()

    def skip(self, answer: Answer, bundle: Bundle, values: Floats) -> None:
        """Put the summary into an answer that is not explained, where it is an anomaly."""
        if answer["anomaly"]:
            summarise(answer, bundle, values)
            if self.explainer:
                answer["explanation"] = SKIPPED.details()

    async def explain(self, incident: Incident, trace: Trace | None = None) -> Answer:
        """Return the answer of /explain."""
        if self.explainer is None:
            explanation = DISABLED if incident.anomaly else NOT_NEEDED
        else:
            explanation = await self.explainer.explain(incident, trace)
        return explained(incident, explanation)

    def found(self, id: str) -> Answer | None:
        """Return the answer under an id, None where there is none, or no longer."""
        record = self._records.get(id)
        if record is None:
            return None
        return explained(record.incident, record.explanation, id)

    def _start(self, explainer: Explainer, incident: Incident) -> str:
        id = secrets.token_hex(16)
        record = self._records[id] = Record(incident, PENDING)
        if len(self._records) > MOST_KEPT:
            self._records.popitem(last=False)
        task = asyncio.create_task(_fill(record, explainer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return id


async def _fill(record: Record, explainer: Explainer) -> None:
    record.explanation = await explainer.explain(record.incident)


def explained(incident: Incident, explanation: Explanation, id: str | None = None) -> Answer:
    """Return an explanation as /explain and /explanations answer it."""
    return {
        "summary": summary(incident) if incident.anomaly else None,
        **explanation.answer(),
        "explanation": explanation.details(id),
    }


def incident_of_answer(answer: Answer, bundle: Bundle, values: Floats) -> Incident:
    """Return the incident of an answer of /analyze to `values (n, n_features)`."""
    newest = values[-LONGEST:]
    recent = {feature: newest[:, i] for i, feature in enumerate(bundle.features)}
    return Incident.of_verdict(answer, recent, bundle.step)


def summarise(answer: Answer, bundle: Bundle, values: Floats) -> Answer:
    """Return an answer of /analyze to `values (n, n_features)` with its summary, where it is an anomaly."""
    if answer["anomaly"]:
        answer["summary"] = summary(incident_of_answer(answer, bundle, values))
    return answer


def mode_of(text: str | None) -> Mode:
    """Return what the parameter `explain` says; raises DataError for another value."""
    if text is None:
        return "true"
    for mode in MODES:
        if text == mode:
            return mode
    raise DataError(f"{PARAMETER} must be {', '.join(MODES[:-1])} or {MODES[-1]}", field=PARAMETER)
