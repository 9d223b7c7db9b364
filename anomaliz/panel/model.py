"""A model of many series: fitted on their past, it scores the newest rows of all in a few array passes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.labels import Labels, LabelSet, label_set
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.stamps import DAY, rows_a_day
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import Status
from anomaliz.detection.thresholds import from_run_budget
from anomaliz.panel import model_file
from anomaliz.panel.block import Block, BlockReading
from anomaliz.panel.columns import LONGEST_MEAN
from anomaliz.panel.day import place_in_day
from anomaliz.panel.learnt import LearntSeries
from anomaliz.panel.members import members_of
from anomaliz.panel.memory import Memory, remembered
from anomaliz.panel.tails import PanelTails

MIN_ROWS = 100
"""Normal rows of every feature that a series must have to be learnt."""
LEAST_DAYS = 3
"""Of training from which on a time of day is compared with that of earlier days."""
BLOCK_CELLS = 2**17
"""Values that are worked on at once: few enough for a processor's cache, and memory stays bounded."""
DECIDING = 500
"""Series that the threshold is read off: one alike for all needs no more."""


@dataclass(frozen=True, eq=False)
class PanelModel:
    """Scores the series it has learnt: a row by itself, the `reach` rows before it, and the memory."""

    labels: tuple[Labels, ...]
    """Of the series that it knows."""
    features: tuple[str, ...]
    step: np.timedelta64
    period: int
    """Rows in a day, 0 = unknown."""
    threshold: float
    left_out: tuple[Labels, ...]
    """Series of the training with too few normal rows."""
    learnt: LearntSeries

    @classmethod
    def fit(
        cls,
        panel: Panel,
        step: np.timedelta64,
        normal: Flags | None = None,
        *,
        tail_quantile: float,
        alert_budget: float,
        threshold: float | None = None,
    ) -> Self:
        """Learn from the rows of `panel` that are `normal (n, k)`, by default all.

        The threshold, unless it is given, is the score that one series reaches in one run of rows in
        `alert_budget` points. Raises DataError where no series has 100 normal rows of every feature, and for
        stamps that are not `step` apart.
        """
        _require_step(panel, step)
        enough = _enough(panel, normal)
        known = np.flatnonzero(enough)
        if not len(known):
            raise DataError(
                f"training needs {MIN_ROWS} normal rows of a series, and no series has so many: "
                "wait until it has, or give a longer window or a shorter step"
            )
        period = rows_a_day(step) if len(panel) * step >= LEAST_DAYS * DAY else 0
        learnt, surprise = _learnt(panel, step, period, normal, known, tail_quantile)
        return cls(
            labels=tuple(panel.labels[i] for i in known),
            features=panel.features,
            step=step,
            period=period,
            threshold=_threshold(surprise, alert_budget) if threshold is None else threshold,
            left_out=tuple(panel.labels[i] for i in np.flatnonzero(~enough)),
            learnt=learnt,
        )

    @cached_property
    def reach(self) -> int:
        """Rows before a row that its verdict can depend on, the memory aside."""
        return self._block.reach

    def score(self, panel: Panel, newest: int, memory: bytes | None) -> tuple[PanelVerdicts, bytes]:
        """Judge the newest `newest` rows of `panel`, the others being what came before.

        `memory` is what the call for the rows before them returned; None begins anew. Series may come, go and
        change places between calls. Raises DataError for other features or another step than the training's.
        """
        panel = self._arranged(panel)
        reading, before = self.read(panel, newest), Memory.load(memory)
        short, power = remembered(reading.fused, before.of(panel.labels))
        known = self._known(panel)
        surprise = np.full(short.shape, np.nan)
        surprise[:, known.there] = self._tails(known.learnt).surprise(short[:, known.there])
        observed = panel.values[len(panel) - newest :]
        verdicts = PanelVerdicts(
            times=panel.times[len(panel) - newest :],
            labels=panel.labels,
            features=self.features,
            threshold=self.threshold,
            status=_status(observed, surprise, reading.partial),
            surprise=surprise,
            observed=observed,
            **_explained(reading, np.isnan(surprise)),
        )
        return verdicts, before.updated(panel.labels, power).dump()

    def read(self, panel: Panel, newest: int) -> BlockReading:
        """Return what the members make of the newest rows, NaN of missing points and of unknown series.

        The panel has the features in the order of the model.
        """
        n_features, known = len(self.features), self._known(panel)
        place = self._place(panel.times[len(panel) - newest :])
        rows = slice(max(len(panel) - newest - self.reach, 0), None)
        whole = BlockReading.nothing(newest, len(panel.labels), n_features)
        if not newest:
            return whole
        for part in _blocks(len(known.there), (newest + self.reach) * n_features):
            values = panel.values[rows, known.there[part]]
            reading = self._block.read(values, newest, place, self.learnt.of(known.learnt[part], n_features))
            whole.put(known.there[part], reading)
        whole.fused[~panel.present[len(panel) - newest :]] = np.nan
        return whole

    def dump(self) -> bytes:
        """Return what `load` reads: arrays and JSON, no code."""
        facts = {
            "labels": [dict(labels) for labels in self.labels],
            "left_out": [dict(labels) for labels in self.left_out],
            "features": list(self.features),
            "step": int(self.step.astype("timedelta64[ns]").astype(np.int64)),
            "period": self.period,
            "threshold": self.threshold,
        }
        return model_file.dump(facts, self.learnt)

    @classmethod
    def load(cls, content: bytes) -> Self:
        """Read what `dump` wrote; BundleError for anything else."""
        facts, learnt = model_file.load(content)
        try:
            return cls(
                labels=tuple(facts["labels"]),
                features=tuple(facts["features"]),
                step=np.timedelta64(facts["step"], "ns"),
                period=facts["period"],
                threshold=facts["threshold"],
                left_out=tuple(facts["left_out"]),
                learnt=learnt.required(len(facts["labels"]), len(facts["features"])),
            )
        except (KeyError, TypeError, ValueError):
            raise BundleError(model_file.UNREADABLE) from None

    @cached_property
    def _block(self) -> Block:
        return _block(len(self.features), self.period)

    @cached_property
    def _positions(self) -> Mapping[LabelSet, int]:
        return {label_set(labels): i for i, labels in enumerate(self.labels)}

    def _known(self, panel: Panel) -> "_Known":
        found = [self._positions.get(label_set(labels), -1) for labels in panel.labels]
        positions = np.array(found, np.intp)
        there = np.flatnonzero(positions >= 0)
        return _Known(there, positions[there])

    def _tails(self, positions: NDArray[np.intp]) -> PanelTails:
        return PanelTails.from_arrays("fused", self.learnt.of(positions, len(self.features)).by_series)

    def _place(self, times: Stamps) -> NDArray[np.int64]:
        """Return where in the day the rows `times (n,)` and the LONGEST_MEAN before them are."""
        if not self.period or not len(times):
            return np.zeros(len(times) + LONGEST_MEAN, np.int64)
        before = times[0] - np.arange(LONGEST_MEAN, 0, -1) * self.step
        return place_in_day(np.concatenate([before, times]), self.step, self.period)

    def _arranged(self, panel: Panel) -> Panel:
        """Return `panel` with the features in the order of the model; DataError if it has others."""
        if sorted(panel.features) != sorted(self.features):
            raise DataError(
                f"the model was trained on the features {', '.join(self.features)} and the panel has "
                f"{', '.join(panel.features)}: train again"
            )
        _require_step(panel, self.step)
        if panel.features == self.features:
            return panel
        order = [panel.features.index(feature) for feature in self.features]
        return Panel(panel.times, panel.values[..., order], panel.labels, self.features)


@dataclass(frozen=True, eq=False)
class _Known:
    """Which series of a panel a model knows."""

    there: NDArray[np.intp]
    """Their positions in the panel."""
    learnt: NDArray[np.intp]
    """Their positions in the model."""


def _require_step(panel: Panel, step: np.timedelta64) -> None:
    if (np.diff(panel.times) != step).any():
        seconds = step / np.timedelta64(1, "s")
        raise DataError(f"the panel's stamps are not {seconds:g} s apart, the model's step: train it again")


def _block(n_features: int, period: int) -> Block:
    return Block(members_of(n_features, period), n_features, period)


def _blocks(n: int, cells: int) -> Iterator[slice]:
    """Yield slices of `n` series, at most BLOCK_CELLS values in each where a series has `cells`."""
    size = max(BLOCK_CELLS // max(cells, 1), 1)
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def _enough(panel: Panel, normal: Flags | None) -> Flags:
    """Return which series have enough normal rows of every feature, `(k,)`."""
    known = np.isfinite(panel.values)
    if normal is not None:
        known &= normal[..., np.newaxis]
    flags: Flags = (known.sum(axis=0) >= MIN_ROWS).all(axis=1)
    return flags


def _learnt(
    panel: Panel,
    step: np.timedelta64,
    period: int,
    normal: Flags | None,
    series: NDArray[np.intp],
    tail_quantile: float,
) -> tuple[LearntSeries, Floats]:
    """Return what is learnt of some series, and the surprise of the rows of DECIDING of them or fewer."""
    block = _block(len(panel.features), period)
    next_place = int(place_in_day(panel.times[-1:] + step, step, period)[0]) if period else 0
    stride = -(-len(series) // DECIDING)
    parts, surprises = [], []
    for part in _blocks(len(series), (len(panel) + block.reach) * len(panel.features)):
        values = _normal_values(panel, normal, series[part])
        learnt, surprise = block.fit(values, next_place, tail_quantile)
        parts.append(learnt)
        surprises.append(surprise[:, -part.start % stride :: stride])
    return LearntSeries.joined(parts), np.concatenate(surprises, axis=1)


def _normal_values(panel: Panel, normal: Flags | None, series: NDArray[np.intp]) -> Floats:
    """Return the values of some series, NaN where they are not normal or not finite."""
    values = panel.values[:, series]
    known = np.isfinite(values)
    if normal is not None:
        known &= normal[:, series, np.newaxis]
    return np.where(known, values, np.nan)


def _threshold(surprise: Floats, alert_budget: float) -> float:
    """Return the threshold that the alert budget of one series gives, from normal `surprise (n, k)`."""
    # A row of 0 between two series keeps a run of one from going on in the next.
    apart = np.concatenate([surprise, np.zeros((1, surprise.shape[1]))]).T.ravel()
    return from_run_budget(apart[~np.isnan(apart)], alert_budget).threshold


def _status(observed: Floats, surprise: Floats, partial: Flags) -> NDArray[np.int8]:
    missing = np.isnan(observed)
    status = np.where(partial | missing.any(axis=2), Status.degraded, Status.ok)
    status = np.where(np.isnan(surprise), Status.warming_up, status)
    status = np.where(missing.all(axis=2), Status.no_data, status)
    return status.astype(np.int8)


def _explained(reading: BlockReading, unjudged: Flags) -> dict[str, Floats]:
    """Return contributions, expected values and their band, NaN where a point is `unjudged (n, k)`."""
    names = ("contributions", "expected", "expected_lower", "expected_upper")
    return {name: np.where(unjudged[..., np.newaxis], np.nan, getattr(reading, name)) for name in names}
