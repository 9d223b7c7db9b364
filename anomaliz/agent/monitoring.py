"""What a Prometheus reads of the agent: calls, latency, tokens, cost, statuses, the breaker."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anomaliz.agent.breaker import Breaker, State
from anomaliz.agent.explanation import FAILED, Explanation
from anomaliz.agent.price import Usage

SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
BREAKER_STATES: tuple[State, ...] = ("closed", "half_open", "open")


class AgentMonitoring:
    """Counts calls of one model, and the explanations made of them."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self.registry = registry
        self._model = model
        self._calls = Counter(
            "anomaliz_agent_calls_total",
            "Calls of the LLM, by how they ended.",
            ("model", "result"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "anomaliz_agent_call_seconds",
            "Time that a call of the LLM took.",
            ("model",),
            registry=registry,
            buckets=SECONDS,
        )
        self._tokens = Counter(
            "anomaliz_agent_tokens_total",
            "Tokens, by whether they were sent or received.",
            ("model", "direction"),
            registry=registry,
        )
        self._cost = Counter(
            "anomaliz_agent_cost_total",
            "What tokens cost, in the currency of agent.prices.",
            ("model",),
            registry=registry,
        )
        self._explanations = Counter(
            "anomaliz_agent_explanations_total", "Explanations, by status.", ("status",), registry=registry
        )
        self._explanation_seconds = Histogram(
            "anomaliz_agent_explanation_seconds",
            "Time that an explanation took.",
            registry=registry,
            buckets=SECONDS,
        )
        for status in ("ok", "inconclusive", *sorted(FAILED)):
            self._explanations.labels(status)  # a rate needs the zero before the first one
        self._calls.labels(model, "ok")
        self._cost.labels(model)

    def watch(self, breaker: Breaker) -> None:
        """Export which state the breaker is in: 1 for that one, 0 for the others."""
        gauge = Gauge(
            "anomaliz_agent_breaker_state",
            "Whether the LLM is called (closed), tried (half_open) or left alone (open).",
            ("state",),
            registry=self.registry,
        )
        for state in BREAKER_STATES:
            gauge.labels(state).set_function(partial(_is_in, breaker, state))

    def called(self, result: str, seconds: float, usage: Usage, cost: float | None) -> None:
        """Count a call; `result` is `ok` or the cause of its failure."""
        self._calls.labels(self._model, result).inc()
        self._call_seconds.labels(self._model).observe(seconds)
        self._tokens.labels(self._model, "input").inc(usage.input_tokens)
        self._tokens.labels(self._model, "output").inc(usage.output_tokens)
        self._cost.labels(self._model).inc(cost or 0.0)

    def explained(self, explanation: Explanation) -> None:
        """Count an explanation, and its time where it was asked for."""
        self._explanations.labels(explanation.status).inc()
        if explanation.latency_ms is not None:
            self._explanation_seconds.observe(explanation.latency_ms / 1000)


def _is_in(breaker: Breaker, state: State) -> float:
    return float(breaker.state == state)
