"""Two runs compared on the series that both scored, with paired bootstrap intervals.

Series are resampled with replacement, both runs' measures together, and the interval holds the middle of
the mean differences: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. NAB's scores
are no means over series but are resampled alike, as what the drawn series gain by the most that they have;
every resample keeps each run's threshold.
"""

import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats
from anomaliz.core.verdict import FUSED
from anomaliz.data.dataset import DataWarning
from anomaliz.evaluation.nab_gains import MOST, NAB_GAINS, NAB_MEASURES
from anomaliz.evaluation.protocols import Protocol
from anomaliz.evaluation.text_table import text_table

HIGHER_IS_BETTER = (
    *NAB_MEASURES,
    *("vus_pr", "auc_pr", "roc_auc", "best_f1", "f1", "precision", "recall", "event_recall"),
)
LOWER_IS_BETTER = ("median_delay", "false_alarms_per_day", "false_alarm_rate")
MEASURES = (*HIGHER_IS_BETTER, *LOWER_IS_BETTER)
CONFIDENCE = 0.95
MOST_NAMED = 5
"""Series that a warning names."""
FIX = "give the files that --json wrote"

Run: TypeAlias = Mapping[str, Any]
"""The JSON of a benchmark run."""
Measured: TypeAlias = Mapping[str, Mapping[str, Any]]
"""`{series: {measure: number or None}}`."""


class _Part(NamedTuple):
    """What one series adds to a measure of a run: `over`, divided by what `under` is of all series."""

    over: float
    under: float = 1.0


@dataclass(frozen=True)
class Comparison:
    """One measure of two runs, over the series that have it in both; a mean unless it is a NAB score."""

    measure: str
    n_series: int
    mean_a: float
    mean_b: float
    difference: float
    """Mean of B - A."""
    interval: tuple[float, float] | None
    """95% interval of the difference; None for one series, which tells nothing about others."""
    b_better: float | None
    """Share of resamples in which B is better, a tie not counting; None for one series."""


def read_run(path: Path) -> dict[str, Any]:
    """Return the JSON of the run in `path`; DataError when it cannot be read or is not a run."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): {FIX}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not JSON: {FIX}") from None
    _measured(run, str(path))
    return dict(run)


def compare(
    a: Run, b: Run, *, measures: Sequence[str] | None = None, n_resamples: int = 10_000, seed: int = 0
) -> list[Comparison]:
    """Return how run `b` differs from run `a`, for each of `measures`, or for all that both have.

    Each mean, and each NAB score, is over the series that have the measure in both runs, so it can differ
    from the run's own. A DataWarning names the series of one run only, and a run on NAB without what its
    series gained. Raises DataError for what is not a run, runs of different protocols or on other windows,
    no common series or measure, and a measure that is unknown or in no series.
    """
    if n_resamples < 1:
        raise DataError(f"n_resamples must be at least 1, got {n_resamples}", field="n_resamples")
    first, second = _measured(a, "A"), _measured(b, "B")
    if a.get("protocol") != b.get("protocol"):
        both = f"{a.get('protocol')!r} and {b.get('protocol')!r}"
        raise DataError(f"A and B follow the protocols {both}: compare runs of one", field="protocol")
    common = _common(first, second)
    if a.get("protocol") == Protocol.NAB:
        _warn_without_gains({"A": first, "B": second}, common)
    found = []
    for measure in _chosen(measures):
        over, under = _parts(measure, common, first, second)
        if under.sum() > 0:
            found.append(_comparison(measure, over, under, n_resamples, seed))
        elif measures is not None:
            raise DataError(f"no series has {measure} in both runs: choose another measure", field="measures")
    if not found:
        raise DataError(f"A and B have no measure in common: {FIX}", field="series")
    return found


def table(comparisons: Iterable[Comparison]) -> str:
    """Return `comparisons` as a text table."""
    heading = ("measure", "series", "A", "B", "B - A", f"{CONFIDENCE:.0%} interval", "B better")
    return text_table([heading, *map(_cells, comparisons)])


def _measured(run: Any, name: str) -> Measured:
    """Return the measures of each series of `run`, which errors call `name`."""
    series = run.get("series") if isinstance(run, Mapping) else None
    if not isinstance(series, Mapping) or not all(isinstance(found, Mapping) for found in series.values()):
        raise DataError(f"{name} is not a run, which has measures by series: {FIX}", field="series")
    return {key: found[FUSED] if _is_split(found) else found for key, found in series.items()}


# Of a run that measures every detector by itself, the fusion is compared.
def _is_split(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get(FUSED), Mapping)


def _common(first: Measured, second: Measured) -> list[str]:
    """Return the series of both, sorted, so that the order in the files changes nothing."""
    common = sorted(first.keys() & second.keys())
    if not common:
        raise DataError("A and B share no series: compare runs on the same data", field="series")
    for name, alone in (("A", first.keys() - second.keys()), ("B", second.keys() - first.keys())):
        if alone:
            warnings.warn(f"only in {name}, and left out: {_named(alone)}", DataWarning, stacklevel=3)
    return common


def _chosen(measures: Sequence[str] | None) -> Sequence[str]:
    for measure in measures or ():
        if measure not in MEASURES:
            near = suggestion(measure, MEASURES) or f": choose among {', '.join(MEASURES)}"
            raise DataError(f"unknown measure {measure!r}{near}", field="measures")
    return MEASURES if measures is None else measures


def _warn_without_gains(runs: Mapping[str, Measured], common: Sequence[str]) -> None:
    for name, run in runs.items():
        if not any(NAB_GAINS in run[series] for series in common):
            warnings.warn(
                f"{name} has no {NAB_GAINS} by series, so NAB scores are not compared: run it again",
                DataWarning,
                stacklevel=3,
            )


def _parts(measure: str, common: Sequence[str], first: Measured, second: Measured) -> tuple[Floats, Floats]:
    """Return `over (n, 2)` of A and B, and `under (n,)`, of the series that have `measure` in both."""
    read = _gain if measure in NAB_MEASURES else _value
    found = {series: (read(first, series, measure), read(second, series, measure)) for series in common}
    whole = {series: (a, b) for series, (a, b) in found.items() if a is not None and b is not None}
    half = [series for series, pair in found.items() if pair.count(None) == 1]
    if whole and half:
        warnings.warn(
            f"{measure} is in one run only, and left out, for {_named(half)}", DataWarning, stacklevel=3
        )
    for series, (a, b) in whole.items():
        if a.under != b.under:
            raise DataError(f"{series} has other windows in B: compare runs on the same data", field="series")
    over = np.array([[a.over, b.over] for a, b in whole.values()], np.float64).reshape(-1, 2)
    return over, np.array([a.under for a, _ in whole.values()], np.float64)


def _value(run: Measured, series: str, measure: str) -> _Part | None:
    value = _number(run[series].get(measure), measure, series)
    return None if value is None else _Part(value)


def _gain(run: Measured, series: str, measure: str) -> _Part | None:
    """Return what `series` gained, in percent, and the most that there is."""
    profile, gained = NAB_MEASURES[measure]
    found: Any = run[series]
    for key in (NAB_GAINS, profile):
        found = found.get(key)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise DataError(f"{NAB_GAINS} of {series} must be gains by profile: {FIX}", field=NAB_GAINS)
    over, under = (_number(found.get(key), f"{NAB_GAINS} {key}", series) for key in (gained, MOST))
    return None if over is None or under is None else _Part(100 * over, under)


def _number(value: Any, name: str, series: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{name} of {series} must be a number or null, got {value!r}: {FIX}", field=name)
    return float(value)


def _comparison(measure: str, over: Floats, under: Floats, n_resamples: int, seed: int) -> Comparison:
    differences = over[:, 1] - over[:, 0]
    interval, b_better = None, None
    resampled = _resampled(differences, under, n_resamples, seed)
    if len(differences) > 1 and len(resampled):
        lower, upper = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        interval = float(lower), float(upper)
        b_better = float(np.mean(resampled < 0 if measure in LOWER_IS_BETTER else resampled > 0))
    mean_a, mean_b = (over.sum(axis=0) / under.sum()).tolist()
    difference = float(differences.sum() / under.sum())
    return Comparison(measure, len(differences), mean_a, mean_b, difference, interval, b_better)


def _resampled(differences: Floats, under: Floats, n_resamples: int, seed: int) -> Floats:
    """Return the difference in each resample `(m,)`; every measure draws the same series.

    A resample of series without windows has no NAB score and is left out.
    """
    n = len(differences)
    drawn = np.random.default_rng(seed).integers(n, size=(n_resamples, n))
    over, most = differences[drawn].sum(axis=1), under[drawn].sum(axis=1)
    known = most > 0
    return np.asarray(over[known] / most[known])


def _cells(found: Comparison) -> tuple[str, ...]:
    note = " (lower is better)" if found.measure in LOWER_IS_BETTER else ""
    interval = "-" if found.interval is None else f"[{', '.join(map(_signed, found.interval))}]"
    better = "-" if found.b_better is None else f"{found.b_better:.1%}"
    means = f"{found.mean_a:.4f}", f"{found.mean_b:.4f}"
    return found.measure + note, str(found.n_series), *means, _signed(found.difference), interval, better


def _signed(value: float) -> str:
    return f"{value:+z.4f}"


def _named(series: Iterable[str]) -> str:
    names = sorted(series)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
