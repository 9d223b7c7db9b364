"""A pipeline's backtest as text and as JSON."""

from dataclasses import asdict
from typing import Any

from anomaliz.pipelines.backtest import Backtest, Suggestion

LONGEST = 60
"""Letters of a series that are shown."""


def result_of(backtest: Backtest, suggestion: Suggestion | None) -> dict[str, Any]:
    """Return the backtest as JSON has it."""
    return {
        "pipeline": backtest.pipeline.name,
        "series": len(backtest.verdicts.labels),
        "thresholds": list(backtest.thresholds),
        "alerts": backtest.alerts,
        "days": [asdict(day) for day in backtest.days()],
        "suggestion": asdict(suggestion) if suggestion else None,
    }


def report(result: dict[str, Any]) -> str:
    """Return what `result_of` gave, for people."""
    lines = [
        f"pipeline {result['pipeline']}: {result['series']} series, threshold "
        f"{_thresholds(*result['thresholds'])}, {_alerts(result['alerts'])}",
        "",
        f"{'day (UTC)':<12}{'alerts':>7}{'points':>8}{'scored':>9}  highest anomaly score",
    ]
    lines += [_day(day) for day in result["days"]]
    if suggested := result["suggestion"]:
        few = "for at most" if suggested["kept"] else "no threshold gives at most"
        lines += [
            "",
            f"{few} {suggested['wanted']:g} alerts a day, "
            f"score.threshold: {suggested['threshold']:.4f} ({_alerts(suggested['alerts'])} in this time)",
        ]
    return "\n".join(lines)


def _day(day: dict[str, Any]) -> str:
    highest = "nothing was scored"
    if day["anomaly_score"] is not None:
        highest = f"{day['anomaly_score']:.2f} {_short(day['worst'])}"
    return f"{day['day']:<12}{day['alerts']:>7}{day['points']:>8}{day['scored']:>9}  {highest}"


def _thresholds(lowest: float, highest: float) -> str:
    return f"{lowest:.4f}" if lowest == highest else f"{lowest:.4f} to {highest:.4f}"


def _alerts(count: int) -> str:
    return f"{count} alert{'s' if count != 1 else ''}"


def _short(series: str) -> str:
    return series if len(series) <= LONGEST else series[: LONGEST - 1] + "…"
