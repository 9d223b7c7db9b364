"""Where scoring stands with each of several series, as bytes: arrays and JSON, no code."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.series import SeriesState
from anomaliz.bundle.series_file import series_state_from, series_state_parts
from anomaliz.core.archive import pack, unpack
from anomaliz.core.labels import LabelSet
from anomaliz.core.verdict import ScoringState

States = Mapping[LabelSet, ScoringState]
FACTS = "facts"


def dump_states(states: States, bundle: Bundle) -> bytes:
    """Return the states that `bundle` left the series in, without what the bundle knows itself."""
    trained = _trained(bundle)
    facts: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for number, (labels, state) in enumerate(states.items()):
        content, parts = _parts(state, trained)
        facts.append({**content, "labels": sorted(labels)})
        arrays |= {f"{number}/{name}": part for name, part in parts.items()}
    arrays[FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    return pack(arrays)


def load_states(content: bytes, bundle: Bundle) -> dict[LabelSet, ScoringState]:
    """Return what `dump_states` was given, with the same bundle; KeyError, TypeError or ValueError else."""
    trained = _trained(bundle)
    by_series: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in unpack(content).items():
        number, _, part = name.partition("/")
        by_series.setdefault(number, {})[part] = array
    facts = json.loads(by_series[FACTS][""].tobytes())
    return {
        frozenset((name, value) for name, value in fact["labels"]): _state(fact, by_series[str(i)], trained)
        for i, fact in enumerate(facts)
    }


def _parts(
    state: ScoringState, trained: SeriesState | None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    last = None if state.last is None else int(state.last.astype("datetime64[ns]").astype(np.int64))
    content: dict[str, Any] = {"last": last, "series": None}
    arrays: dict[str, NDArray[Any]] = {"given": state.rows}
    if state.series is not None:
        assert isinstance(state.series, SeriesState)
        content["series"], parts = series_state_parts(state.series, after=trained)
        arrays |= parts
    return content, arrays


def _state(
    content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], trained: SeriesState | None
) -> ScoringState:
    last = None if content["last"] is None else np.datetime64(content["last"], "ns")
    series = content["series"] and series_state_from(content["series"], arrays, after=trained)
    return ScoringState(arrays["given"], last, series)


def _trained(bundle: Bundle) -> SeriesState | None:
    """Return what training left, which most of a state repeats."""
    if bundle.series is None:
        return None
    assert isinstance(bundle.series.trained.series, SeriesState)
    return bundle.series.trained.series
