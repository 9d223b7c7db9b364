"""The second opinion: an LLM names the anomalies of a series, and is asked again about those it named."""

import asyncio
import base64
import json
import operator
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from anomaliz.agent.backends import ChatBackend, Message, chat_backend
from anomaliz.agent.failures import LLMError
from anomaliz.agent.opinion.excerpt import Excerpt
from anomaliz.agent.opinion.finding import Finding, Joined, NamedAnomalies, join
from anomaliz.agent.opinion.opinion import Opinion
from anomaliz.agent.opinion.prompt import DETECT, VERIFY, prompt_of
from anomaliz.agent.price import Usage
from anomaliz.agent.prompt import Prompt
from anomaliz.config.settings import Agent
from anomaliz.core.errors import AnomalizError, MissingExtraError
from anomaliz.data.dataset import Dataset

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph


async def second_opinion(dataset: Dataset, agent: Agent, *, seed: int | None = None) -> Opinion:
    """Ask an LLM which rows of `dataset` are anomalous, and again whether it stands by that.

    The newest rows are sent, rounded, as many as `agent.opinion.max_values` allows, and with
    `agent.opinion.image` as a plot too. Of several `agent.opinion.models` one is drawn at random, by `seed`
    where it is given; the opinion names it. Nothing found costs one call, not two. What the LLM names is
    joined to the rows by timestamp.

    Raises AnomalizError when the LLM fails or is not done within `agent.opinion.deadline_s`, ConfigError
    for a disabled backend or a prompt that cannot be read, DataError for a series that is too wide, too
    short or without stamps, and MissingExtraError.
    """
    examination = _examination(dataset, agent, seed)
    graph, deadline = examination.graph(), agent.opinion.deadline_s
    began = time.perf_counter()
    try:
        async with asyncio.timeout(deadline):
            state: Any = await graph.ainvoke({"usage": Usage()})
    except TimeoutError:
        raise AnomalizError(
            f"{examination.backend.place} gave no second opinion within {deadline:g} s: "
            "raise agent.opinion.deadline_s, or lower agent.opinion.max_values"
        ) from None
    except LLMError as error:
        raise AnomalizError(f"there is no second opinion: {error}") from None
    return examination.opinion(state, time.perf_counter() - began)


class State(TypedDict, total=False):
    """What the steps have found."""

    detected: Joined
    verified: Joined
    usage: Annotated[Usage, operator.add]


@dataclass(frozen=True)
class Examination:
    """One series before one model."""

    backend: ChatBackend
    excerpt: Excerpt
    prompts: dict[str, Prompt]
    picture: bytes | None
    """PNG."""

    def graph(self) -> "CompiledStateGraph[Any, Any, Any, Any]":
        """Return the steps: detect, then verify where something was detected."""
        try:
            from langgraph.graph import END, START, StateGraph
        except ImportError as error:
            raise MissingExtraError.of("The second opinion", "agent") from error
        graph = StateGraph(State)
        graph.add_node(DETECT, self.detect)
        graph.add_node(VERIFY, self.verify)
        graph.add_edge(START, DETECT)
        graph.add_conditional_edges(DETECT, _next, [VERIFY, END])
        graph.add_edge(VERIFY, END)
        return graph.compile()

    async def detect(self, state: State) -> State:  # noqa: ARG002
        """Ask for the anomalies of the series."""
        reply = await self.backend.ask(self.prompts[DETECT].text, self._shown(), NamedAnomalies)
        return {"detected": join(reply.value.anomalies, self.excerpt), "usage": reply.usage}

    async def verify(self, state: State) -> State:
        """Ask which of them are anomalies indeed."""
        candidates = f"\n\ncandidates:\n{_candidates(state['detected'].findings)}"
        reply = await self.backend.ask(self.prompts[VERIFY].text, self._shown(candidates), NamedAnomalies)
        return {"verified": join(reply.value.anomalies, self.excerpt), "usage": reply.usage}

    def opinion(self, state: State, seconds: float) -> Opinion:
        """Return what came of it; a step that verifies can only take away."""
        detected = state["detected"]
        taken = [detected, state["verified"]] if "verified" in state else [detected]
        rows = {finding.row for finding in detected.findings}
        kept = tuple(finding for finding in taken[-1].findings if finding.row in rows)
        return Opinion(
            model=self.backend.model,
            findings=kept,
            n_detected=len(detected.findings),
            dropped={
                "unknown_timestamps": sum(joined.unknown_timestamps for joined in taken),
                "invalid": sum(joined.invalid for joined in taken),
                "not_detected": len(taken[-1].findings) - len(kept),
            },
            prompt_versions=self._versions(len(taken)),
            n_before=self.excerpt.n_before,
            n_shown=len(self.excerpt),
            first_shown=self.excerpt.stamps()[0],
            image=self.picture is not None,
            tokens=state["usage"].total,
            cost=self.backend.cost(state["usage"]),
            latency_ms=1000 * seconds,
        )

    def _versions(self, n_steps: int) -> dict[str, str]:
        steps = (DETECT, VERIFY)[:n_steps]
        return {step: f"{self.prompts[step].name}-{self.prompts[step].version}" for step in steps}

    def _shown(self, more: str = "") -> Message:
        text = self.excerpt.text() + more
        if self.picture is None:
            return text
        url = f"data:image/png;base64,{base64.b64encode(self.picture).decode()}"
        return [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]


def _examination(dataset: Dataset, agent: Agent, seed: int | None) -> Examination:
    opinion = agent.opinion
    excerpt = Excerpt.of(dataset, opinion.max_values)
    prompts = {step: prompt_of(step, opinion) for step in (DETECT, VERIFY)}
    model = random.Random(seed).choice(opinion.models) if opinion.models else None
    # The client's own patience is longer: it is the deadline of both calls that ends a silence.
    backend = chat_backend(agent.model_copy(update={"deadline_s": 2 * opinion.deadline_s}), model)
    return Examination(backend, excerpt, prompts, _picture(excerpt) if opinion.image else None)


def _next(state: State) -> str:
    return VERIFY if state["detected"].findings else "__end__"


def _candidates(findings: Sequence[Finding]) -> str:
    named = ("timestamp", "value", "kind", "confidence", "rationale")
    return json.dumps([{name: getattr(finding, name) for name in named} for finding in findings], indent=1)


def _picture(excerpt: Excerpt) -> bytes:
    from anomaliz.visualization.excerpt import excerpt_figure
    from anomaliz.visualization.style import png

    return png(excerpt_figure(excerpt.values, excerpt.times, excerpt.names()))
