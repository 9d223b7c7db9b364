"""A bundle in memory: the one scoring path."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.bundle import series_file
from anomaliz.bundle.manifest import (
    GRAPH_FILE,
    HISTORY_FILE,
    METADATA_FILE,
    METRICS_FILE,
    SERIES_FILE,
    THRESHOLD_FILE,
    Manifest,
    read_whole,
)
from anomaliz.bundle.series import SeriesPart, SeriesState
from anomaliz.bundle.session import ScoringSession
from anomaliz.bundle.status import status_of
from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.stamps import infer_step
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import ScoringState, Status, Verdicts
from anomaliz.detection.profile import WINDOW_PROFILE, Judgement, Profile
from anomaliz.detection.series_profile import SERIES_PROFILE
from anomaliz.preprocessing.gaps import forward_fill, insert_gaps
from anomaliz.preprocessing.windowing import sliding_windows

if TYPE_CHECKING:
    import pandas as pd

OTHER_STEP = 1.5
"""Stamps whose typical distance differs from the bundle's step by this factor are of another step."""


@dataclass(frozen=True)
class Bundle:
    """Everything that scoring needs, loaded and verified."""

    manifest: Manifest
    sha256: str
    session: ScoringSession
    profile: Profile
    """Of the window detectors."""
    series: SeriesPart | None
    """Of the series detectors; None where the training series was too short for them."""
    canary: Floats
    """A normal window of raw values, `(window_size, n_features)`."""
    metadata: dict[str, Any]
    metrics: dict[str, Any]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the bundle in `directory`, checking every file's hash; raises BundleError with the reason."""
        manifest, sha256, content = read_whole(directory)
        session = ScoringSession(content[GRAPH_FILE])
        try:
            with np.load(io.BytesIO(content[HISTORY_FILE]), allow_pickle=False) as loaded:
                history = {name: loaded[name] for name in loaded.files}
            canary = history["canary"]
            profiles = json.loads(content[THRESHOLD_FILE])
            profile = Profile.from_json(WINDOW_PROFILE, profiles[WINDOW_PROFILE])
            series = None
            if SERIES_PROFILE in manifest.profiles:
                series = _series(profiles[SERIES_PROFILE], content[SERIES_FILE], history)
            metadata, metrics = (json.loads(content[name]) for name in (METADATA_FILE, METRICS_FILE))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleError(
                f"{directory} cannot be understood ({error!r}): train the bundle again"
            ) from error
        shape = (manifest.window_size, len(manifest.features))
        if not shape == session.window_shape == canary.shape:
            raise BundleError(f"{directory} has parts of different bundles: train the bundle again")
        return cls(manifest, sha256, session, profile, series, canary, metadata, metrics)

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

    @property
    def reach(self) -> int:
        """Earlier rows that can bear on a row's verdict."""
        return self.window_size - 1 + self.fill_limit

    def score(
        self,
        values: Floats,
        times: Stamps | None = None,
        state: ScoringState | None = None,
        *,
        newest: int | None = None,
        profile: str | None = None,
    ) -> Verdicts:
        """Score a series, row by row, each from the rows up to it.

        The series profile scores where the series goes on from one that it scored or was trained on, and
        where, with the rows in `state`, there is history enough for it to judge at least half of the rows
        that get verdicts; the window profile otherwise. `profile` asks for one of them.

        `values (n, n_features)`, float64, NaN = missing, have the bundle's feature order and are taken as
        they come, one step apart (`regularise` makes them so); `times (n,)` go into the verdicts as they
        are. `state` is that of an earlier call's verdicts and makes this call continue that series. With
        `newest=k` only the last k rows get verdicts. Raises DataError for a wrong shape or an infinity.
        """
        values = self._checked(values, times)
        n = len(values) if newest is None else min(newest, len(values))
        if self._needs_series(profile, n, len(values), times, state):
            return self._score_series(values, times, state).newest(n)
        series = values if state is None else np.concatenate([state.rows, values])
        rows = series[-(n + self.reach) :]
        filled = forward_fill(rows, self.fill_limit) if np.isnan(rows).any() else rows
        windows = sliding_windows(filled, self.window_size)
        windows = windows[max(0, len(windows) - n) :]
        status = status_of(rows, filled, self.window_size)[len(rows) - n :]
        scored = status <= Status.degraded
        judgement = self._judge(windows, np.flatnonzero(scored[n - len(windows) :]))
        return self._verdicts(
            _spread(judgement, scored),
            status,
            observed=values[len(values) - n :],
            times=None if times is None else times[len(times) - n :],
            state=ScoringState(series[max(0, len(series) - self._kept) :].copy(), _last(times, state)),
        )

    def has_history(self, n: int, times: Stamps | None) -> bool:
        """Whether the series profile can judge the newest of a series' `n` rows, with stamps `(n,)`."""
        return self._needs_series(None, 1, n, times, None)

    @cached_property
    def _kept(self) -> int:
        """Rows that the window profile hands on, so that the series profile can take over with all."""
        return self.reach if self.series is None else max(self.reach, 2 * self.series.enough)

    def _needs_series(
        self, profile: str | None, n: int, given: int, times: Stamps | None, state: ScoringState | None
    ) -> bool:
        """Whether the series profile is to score; raises DataError where it is asked for and not there."""
        if profile not in (None, WINDOW_PROFILE, SERIES_PROFILE):
            raise DataError(f"'{profile}' is not a profile: choose {WINDOW_PROFILE} or {SERIES_PROFILE}")
        if self.series is None:
            if profile == SERIES_PROFILE:
                raise DataError(f"bundle {self.name} has no series profile: train it on a longer series")
            return False
        if profile is not None:
            return profile == SERIES_PROFILE
        if state is None:
            return self.series.follows(times, self.step) or self.series.judges_most(n, of=given)
        return state.series is not None or self.series.judges_most(n, of=len(state.rows) + given)

    def _score_series(self, values: Floats, times: Stamps | None, state: ScoringState | None) -> Verdicts:
        assert self.series is not None
        if state is None:
            return self._scored(values, times, self.series.beginning(times, self.step))
        if state.series is None:
            # The window profile has scored so far: the series begins with the rows that it handed on.
            unknown = np.full(len(state.rows), np.datetime64("NaT"), "datetime64[ns]")
            times = None if times is None else np.concatenate([unknown, times])
            values = np.concatenate([state.rows, values])
            return self._scored(values, times, self.series.beginning(None, None))
        return self._scored(values, times, state)

    def _scored(self, values: Floats, times: Stamps | None, state: ScoringState) -> Verdicts:
        assert self.series is not None
        assert isinstance(state.series, SeriesState)
        n = len(values)
        rows = np.concatenate([state.rows, values])[-(n + self.reach) :]
        status = status_of(rows, forward_fill(rows, self.fill_limit), self.window_size)[len(rows) - n :]
        judgement, after = self.series.scorer.score(values, status <= Status.degraded, state.series)
        kept = rows[max(0, len(rows) - self.reach) :].copy()
        return self.series.scorer.verdicts(
            judgement, status, self.features, values, times, ScoringState(kept, _last(times, state), after)
        )

    def score_windows(self, windows: Floats) -> Verdicts:
        """Score finite raw `windows (n, window_size, n_features)`, each alone, in one run of the graph."""
        observed = windows[:, -1]
        status = np.full(len(windows), Status.ok, np.int8)
        judgement = self._judge(windows)
        return self._verdicts(judgement, status, observed, None, ScoringState(observed[:0]))

    def regularise(
        self, values: Floats, times: Stamps, state: ScoringState | None = None
    ) -> tuple[Floats, Stamps, NDArray[np.intp]]:
        """Insert NaN rows where stamps are missing, so that rows are one step apart.

        Returns the values, the stamps, and the positions of the given rows among them. With the `state` of
        earlier verdicts, a gap between them and the first row counts too. Raises DataError for stamps that
        lie clearly closer together or farther apart than the bundle's step.
        """
        if self.step is None:
            return values, times, np.arange(len(times))
        _require_step(times, self.step)
        # One row beyond what filling bridges already breaks every window across the gap.
        most = self.fill_limit + 1
        period = max(self.series.scorer.period, 1) if self.series else 1
        if state is None or state.last is None:
            return insert_gaps(values, times, self.step, most=most, period=period)
        before = np.full((1, values.shape[1]), np.nan)
        values, times = np.concatenate([before, values]), np.append(state.last, times)
        values, times, positions = insert_gaps(values, times, self.step, most=most, period=period)
        return values[1:], times[1:], positions[1:] - 1

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

    def _checked(self, values: Floats, times: Stamps | None) -> Floats:
        values = np.array(values, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise DataError(
                f"the bundle takes rows of {len(self.features)} features, got shape {values.shape}"
            )
        if np.isinf(values).any():
            raise DataError("values must be finite or NaN: infinity is not a measurement")
        if times is not None and len(times) != len(values):
            raise DataError(f"{len(values)} rows have {len(times)} stamps: give one stamp for each row")
        return values

    def _judge(self, windows: Floats, picked: NDArray[np.intp] | None = None) -> Judgement:
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


def _series(content: Mapping[str, Any], file: bytes, history: Mapping[str, Floats]) -> SeriesPart:
    scorer, state = series_file.load(content, file)
    last = history["times"].view("datetime64[ns]")[-1] if "times" in history else None
    return SeriesPart(scorer, ScoringState(history["values"], last, state))


def _last(times: Stamps | None, state: ScoringState | None) -> np.datetime64 | None:
    if times is not None and len(times):
        last: np.datetime64 = times[-1]
        return last
    return None if state is None else state.last


def _require_step(times: Stamps, step: np.timedelta64) -> None:
    if len(times) < 2:
        return
    found = infer_step(times) / step
    if not 1 / OTHER_STEP < found < OTHER_STEP:
        raise DataError(
            f"timestamps are {found:.3g} times the {step / np.timedelta64(1, 's'):g} s apart that the bundle "
            "was trained on: resample the series",
            field="timestamp",
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
