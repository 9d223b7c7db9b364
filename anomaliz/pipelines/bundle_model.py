"""A trained bundle as the model of a pipeline: it scores each series of a panel by itself."""

import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import read_manifest
from anomaliz.bundle.state_file import dump_states, load_states
from anomaliz.config.settings import Settings
from anomaliz.core.errors import DataError
from anomaliz.core.labels import LabelSet, label_set
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.place import Place, RegistryUri
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import ScoringState, Status, Verdicts
from anomaliz.detection.profile import WINDOW_PROFILE
from anomaliz.detection.series_profile import SERIES_PROFILE
from anomaliz.pipelines.definition import VALUE

logger = logging.getLogger(__name__)

BUNDLES_KEPT = 8
"""In memory of a process, for the jobs to come."""
READINGS = ("surprise", "expected", "expected_lower", "expected_upper", "contributions")


@dataclass(frozen=True)
class BundleModel:
    """Scores with one profile throughout, so that one threshold holds: the series profile, if there is one.

    A series that it has not scored yet begins with its first value, whatever the bundle was trained on, and
    is `warming_up` until the detectors have seen enough of it.
    """

    bundle: Bundle

    @classmethod
    def load(cls, place: Place, settings: Settings) -> Self:
        """Load the bundle in a folder or a registry; raises BundleError, TrackingError, MissingExtraError."""
        folder = _located(place, settings) if isinstance(place, RegistryUri) else place
        return cls(_loaded(folder, read_manifest(folder)[1]))

    @property
    def version(self) -> str:
        return self.bundle.version

    @cached_property
    def reach(self) -> int:
        """Rows before a row that its verdict can depend on, the memory aside."""
        series = self.bundle.series
        return self.bundle.reach if series is None else max(self.bundle.reach, series.enough)

    @cached_property
    def threshold(self) -> float:
        series = self.bundle.series
        profile = self.bundle.profile if series is None else series.scorer.profile
        return profile.decision.threshold

    def score(self, panel: Panel, newest: int, memory: bytes | None) -> tuple[PanelVerdicts, bytes]:
        """Judge the newest `newest` rows of `panel`, the others being what came before.

        `memory` is what the call for the rows before them returned; None begins anew. Rows in several calls
        are judged as those in one are. Series may come, go and change places between calls; one that is
        not there passes time, as one does that has no values. One that is not there for longer than the
        `reach` is forgotten, and begins anew: else pods of long ago would take the time of those that are
        there. Raises DataError for other features or another step than the bundle's.
        """
        order = self._order(panel.features)
        columns = {label_set(labels): i for i, labels in enumerate(panel.labels)}
        is_long = len(panel) - newest > self.reach
        states = {
            labels: state
            for labels, state in self._states(memory).items()
            if labels in columns or not is_long
        }
        verdicts = _unscored(panel, newest, self.threshold)
        for labels in [*columns, *(states.keys() - columns.keys())]:
            values = _values(panel, columns.get(labels), order)
            scored = self._score(values, panel, newest, states.get(labels))
            if scored is not None:
                states[labels] = scored.state
                if labels in columns:
                    _put(verdicts, columns[labels], scored, order)
        return verdicts, dump_states(states, self.bundle)

    def _score(
        self, values: Floats, panel: Panel, newest: int, state: ScoringState | None
    ) -> Verdicts | None:
        """Judge the newest rows of a series `values (n, n_features)`; None where it has not begun."""
        first = _first(values) if state is None else _after(panel.times, state)
        if first == len(values):
            return None
        rows, times, _ = self.bundle.regularise(values[first:], panel.times[first:], state)
        profile = WINDOW_PROFILE if self.bundle.series is None else SERIES_PROFILE
        return self.bundle.score(rows, times, state, newest=min(newest, len(values) - first), profile=profile)

    def _order(self, features: tuple[str, ...]) -> NDArray[np.intp]:
        """Return where in a panel the bundle's features are, `(n_features,)`."""
        if len(features) == len(self.bundle.features) == 1:
            return np.zeros(1, np.intp)
        if sorted(features) != sorted(self.bundle.features):
            has = "one query" if features == (VALUE,) else f"the queries {', '.join(features)}"
            raise DataError(
                f"bundle {self.bundle.name} takes the features {', '.join(self.bundle.features)} and the "
                f"pipeline has {has}: give a query for each of them, by its name"
            )
        return np.array([features.index(feature) for feature in self.bundle.features], np.intp)

    def _states(self, memory: bytes | None) -> dict[LabelSet, ScoringState]:
        if memory is None:
            return {}
        try:
            return load_states(memory, self.bundle)
        except (KeyError, TypeError, ValueError):
            raise DataError("the memory of the bundle's series cannot be read: begin without one") from None


def _located(uri: RegistryUri, settings: Settings) -> Path:
    from anomaliz.tracking.locate import locate

    return locate(uri, settings.tracking, logger.warning)


@lru_cache(maxsize=BUNDLES_KEPT)
def _loaded(folder: Path, sha256: str) -> Bundle:  # noqa: ARG001 - a bundle that was replaced is another one
    return Bundle.load(folder)


def _values(panel: Panel, column: int | None, order: NDArray[np.intp]) -> Floats:
    """Return the values of a series as the bundle has its features, `(n, n_features)`."""
    if column is None:
        return np.full((len(panel), len(order)), np.nan)
    values: Floats = panel.values[:, column, order]
    return values


def _first(values: Floats) -> int:
    """Return the first row that has a value."""
    there = np.logical_not(np.isnan(values).all(axis=1))
    return int(np.argmax(there)) if there.any() else len(values)


def _after(times: Stamps, state: ScoringState) -> int:
    """Return the first row that the state has not seen."""
    return int(np.searchsorted(times, np.array([state.last], "datetime64[ns]"), side="right")[0])


def _unscored(panel: Panel, newest: int, threshold: float) -> PanelVerdicts:
    """Return verdicts of the newest rows that say nothing yet."""
    observed = panel.values[len(panel) - newest :]
    by_feature = {name: np.full(observed.shape, np.nan) for name in READINGS[1:]}
    return PanelVerdicts(
        times=panel.times[len(panel) - newest :],
        labels=panel.labels,
        features=panel.features,
        threshold=threshold,
        status=np.full(observed.shape[:2], Status.no_data, np.int8),
        surprise=np.full(observed.shape[:2], np.nan),
        observed=observed,
        **by_feature,
    )


def _put(verdicts: PanelVerdicts, column: int, scored: Verdicts, order: NDArray[np.intp]) -> None:
    """Put the verdicts of a series at the end of its column."""
    rows = slice(len(verdicts) - len(scored), None)
    verdicts.status[rows, column] = scored.status
    verdicts.surprise[rows, column] = scored.surprise
    for name in READINGS[1:]:
        getattr(verdicts, name)[rows, column, order] = getattr(scored, name)
