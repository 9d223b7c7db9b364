"""The trace of an explanation: its nodes, how long each took, and what was said to the LLM."""

from collections.abc import Callable
from dataclasses import dataclass, field

from anomaliz.agent.prompt import Prompt


@dataclass(frozen=True)
class Exchange:
    """A call of the LLM."""

    prompt: Prompt
    message: str
    answer: str
    """JSON, or a sentence why there is none."""
    seconds: float


@dataclass(frozen=True)
class Step:
    """A node that has run."""

    node: str
    milliseconds: float
    exchanges: tuple[Exchange, ...]


@dataclass
class Trace:
    """Gathers exchanges, and hands each step on as it ends."""

    on_step: Callable[[Step], None] = lambda _: None
    _exchanges: list[Exchange] = field(default_factory=list)

    def exchanged(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def stepped(self, node: str, seconds: float) -> None:
        exchanges, self._exchanges = tuple(self._exchanges), []
        self.on_step(Step(node, round(seconds * 1000, 3), exchanges))
