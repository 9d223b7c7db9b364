"""What a run prints at its end."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from anomaliz.evaluation.protocols import Protocol

OF_NAB = ("vus_pr", "auc_pr", "best_f1", "f1", "nab")
OF_NAB_SCORE = ("score", "threshold", "score_at_default_threshold")
OF_SPLIT = ("f1", "precision", "recall", "roc_auc", "threshold")
OF_EVALUATE = ("vus_pr", "auc_pr", "roc_auc", "best_f1", "f1", "precision", "recall", "event_recall")
MEAN = "mean"

Rows: TypeAlias = Mapping[tuple[str, ...], Mapping[str, float | None]]
"""Measures by what stands before them."""


def report(result: Mapping[str, Any]) -> str:
    """Return the JSON of a run as text tables."""
    if result["protocol"] == Protocol.NAB:
        return f"{_nab(result)}\n\n{_nab_scores(result)}"
    if result["protocol"] == Protocol.SPLIT:
        return _split(result)
    return _by_series({**result["series"], MEAN: result["mean"]}, OF_EVALUATE)


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


def _by_series(measured: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> str:
    rows: Rows = {(name,): measures for name, measures in measured.items()}
    return _table(["series"], columns, rows)


def _table(titles: Sequence[str], columns: Sequence[str], rows: Rows) -> str:
    heads = [tuple(titles), *rows]
    left = [max(map(len, names)) for names in zip(*heads, strict=True)]
    right = [max(len(column), 6) for column in columns]
    lines = [_line(titles, left, columns, right)]
    for names, measures in rows.items():
        lines.append(_line(names, left, [_cell(measures.get(column)) for column in columns], right))
    return "\n".join(lines)


def _line(names: Iterable[str], left: Sequence[int], cells: Iterable[str], right: Sequence[int]) -> str:
    texts = [name.ljust(width) for name, width in zip(names, left, strict=True)]
    return "  ".join([*texts, *(cell.rjust(width) for cell, width in zip(cells, right, strict=True))])


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
