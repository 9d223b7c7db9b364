"""A bundle in memory: the one scoring path."""

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle.manifest import (
    GRAPH_FILE,
    HISTORY_FILE,
    METADATA_FILE,
    METRICS_FILE,
    THRESHOLD_FILE,
    Manifest,
    read_manifest,
    read_verified,
)
from anomaliz.bundle.session import ScoringSession
from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import ScoringState, Status, Verdicts
from anomaliz.detection.profile import Judgement, Profile
from anomaliz.preprocessing.gaps import forward_fill, insert_gaps
from anomaliz.preprocessing.windowing import complete, sliding_windows

if TYPE_CHECKING:
    import pandas as pd

WINDOW_PROFILE = "window"


@dataclass(frozen=True)
class Bundle:
    """Everything that scoring needs, loaded and verified."""

    manifest: Manifest
    sha256: str
    session: ScoringSession
    profile: Profile
    canary: Floats
    """A normal window of raw values, `(window_size, n_features)`."""
    metadata: dict[str, Any]
    metrics: dict[str, Any]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the bundle in `directory`, checking every file's hash; raises BundleError with the reason."""
        manifest, sha256 = read_manifest(directory)
        content = read_verified(directory, manifest)
        try:
            with np.load(io.BytesIO(content[HISTORY_FILE]), allow_pickle=False) as history:
                canary = history["canary"]
            profile = Profile.from_json(WINDOW_PROFILE, json.loads(content[THRESHOLD_FILE])[WINDOW_PROFILE])
            metadata, metrics = (json.loads(content[name]) for name in (METADATA_FILE, METRICS_FILE))
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(
                f"{directory} cannot be understood ({error!r}): train the bundle again"
            ) from error
        return cls(manifest, sha256, ScoringSession(content[GRAPH_FILE]), profile, canary, metadata, metrics)

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version

    @cached_property
    def features(self) -> tuple[str, ...]:
        return self.manifest.features

    @property
    def window_size(self) -> int:
        return self.manifest.window_size

    @cached_property
    def step(self) -> np.timedelta64 | None:
        seconds = self.manifest.step_seconds
        return None if seconds is None else np.timedelta64(round(seconds * 1e9), "ns")

    @property
    def fill_limit(self) -> int:
        """Rows for which a missing value may be stood for by the one before it."""
        return self.window_size

    def score(
        self,
        values: Floats,
        times: Stamps | None = None,
        state: ScoringState | None = None,
        *,
        newest: int | None = None,
    ) -> Verdicts:
        """Score a series, row by row, each from the rows up to it.

        `values (n, n_features)`, float64, NaN = missing, have the bundle's feature order and are taken as
        they come, one step apart (`regularise` makes them so); `times (n,)` go into the verdicts as they
        are. `state` is that of an earlier call's verdicts and makes this call continue that series. With
        `newest=k` only the last k rows get verdicts. Raises DataError for a wrong shape or an infinity.
        """
        values = self._checked(values)
        n = len(values) if newest is None else min(newest, len(values))
        rows = values if state is None else np.concatenate([state.rows, values])
        rows = rows[-(n + self._reach) :]
        filled = forward_fill(rows, self.fill_limit) if np.isnan(rows).any() else rows
        windows = sliding_windows(filled, self.window_size)
        windows = windows[max(0, len(windows) - n) :]
        status = self._status(rows[len(rows) - n :], filled[len(rows) - n :], windows)
        scored = status <= Status.degraded
        judgement = self._judge(windows, np.flatnonzero(scored[n - len(windows) :]))
        return self._verdicts(
            _spread(judgement, scored),
            status,
            observed=values[len(values) - n :],
            times=None if times is None else times[len(times) - n :],
            state=ScoringState(rows[max(0, len(rows) - self._reach) :].copy()),
        )

    def score_windows(self, windows: Floats) -> Verdicts:
        """Score finite raw `windows (n, window_size, n_features)`, each alone, in one run of the graph."""
        observed = windows[:, -1]
        status = np.full(len(windows), Status.ok, np.int8)
        judgement = self._judge(windows, np.arange(len(windows)))
        return self._verdicts(judgement, status, observed, None, ScoringState(observed[:0]))

    def regularise(self, values: Floats, times: Stamps) -> tuple[Floats, Stamps, NDArray[np.intp]]:
        """Insert NaN rows where stamps are missing, so that rows are one step apart.

        Returns the values, the stamps, and the positions of the given rows among them.
        """
        if self.step is None:
            return values, times, np.arange(len(times))
        # One row beyond what filling bridges already breaks every window across the gap.
        return insert_gaps(values, times, self.step, most=self.fill_limit + 1)

    def score_frame(self, frame: "pd.DataFrame") -> Verdicts:
        """Score a frame; columns go by name, and rows missing in time become NaN rows."""
        from anomaliz.data.tabular import series_from_frame

        values, times = series_from_frame(frame, self.features)
        if times is not None:
            values, times, _ = self.regularise(values, times)
        return self.score(values, times)

    def score_canary(self) -> None:
        """Score the canary window; raises BundleError when that gives no finite score."""
        if not np.isfinite(self.score_windows(self.canary[np.newaxis]).score).all():
            raise BundleError(f"bundle {self.name} gives its canary window no score: train it again")

    @property
    def _reach(self) -> int:
        """Earlier rows that can bear on a row's verdict."""
        return self.window_size - 1 + self.fill_limit

    def _checked(self, values: Floats) -> Floats:
        values = np.asarray(values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise DataError(
                f"the bundle takes rows of {len(self.features)} features, got shape {values.shape}"
            )
        if np.isinf(values).any():
            raise DataError("values must be finite or NaN: infinity is not a measurement")
        return values

    def _status(self, rows: Floats, filled: Floats, windows: Floats) -> NDArray[np.int8]:
        """Say how far each of the `n` newest rows can be judged, `(n,)` of Status."""
        missing = np.isnan(rows)
        unknown = missing.all(axis=1) | np.isnan(filled).any(axis=1)
        whole = np.zeros(len(rows), bool)
        whole[len(rows) - len(windows) :] = complete(windows)
        status = np.where(missing.any(axis=1), Status.degraded, Status.ok)
        status = np.where(whole, status, Status.warming_up)
        return np.where(unknown, Status.no_data, status).astype(np.int8)

    def _judge(self, windows: Floats, picked: NDArray[np.intp]) -> Judgement:
        return self.profile.judge(self.session.read(windows, picked), len(self.features))

    def _verdicts(
        self,
        judgement: Judgement,
        status: NDArray[np.int8],
        observed: Floats,
        times: Stamps | None,
        state: ScoringState,
    ) -> Verdicts:
        return Verdicts(
            features=self.features,
            detectors=self.profile.detectors,
            detector_weight=self.profile.weights,
            profile=self.profile.name,
            threshold=self.profile.decision.threshold,
            times=times,
            status=status,
            observed=observed,
            state=state,
            **vars(judgement),
        )


def _spread(judgement: Judgement, scored: Flags) -> Judgement:
    """Put the readings of the scored rows at their place among all rows, NaN elsewhere."""
    if scored.all():
        return judgement
    spread = {}
    for name, values in vars(judgement).items():
        spread[name] = np.full((len(scored), *values.shape[1:]), np.nan)
        spread[name][scored] = values
    return Judgement(**spread)
