"""What a run prints at its end."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from anomaliz.evaluation.measures import RANKING
from anomaliz.evaluation.protocols import DETECTORS, Protocol
from anomaliz.evaluation.runs import Failure
from anomaliz.evaluation.text_table import number_cell, text_table

OF_NAB = ("vus_pr", "auc_pr", "best_f1", "f1", "nab")
OF_NAB_SCORE = ("score", "threshold", "score_at_default_threshold")
OF_SPLIT = ("f1", "precision", "recall", "roc_auc", "threshold")
OF_EVALUATE = ("vus_pr", "auc_pr", "roc_auc", "best_f1", "f1", "precision", "recall", "event_recall")
MEAN = "mean"
N_SERIES = "series"
"""Title of the number of series that a detector was there for."""

Rows: TypeAlias = Mapping[tuple[str, ...], Mapping[str, float | None]]
"""Measures by what stands before them."""


def report(result: Mapping[str, Any]) -> str:
    """Return the JSON of a run as text tables."""
    if result["protocol"] == Protocol.SPLIT:
        return _split(result)
    if result["protocol"] == Protocol.NAB:
        tables = [_nab(result), _nab_scores(result)]
    else:
        tables = [_by_series({**result["series"], MEAN: result["mean"]}, OF_EVALUATE)]
    return "\n\n".join([*tables, _by_detector(result)])


def failures_told(failures: Sequence[Failure], n_series: int) -> str:
    """Return the sentence that ends a run of `n_series` in which some failed: each reason with its series."""
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.why, []).append(failure.name)
    told = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
    return told if n_series == 1 else f"{len(failures)} of {n_series} series failed: {told}"


def _nab(result: Mapping[str, Any]) -> str:
    means = {f"{MEAN} of {name}": group for name, group in result["groups"].items()} | {MEAN: result}
    rows = {name: {**part["mean"], "nab": part["nab"]["standard"]["score"]} for name, part in means.items()}
    return _by_series({**result["series"], **rows}, OF_NAB)


def _nab_scores(result: Mapping[str, Any]) -> str:
    rows: Rows = {(name,): scores for name, scores in result["nab"].items()}
    return _table(["NAB score"], OF_NAB_SCORE, rows)


def _split(result: Mapping[str, Any]) -> str:
    parts = {**result["series"], MEAN: result["mean"]}
    rows: Rows = {
        (name, detector): measures for name, part in parts.items() for detector, measures in part.items()
    }
    return _table(["series", "detector"], OF_SPLIT, rows)


def _by_detector(result: Mapping[str, Any]) -> str:
    """Return the detectors' means, each with the number of series that it was there for."""
    series = result["series"].values()
    rows: Rows = {
        (name,): {**means, N_SERIES: sum(name in one[DETECTORS] for one in series)}
        for name, means in result[DETECTORS].items()
    }
    return _table(["detector"], (*RANKING, N_SERIES), rows)


def _by_series(measured: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> str:
    rows: Rows = {(name,): measures for name, measures in measured.items()}
    return _table(["series"], columns, rows)


def _table(titles: Sequence[str], columns: Sequence[str], rows: Rows) -> str:
    lines = [
        [*names, *(number_cell(found.get(column)) for column in columns)] for names, found in rows.items()
    ]
    return text_table([[*titles, *columns], *lines], len(titles))
