"""What a backtest says, as JSON and as text."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from anomaliz import __version__
from anomaliz.core.stamps import DAY
from anomaliz.core.verdict import Event
from anomaliz.evaluation.backtest import Backtest, Suggestion
from anomaliz.evaluation.outputs import iso_stamps
from anomaliz.evaluation.text_table import number_cell, text_table

Json: TypeAlias = dict[str, Any]

SECOND = np.timedelta64(1, "s")
OF_EVENT = ("start", "end", "peak", "severity", "score", "points", "most_in")
OF_BUDGET = ("alert_budget", "threshold", "runs", "runs_per_day", "note")


def result_of(backtest: Backtest) -> Json:
    """Return all that a backtest says as JSON; an event's end is the stamp that follows it."""
    series, decision = backtest.judged.series, backtest.judged.scorer.profile.decision
    stamps = _stamps(backtest)
    return {
        "series": series.name,
        "version": __version__,
        "rows": {
            "all": len(series.values),
            "missing": int(np.isnan(series.values).all(axis=1).sum()),
            "fitted": series.n_train,
            "judged": backtest.n_judged,
        },
        "step_seconds": float(backtest.step / SECOND),
        "span": {
            "start": stamps[0],
            "end": stamps[-1],
            "days": backtest.n_judged * float(backtest.step / DAY),
        },
        "alert_budget": decision.alert_budget,
        "threshold": decision.threshold,
        "volume": _volume(backtest),
        "events": [_event(event, backtest, stamps) for event in backtest.events],
        "budgets": [_budget(one, backtest) for one in backtest.suggestions],
    }


def report(result: Mapping[str, Any]) -> str:
    """Return the JSON of a backtest as text."""
    volume = [["", "number", "per day", "share of points"]]
    for name, found in result["volume"].items():
        cells = (found["number"], found["per_day"], found["share"])
        volume.append([name.replace("_", " "), *map(number_cell, cells)])
    parts = [_heading(result), text_table(volume), "no event"]
    if result["events"]:
        parts[-1] = _table(result["events"], OF_EVENT, 4)
    return "\n\n".join([*parts, _table(result["budgets"], OF_BUDGET, 0)])


def _stamps(backtest: Backtest) -> list[str]:
    """Return the stamp of each judged row, and the one a step after the last."""
    times = backtest.times
    return [f"{text}Z" for text in iso_stamps(np.append(times, times[-1] + backtest.step))]


def _volume(backtest: Backtest) -> Json:
    points = int(backtest.verdicts.anomaly.sum())
    numbers = {"alerts": backtest.n_alerts, "events": len(backtest.events), "anomalous_points": points}
    volume = {
        name: {"number": number, "per_day": backtest.per_day(number), "share": None}
        for name, number in numbers.items()
    }
    volume["anomalous_points"]["share"] = points / backtest.n_judged
    return volume


def _event(event: Event, backtest: Backtest, stamps: Sequence[str]) -> Json:
    features = backtest.verdicts.features
    return {
        "start": stamps[event.start],
        "end": stamps[event.end],
        "peak": stamps[event.peak],
        "severity": event.severity,
        "score": event.score,
        "points": event.end - event.start,
        "most_in": features[int(np.argmax(event.contributions))],
        "contributions": dict(zip(features, event.contributions.tolist(), strict=True)),
    }


def _budget(suggestion: Suggestion, backtest: Backtest) -> Json:
    decision = suggestion.decision
    return {
        "alert_budget": decision.alert_budget,
        "threshold": decision.threshold,
        "extrapolated": decision.extrapolated,
        "in_use": decision == backtest.judged.scorer.profile.decision,
        "runs": suggestion.n_runs,
        "runs_per_day": backtest.per_day(suggestion.n_runs),
    }


def _heading(result: Mapping[str, Any]) -> str:
    rows, span = result["rows"], result["span"]
    missing = f", {rows['missing']} of them missing" if rows["missing"] else ""
    return (
        f"{result['series']}: {rows['all']} rows {result['step_seconds']:g} s apart{missing}\n"
        f"fitted on the first {rows['fitted']}, judged {rows['judged']} behind them: "
        f"{span['days']:.3g} days, {span['start']} to {span['end']}\n"
        f"threshold {result['threshold']:.3f}, for one false alarm in {result['alert_budget']:g} points"
    )


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], n_left: int) -> str:
    heading = [column.replace("_", " ") for column in columns]
    return text_table([heading, *([_cell(row, column) for column in columns] for row in rows)], n_left)


def _cell(row: Mapping[str, Any], column: str) -> str:
    if column == "note":
        notes = {"in use": row["in_use"], "extrapolated": row["extrapolated"]}
        return ", ".join(note for note, holds in notes.items() if holds)
    if column == "alert_budget":
        return f"{row[column]:g}"
    value = row[column]
    return value if isinstance(value, str) else number_cell(value)
