"""A block of series: fitted, and read, all its columns at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.score import MAX_SURPRISE
from anomaliz.core.types import Flags, Floats
from anomaliz.detection.profile import BAND
from anomaliz.models.series.feature_scale import CAP, FLOOR, QUANTILE
from anomaliz.panel.columns import LONGEST_MEAN, Columns
from anomaliz.panel.day import earlier_days
from anomaliz.panel.jumps import BEFORE, largest_jumps
from anomaliz.panel.learnt import LearntSeries
from anomaliz.panel.member import Member, Reading
from anomaliz.panel.memory import remembered
from anomaliz.panel.rolling import divided
from anomaliz.panel.tails import PanelTails, quantiles
from anomaliz.preprocessing.robust import RobustNormalizer

ROUNDING = 1e-6
"""Spreads below which an error is none."""


@dataclass(frozen=True, eq=False)
class BlockReading:
    """What the members make of the newest `n` rows of `b` series; NaN where they cannot say."""

    fused: Floats
    """Mean of the members' surprises, `(n, b)`."""
    partial: Flags
    """Whether a reading is missing that the series has otherwise, `(n, b)`."""
    contributions: Floats
    """`(n, b, f)`, as are those that follow; those of a point sum to 1."""
    expected: Floats
    expected_lower: Floats
    expected_upper: Floats

    @classmethod
    def nothing(cls, n: int, b: int, n_features: int) -> Self:
        """Return the reading of `n` rows of `b` series of which nothing can be said."""
        values = [np.full((n, b, n_features), np.nan) for _ in range(4)]
        return cls(np.full((n, b), np.nan), np.zeros((n, b), np.bool_), *values)

    def put(self, series: NDArray[np.intp], part: "BlockReading") -> None:
        """Take over the reading of the series at some positions."""
        for name, array in vars(part).items():
            getattr(self, name)[:, series] = array


class Block:
    """Reads series of `n_features` with `members` and `period` rows a day (0 = unknown)."""

    def __init__(self, members: Sequence[Member], n_features: int, period: int) -> None:
        self.members = members
        self.n_features = n_features
        self.period = period

    @property
    def reach(self) -> int:
        """Rows before a row that its reading can depend on."""
        return max(member.reach for member in self.members) + BEFORE

    def fit(self, values: Floats, next_place: int, tail_quantile: float) -> tuple[LearntSeries, Floats]:
        """Learn from `values (n, b, f)`, NaN = missing or not normal; return it and those rows' surprise.

        `next_place` is that of the row after them in the day. The surprise is `(n, b)`.
        """
        columns, by_column = self._prepared(values, next_place)
        readings = []
        for member in self.members:
            learnt = member.learn(columns)
            by_column |= {f"{member.name}/{key}": array for key, array in learnt.items()}
            readings.append(member.read(columns, learnt))
        by_column |= self._scales(readings) | self._expectation(columns, readings)
        errors = self._errors(readings, LearntSeries(by_column, {}))
        by_series = PanelTails.fit(errors, tail_quantile).to_arrays("tails")
        fused = self._reading(readings, LearntSeries(by_column, by_series)).fused
        short, _ = remembered(fused, np.zeros(fused.shape[1]))
        tails = PanelTails.fit(short, tail_quantile)
        return LearntSeries(by_column, by_series | tails.to_arrays("fused")), tails.surprise(short)

    def read(self, values: Floats, n: int, place: NDArray[np.int64], learnt: LearntSeries) -> BlockReading:
        """Read the newest `n` rows of `values (m, b, f)`.

        `place (n + LONGEST_MEAN,)` says where in the day they and the rows before them are.
        """
        known = learnt.by_column
        flat = values.reshape(len(values), -1)[max(len(values) - n - self.reach, 0) :]
        spreads = RobustNormalizer(known["centre"], known["spread"]).transform(flat)
        daily = known["daily"][place].astype(np.float64) if self.period else None
        columns = self._columns(spreads, n, daily, known["jump"])
        readings = [member.read(columns, learnt.of_member(member.name)) for member in self.members]
        return self._reading(readings, learnt)

    def _prepared(self, values: Floats, next_place: int) -> tuple[Columns, dict[str, NDArray[Any]]]:
        """Return training values as columns, with what was learnt of their scale, jumps and day."""
        n = len(values)
        flat = values.reshape(n, -1)
        normalizer = RobustNormalizer.fit(flat)
        learnt: dict[str, NDArray[Any]] = {"centre": normalizer.centre, "spread": normalizer.spread}
        spreads = normalizer.transform(flat)
        learnt["jump"] = jump = largest_jumps(spreads)
        if not self.period:
            return self._columns(spreads, n, None, jump), learnt
        daily = earlier_days(spreads, self.period)
        learnt["daily"] = np.roll(daily[n:], next_place, axis=0).astype(np.float32)
        before = np.full((LONGEST_MEAN, flat.shape[1]), np.nan)
        return self._columns(spreads, n, np.concatenate([before, daily[:n]]), jump), learnt

    def _columns(self, spreads: Floats, n: int, daily: Floats | None, jump: Floats) -> Columns:
        missing = np.full((n + self.reach - len(spreads), spreads.shape[1]), np.nan)
        return Columns(np.concatenate([missing, spreads]), n, daily, jump)

    def _reading(self, readings: Sequence[Reading], learnt: LearntSeries) -> BlockReading:
        errors = self._errors(readings, learnt)
        tails = PanelTails.from_arrays("tails", learnt.by_series)
        surprise = np.minimum(tails.surprise(errors), MAX_SURPRISE)
        fused = self._fuse(readings, surprise, tails.there)
        partial: Flags = np.any(np.isnan(surprise) & tails.there, axis=1)
        shares = self._contributions(readings, learnt)
        return BlockReading(fused, partial, shares, *self._expected(readings, learnt))

    def _scales(self, readings: Sequence[Reading]) -> dict[str, Floats]:
        """Return what is large for each reading of each column, `(n_readings, c)`."""
        if self.n_features == 1:
            return {}  # nothing to weigh it against
        errors = [error for reading in readings for error in reading.errors]
        return {"scale": np.stack([np.fmax(quantiles(error, QUANTILE), FLOOR) for error in errors])}

    def _errors(self, readings: Sequence[Reading], learnt: LearntSeries) -> Floats:
        """Return each reading of each series, its features joined, `(n, n_readings, b)`."""
        errors = [error for reading in readings for error in reading.errors]
        if self.n_features > 1:
            scales = learnt.by_column["scale"]
            errors = [self._joined(*pair) for pair in zip(errors, scales, strict=True)]
        stacked = np.stack(errors, axis=1)
        # Else the last digits of a series that stands still would be its only, and therefore strange, errors.
        stacked[stacked < ROUNDING] = 0
        return stacked

    def _joined(self, errors: Floats, scale: Floats) -> Floats:
        """Return the root mean square over features of `errors (n, c)`, each over its scale, `(n, b)`."""
        squares = np.minimum(errors / scale, CAP) ** 2
        return np.sqrt(mean_of_known(self._by_feature(squares)))

    def _by_feature(self, columns: Floats) -> list[Floats]:
        return [columns[:, feature :: self.n_features] for feature in range(self.n_features)]

    def _fuse(self, readings: Sequence[Reading], surprise: Floats, there: Flags) -> Floats:
        """Return the mean of the members' surprises, each the mean of its readings', `(n, b)`.

        NaN where less than half of the members that the series has can say something.
        """
        ends = np.cumsum([len(reading.errors) for reading in readings])[:-1]
        members = [mean_of_known(list(part.swapaxes(0, 1))) for part in np.split(surprise, ends, axis=1)]
        has = sum(part.any(axis=0).astype(int) for part in np.split(there, ends, axis=0))
        says = sum((~np.isnan(member)).astype(int) for member in members)
        return np.where(2 * says >= has, mean_of_known(members), np.nan)

    def _contributions(self, readings: Sequence[Reading], learnt: LearntSeries) -> Floats:
        """Share each point's strangeness among its features, `(n, b, f)`, by all members' squared errors."""
        first = [reading.errors[0] for reading in readings]
        shape = (len(first[0]), -1, self.n_features)
        if self.n_features == 1:
            return np.ones(first[0].shape).reshape(shape)
        starts = np.cumsum([0, *(len(reading.errors) for reading in readings)])[:-1]
        scales = learnt.by_column["scale"][starts]
        squares = [np.nan_to_num(error / scale) ** 2 for error, scale in zip(first, scales, strict=True)]
        relative = _sum(squares)
        total = np.repeat(_sum(self._by_feature(relative)), self.n_features, axis=1)
        equal = np.full(relative.shape, 1 / self.n_features)
        shares: Floats = np.divide(relative, total, out=equal, where=total > 0)
        return shares.reshape(shape)

    def _expectation(self, columns: Columns, readings: Sequence[Reading]) -> dict[str, Floats]:
        """Return which member speaks for each column, and the band that holds most of its residuals.

        It is the one with the smallest median residual.
        """
        residuals = [
            columns.newest - reading.expected for reading in readings if reading.expected is not None
        ]
        sizes = np.stack([quantiles(np.abs(residual), 0.5) for residual in residuals])
        best = np.argmin(np.nan_to_num(sizes, nan=np.inf), axis=0)
        chosen = _chosen(residuals, best)
        lower, upper = (quantiles(chosen, quantile) for quantile in BAND)
        return {"speaker": best.astype(np.int8), "lower": lower, "upper": upper}

    def _expected(self, readings: Sequence[Reading], learnt: LearntSeries) -> list[Floats]:
        """Return the expected values and their band in the unit of the data, `(n, b, f)` each."""
        known = learnt.by_column
        found = [reading.expected for reading in readings if reading.expected is not None]
        expected = _chosen(found, known["speaker"])
        normalizer = RobustNormalizer(known["centre"], known["spread"])
        parts = [expected, expected + known["lower"], expected + known["upper"]]
        return [normalizer.invert(part).reshape(len(part), -1, self.n_features) for part in parts]


def mean_of_known(parts: Sequence[Floats]) -> Floats:
    """Return the mean of arrays of one shape, without NaNs; NaN where there is nothing else."""
    known = [~np.isnan(part) for part in parts]
    total = _sum([np.where(there, part, 0.0) for there, part in zip(known, parts, strict=True)])
    return divided(total, _sum([there.astype(np.float64) for there in known]))


def _sum(parts: Sequence[Floats]) -> Floats:
    """Return the sum of arrays, one after the other: a sum over an axis may take another order."""
    total = np.zeros(parts[0].shape)
    for part in parts:
        total += part
    return total


def _chosen(parts: Sequence[Floats], number: NDArray[np.integer]) -> Floats:
    """Return for each column that of the arrays `(n, c)` which its number `(c,)` says."""
    found = parts[0]
    for i, part in enumerate(parts[1:], start=1):
        found = np.where(number == i, part, found)
    return found
