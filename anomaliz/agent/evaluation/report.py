"""The evaluation as a table, a line for each model."""

from collections import Counter
from collections.abc import Sequence

from anomaliz.agent.evaluation.run import ModelResult
from anomaliz.evaluation.text_table import text_table

HEADING = (
    "model",
    "answered",
    "inconclusive",
    "kind",
    "feature",
    "severity",
    "unsupported",
    "p50 s",
    "p95 s",
    "tokens",
    "cost",
)


def report(results: Sequence[ModelResult]) -> str:
    """Return a line for each model, and below why it did not answer where it did not."""
    return "\n".join([text_table([HEADING, *map(_cells, results)]), *_silences(results)])


def _cells(result: ModelResult) -> tuple[str, ...]:
    measures = result.measures
    return (
        result.model,
        f"{measures.answered}/{measures.incidents}",
        str(measures.inconclusive),
        _percent(measures.kind_accuracy),
        _percent(measures.feature_accuracy),
        _percent(measures.severity_accuracy),
        _percent(measures.unsupported_rate),
        _seconds(measures.latency_p50_ms),
        _seconds(measures.latency_p95_ms),
        str(measures.tokens),
        "unknown" if measures.cost is None else f"{measures.cost:.4g}",
    )


def _silences(results: Sequence[ModelResult]) -> list[str]:
    lines = []
    for result in results:
        silent = Counter((o.status, o.reason) for o in result.outcomes if not o.answered)
        lines += [f"{result.model}: {n} {status}: {reason}" for (status, reason), n in silent.most_common()]
    return ["", *lines] if lines else []


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def _seconds(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.2f}"
