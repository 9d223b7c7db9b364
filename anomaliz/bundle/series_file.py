"""The series profile on disk: arrays in a file of their own, the rest as JSON beside the window profile's."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from anomaliz.bundle.series import Scales, SeriesScorer, SeriesState
from anomaliz.core.types import Floats
from anomaliz.detection.alerting import AlertState
from anomaliz.detection.calibration import Tail
from anomaliz.detection.series_profile import SeriesMemory, SeriesProfile
from anomaliz.detection.streaming import KEPT, ErrorHistory
from anomaliz.models.series.registry import series_detectors
from anomaliz.preprocessing.normalizer import RangeNormalizer
from anomaliz.preprocessing.robust import RobustNormalizer

HISTORIES = ("errors", "smoothed")


def dump(scorer: SeriesScorer, state: SeriesState) -> tuple[dict[str, Any], bytes]:
    """Return the JSON and the file of a scorer with the state in which its training left it."""
    of_state, arrays = series_state_parts(state)
    content = {
        **scorer.profile.to_json(),
        "period": scorer.period,
        "scales": {"ranges": scorer.scales.ranges.to_json(), "spreads": scorer.scales.spreads.to_json()},
        **of_state,
    }
    for detector in scorer.detectors:
        for key, value in detector.state().items():
            arrays[f"{detector.name}/{key}"] = value
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return content, file.getvalue()


def load(content: Mapping[str, Any], file: bytes) -> tuple[SeriesScorer, SeriesState]:
    """Return what `dump` was given; raises KeyError, TypeError or ValueError for anything else."""
    with np.load(io.BytesIO(file), allow_pickle=False) as loaded:
        arrays = {key: loaded[key] for key in loaded.files}
    profile = SeriesProfile.from_json(content)
    scales = Scales(
        RangeNormalizer.from_json(content["scales"]["ranges"]),
        RobustNormalizer.from_json(content["scales"]["spreads"]),
    )
    detectors = [
        detector.restore(_of(detector.name, arrays))
        for detector in series_detectors(len(scales.ranges.low), content["period"])
    ]
    if tuple(detector.name for detector in detectors) != profile.detectors:
        raise ValueError(f"it has the series detectors {', '.join(profile.detectors)}")
    scorer = SeriesScorer(detectors, scales, content["period"], profile)
    return scorer, series_state_from(content, arrays)


def series_state_parts(
    state: SeriesState, after: SeriesState | None = None
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return the JSON and the arrays of a state.

    Of the history of errors, what a state had that came `after` another one is left out.
    """
    memory = state.memory
    histories = {name: getattr(memory, name) for name in HISTORIES}
    content = {
        "before": state.before,
        "histories": {name: _history_json(history) for name, history in histories.items()},
        "alert": {"since": memory.alert.since, "last": _finite(memory.alert.last)},
    }
    arrays = {
        "rows": state.rows,
        "score_power": memory.score_power,
        "rank_power": memory.rank_power,
        "alert_recent": memory.alert.recent,
    }
    for name, history in histories.items():
        known = 0 if after is None else getattr(after.memory, name).seen
        arrays[name] = history.errors[max(len(history.errors) - (history.seen - known), 0) :]
    return content, arrays


def series_state_from(
    content: Mapping[str, Any], arrays: Mapping[str, Floats], after: SeriesState | None = None
) -> SeriesState:
    """Return what `series_state_parts` was given, with the same state `after` which it came."""
    errors, smoothed = (
        _history(content["histories"][name], arrays[name], getattr(after.memory, name) if after else None)
        for name in HISTORIES
    )
    alert = content["alert"]
    last = -np.inf if alert["last"] is None else alert["last"]
    memory = SeriesMemory(
        errors,
        smoothed,
        arrays["score_power"],
        arrays["rank_power"],
        AlertState(arrays["alert_recent"], alert["since"], last),
    )
    return SeriesState(arrays["rows"], content["before"], memory)


def _of(name: str, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def _history_json(history: ErrorHistory) -> dict[str, Any]:
    tails = [None if tail is None else tail.to_json() for tail in history.tails]
    return {"seen": history.seen, "next_fit": history.next_fit, "tails": tails}


def _history(content: Mapping[str, Any], errors: Floats, after: ErrorHistory | None) -> ErrorHistory:
    tails = tuple(None if tail is None else Tail.from_json(tail) for tail in content["tails"])
    if after is not None:
        errors = np.concatenate([after.errors, errors])[-KEPT:]
    return ErrorHistory(errors, content["seen"], content["next_fit"], tails)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
