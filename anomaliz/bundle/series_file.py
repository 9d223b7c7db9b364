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
from anomaliz.detection.streaming import ErrorHistory
from anomaliz.models.series.registry import series_detectors
from anomaliz.preprocessing.normalizer import RangeNormalizer
from anomaliz.preprocessing.robust import RobustNormalizer

HISTORIES = ("errors", "smoothed")


def dump(scorer: SeriesScorer, state: SeriesState) -> tuple[dict[str, Any], bytes]:
    """Return the JSON and the file of a scorer with the state in which its training left it."""
    memory = state.memory
    histories = {name: getattr(memory, name) for name in HISTORIES}
    content = {
        **scorer.profile.to_json(),
        "period": scorer.period,
        "scales": {"ranges": scorer.scales.ranges.to_json(), "spreads": scorer.scales.spreads.to_json()},
        "before": state.before,
        "histories": {name: _history_json(history) for name, history in histories.items()},
        "alert": {"since": memory.alert.since, "last": _finite(memory.alert.last)},
    }
    arrays = {
        "rows": state.rows,
        "score_power": memory.score_power,
        "rank_power": memory.rank_power,
        "alert_recent": memory.alert.recent,
        **{name: history.errors for name, history in histories.items()},
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
    errors, smoothed = (_history(content["histories"][name], arrays[name]) for name in HISTORIES)
    alert = content["alert"]
    last = -np.inf if alert["last"] is None else alert["last"]
    memory = SeriesMemory(
        errors,
        smoothed,
        arrays["score_power"],
        arrays["rank_power"],
        AlertState(arrays["alert_recent"], alert["since"], last),
    )
    scorer = SeriesScorer(detectors, scales, content["period"], profile)
    return scorer, SeriesState(arrays["rows"], content["before"], memory)


def _of(name: str, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def _history_json(history: ErrorHistory) -> dict[str, Any]:
    tails = [None if tail is None else tail.to_json() for tail in history.tails]
    return {"seen": history.seen, "next_fit": history.next_fit, "tails": tails}


def _history(content: Mapping[str, Any], errors: Floats) -> ErrorHistory:
    tails = tuple(None if tail is None else Tail.from_json(tail) for tail in content["tails"])
    return ErrorHistory(errors, content["seen"], content["next_fit"], tails)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
