"""What tokens cost."""

from dataclasses import dataclass
from typing import Self

from anomaliz.config.settings import Agent

MILLION = 1_000_000


@dataclass(frozen=True)
class Usage:
    """Tokens of one or several calls."""

    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in whatever currency the settings are."""

    of_input: float
    of_output: float

    @classmethod
    def of(cls, agent: Agent, model: str) -> Self | None:
        """Return the price of a model of the configured backend, or None where the settings have none."""
        if agent.backend == "ollama":
            return cls(0.0, 0.0)
        for entry in agent.prices:
            name, _, prices = entry.rpartition("=")
            if name == model:
                of_input, _, of_output = prices.partition("/")
                return cls(float(of_input), float(of_output))
        return None

    def cost(self, usage: Usage) -> float:
        """Return what so many tokens cost."""
        return (usage.input_tokens * self.of_input + usage.output_tokens * self.of_output) / MILLION
