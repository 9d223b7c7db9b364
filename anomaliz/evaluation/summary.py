"""The result of a run as JSON: measures by series, their means, and NAB's score."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import numpy as np

from anomaliz import __version__
from anomaliz.config.settings import Settings
from anomaliz.evaluation.nab_gains import GAINED, GAINED_AT_DEFAULT, MOST, NAB_GAINS
from anomaliz.evaluation.protocols import DETECTORS, Protocol
from anomaliz.evaluation.runs import Failure, Result
from anomaliz.metrics.nab import (
    NEVER,
    PROFILES,
    NabProfile,
    NabSeries,
    best_nab_score,
    nab_gain,
    nab_score,
    probation_rows,
)

Json: TypeAlias = dict[str, Any]

USED = {"data", "models", "training", "detection"}
"""Sections of the settings that a result depends on."""
MEANS_OF_NAB = ("vus_pr", "auc_pr", "best_f1", "f1")
PUBLISHED_NEVER = 1e18
"""How the benchmark's published results write the threshold that nothing reaches."""
ALERT = 1.0
"""Threshold of alerts as numbers."""


def summarise(
    results: Sequence[Result], protocol: Protocol, settings: Settings, failures: Sequence[Failure] = ()
) -> Json:
    """Return the JSON of a run: everything that is measured, None for what is undefined.

    Means and NAB's score are those of the series that are done; `failed` says why others are not.
    """
    best = (
        {name: _best(results, profile) for name, profile in PROFILES.items()}
        if protocol is Protocol.NAB
        else {}
    )
    return {
        "protocol": protocol.value,
        "version": __version__,
        **_totals(results, protocol, best),
        "series": {result.name: {**result.measures, **_gains(result, best)} for result in results},
        "failed": {failure.name: failure.why for failure in failures},
        "seconds": {result.name: round(result.seconds, 3) for result in results},
        "settings": settings.model_dump(mode="json", include=USED),
    }


def _totals(results: Sequence[Result], protocol: Protocol, best: Mapping[str, float | None]) -> Json:
    if protocol is Protocol.SPLIT:
        return {"mean": _means_by_detector([result.measures for result in results])}
    detectors = {DETECTORS: _means_by_detector([result.measures[DETECTORS] for result in results])}
    if protocol is Protocol.EVALUATE:
        return {"mean": _mean([result.measures for result in results]), **detectors}
    return {
        **_of_nab(results, best),
        "groups": {name: _of_nab(members, best) for name, members in _groups(results).items()},
        **detectors,
    }


def _of_nab(results: Sequence[Result], best: Mapping[str, float | None]) -> Json:
    """Return NAB's score, at the `best` threshold of each profile, and the means of `results`."""
    scores = {name: _scores(results, profile, best[name]) for name, profile in PROFILES.items()}
    return {"nab": scores, "mean": _mean([result.measures for result in results], MEANS_OF_NAB)}


def _scores(results: Sequence[Result], profile: NabProfile, best: float | None) -> Json:
    if best is None or not _scorable(results):
        return {"score": None, "threshold": None, "score_at_default_threshold": None}
    return {
        "score": nab_score(list(map(_by_score, results)), best, profile),
        "threshold": PUBLISHED_NEVER if best == NEVER else best,
        "score_at_default_threshold": nab_score(list(map(_by_alert, results)), ALERT, profile),
    }


def _gains(result: Result, best: Mapping[str, float | None]) -> Json:
    """Return what one series adds to each profile's score, at the `best` threshold and at the default one."""
    known = {name: threshold for name, threshold in best.items() if threshold is not None}
    found = {name: _gain(result, PROFILES[name], threshold) for name, threshold in known.items()}
    return {NAB_GAINS: found} if found else {}


def _gain(result: Result, profile: NabProfile, best: float) -> Json:
    gained, most = nab_gain(_by_score(result), best, profile)
    at_default = nab_gain(_by_alert(result), ALERT, profile).gained
    return {MOST: most, GAINED: gained, GAINED_AT_DEFAULT: at_default}


def _by_score(result: Result) -> NabSeries:
    return NabSeries(result.alert_score, result.windows)


def _by_alert(result: Result) -> NabSeries:
    return NabSeries(result.alert.astype(np.float64), result.windows)


def _best(results: Sequence[Result], profile: NabProfile) -> float | None:
    """Return the best threshold of all `results` together; None where no window tells."""
    if not _scorable(results):
        return None
    return best_nab_score(list(map(_by_score, results)), profile)[1]


def _scorable(results: Sequence[Result]) -> bool:
    return any(end > probation_rows(len(result.alert)) for result in results for _, end in result.windows)


def _groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(PurePosixPath(result.name).parent.as_posix(), []).append(result)
    return groups


def _means_by_detector(measured: Sequence[Mapping[str, Mapping[str, Any]]]) -> Json:
    """Return the means of each detector over the series that it was there for."""
    names = dict.fromkeys(name for found in measured for name in found)
    return {name: _mean([found[name] for found in measured if name in found]) for name in names}


def _mean(measured: Sequence[Mapping[str, Any]], measures: Iterable[str] | None = None) -> Json:
    """Return the mean of each measure over the series that have it, None where none has."""
    if measures is None:
        measures = dict.fromkeys(name for found in measured for name in found if name != DETECTORS)
    return {name: _mean_of([found.get(name) for found in measured]) for name in measures}


def _mean_of(values: Iterable[Any]) -> float | None:
    numbers = [value for value in values if isinstance(value, float)]
    return float(np.mean(numbers)) if numbers else None
