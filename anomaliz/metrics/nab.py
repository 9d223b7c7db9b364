"""The score of the Numenta Anomaly Benchmark: how early, and with how few false alarms, one alerts.

Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark",
ICMLA 2015; what the paper leaves open is decided as the benchmark's own program decides it. A row is
detected when score >= threshold, with one threshold for all series. The earliest detection in a window
around an anomaly earns up to the profile's reward, the later ones there nothing; a window without any
costs a miss; a detection outside costs the more, the further behind a window it lies.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.types import Flags, Floats, Stamps

NEVER = math.inf
"""The threshold that no score reaches; published results write 1e18."""
PROBATION, LONGEST_PROBATION = 0.15, 750
"""Share of a series' rows, and most rows, in which nothing counts, from the start on."""
STEEPNESS = 5.0
"""Of the sigmoid, by the width of a window."""
FAR = 3.0
"""Widths behind a window from which on a false detection costs in full."""
OUTSIDE = -1
"""Number of the window of a row that lies in none."""


class NabProfile(NamedTuple):
    """What a detection earns and an error costs."""

    reward: float
    false_detection: float
    miss: float


STANDARD = NabProfile(reward=1.0, false_detection=0.11, miss=1.0)
LOW_FP_RATE = NabProfile(reward=1.0, false_detection=0.22, miss=1.0)
LOW_FN_RATE = NabProfile(reward=1.0, false_detection=0.11, miss=2.0)
PROFILES = {"standard": STANDARD, "reward_low_FP_rate": LOW_FP_RATE, "reward_low_FN_rate": LOW_FN_RATE}
"""By the benchmark's names."""


@dataclass(frozen=True, eq=False)
class NabSeries:
    """The scores `(n,)` of one series, and its windows: half-open ranges of rows, in order and apart.

    Raises DataError for scores that are not finite, and for windows that are empty, reach outside the
    rows, or are out of order.
    """

    scores: Floats
    windows: Sequence[tuple[int, int]]

    def __post_init__(self) -> None:
        scores = np.asarray(self.scores)
        if scores.ndim != 1 or not np.isfinite(scores).all():
            raise DataError(
                "scores must be finite, one a row: give rows without a score the lowest", field="scores"
            )
        _require_apart(self.windows, len(scores))


class NabGain(NamedTuple):
    """What one series adds to the score, which is 100 times the sum of `gained` over that of `most`."""

    gained: float
    """Over detecting nothing; negative where false detections cost more than what is found."""
    most: float
    """What there is to gain, 0 without a window."""


class _Rows(NamedTuple):
    """The rows behind the probation of all series, `(k,)` each."""

    scores: Floats
    window: NDArray[np.int64]
    """Number of the window that the row lies in, or OUTSIDE."""
    value: Floats
    """What a detection there changes: inside a window its reward and the miss it avoids, outside its cost."""


def windows_of(times: Stamps, windows: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Return the half-open range of rows of each of `windows`, in order of time.

    A window is its first and last stamp, as `combined_windows.json` writes them. It opens at the first
    of `times (n,)`, in the file's order, that lies in it, and closes at the next that reaches its last
    stamp: real files repeat stamps and step back. Raises DataError for a window that is not two
    stamps or has no row.
    """
    return sorted(_row_range(times, window) for window in windows)


def labels_of(n: int, windows: Sequence[tuple[int, int]]) -> Flags:
    """Return labels `(n,)`, True in the half-open ranges `windows`."""
    labels = np.zeros(n, dtype=np.bool_)
    for start, end in windows:
        labels[start:end] = True
    return labels


def probation_rows(n: int) -> int:
    """Return how many of a series' `n` rows are passed over, from its start on."""
    return min(math.floor(PROBATION * n), LONGEST_PROBATION)


def nab_score(series: Sequence[NabSeries], threshold: float, profile: NabProfile = STANDARD) -> float:
    """Return the score of all `series` together at `threshold`.

    100 is the earliest row of every window and nothing else, 0 no detection at all; it can be negative.
    Windows that end within the probation are left out. Raises DataError when no window is left, and for
    a threshold that is NaN.
    """
    gains = [nab_gain(one, threshold, profile) for one in series]
    most = sum(gain.most for gain in gains)
    if not most:
        raise _no_windows()
    return 100 * sum(gain.gained for gain in gains) / most


def nab_gain(series: NabSeries, threshold: float, profile: NabProfile = STANDARD) -> NabGain:
    """Return what one series adds to the score at `threshold`; DataError for one that is NaN."""
    if math.isnan(threshold):
        raise DataError("threshold must be a number, or infinite to detect nothing", field="threshold")
    rows = _weigh(series, profile, 0)
    value = np.where(rows.scores >= threshold, rows.value, 0.0)
    gained = value[rows.window == OUTSIDE].sum()
    gained += sum(value[rows.window == number].max() for number in _numbers(rows))
    return NabGain(float(gained), _most(rows, profile))


def best_nab_score(series: Sequence[NabSeries], profile: NabProfile = STANDARD) -> tuple[float, float]:
    """Return the highest score that one threshold for all `series` reaches, and that threshold.

    The threshold is one of the scores, or NEVER where no threshold gains anything; of those that are
    equally good, the highest. Raises DataError as `nab_score` does.
    """
    rows = _rows(series, profile)
    order = np.argsort(-rows.scores, kind="stable")
    rows = _Rows(rows.scores[order], rows.window[order], rows.value[order])
    # Equal scores are detected together, so only the last of each run is a place to cut.
    last = np.append(np.flatnonzero(rows.scores[1:] != rows.scores[:-1]), len(order) - 1)
    thresholds = np.append(NEVER, rows.scores[last])
    gains = np.append(0.0, np.cumsum(_steps(rows))[last])
    best = int(np.argmax(gains))
    return _normalised(gains[best], rows, profile), float(thresholds[best])


def _require_apart(windows: Sequence[tuple[int, int]], n: int) -> None:
    previous_end = 0
    for start, end in windows:
        if not previous_end <= start < end <= n:
            raise DataError(
                f"windows must be ranges of the {n} rows, in order and apart, got ({start}, {end}): "
                "sort them, and join those that overlap",
                field="windows",
            )
        previous_end = end


def _row_range(times: Stamps, window: Sequence[str]) -> tuple[int, int]:
    if len(window) != 2:
        raise DataError(f"a window must be its first and last stamp, got {list(window)}", field="windows")
    first, last = parse_stamps(window, field="windows")
    inside = (times >= first) & (times <= last)
    if not inside.any():
        raise DataError(
            f"no row lies in the window from {window[0]} to {window[1]}: correct its stamps", field="windows"
        )
    start = int(np.argmax(inside))
    reached = np.flatnonzero(times[start:] >= last)
    if not len(reached):
        return start, len(times)
    end = start + int(reached[0])
    return start, end + int(times[end] == last)


def _rows(series: Sequence[NabSeries], profile: NabProfile) -> _Rows:
    parts, n_windows = [], 0
    for one in series:
        parts.append(_weigh(one, profile, n_windows))
        n_windows += len(one.windows)
    if all((part.window == OUTSIDE).all() for part in parts):
        raise _no_windows()
    scores, window, value = zip(*parts, strict=True)
    return _Rows(np.concatenate(scores), np.concatenate(window), np.concatenate(value))


def _weigh(series: NabSeries, profile: NabProfile, first_number: int) -> _Rows:
    """Return the rows of one series, its windows numbered from `first_number` on."""
    n = len(series.scores)
    window, value = np.full(n, OUTSIDE), np.full(n, -profile.false_detection)
    for number, (start, end) in enumerate(series.windows, first_number):
        width = end - start
        window[start:end] = number
        reward = profile.reward * _sigmoid(np.arange(-width, 0) / width) / _sigmoid(-1.0)
        value[start:end] = reward + profile.miss
        # A window of one row has no width to measure by, so the next row counts as one width away.
        value[end:] = profile.false_detection * _sigmoid(np.arange(1, n - end + 1) / max(width - 1, 1))
    probation = probation_rows(n)
    scores = np.asarray(series.scores, dtype=np.float64)
    return _Rows(scores[probation:], window[probation:], value[probation:])


def _sigmoid(position: Floats | float) -> Floats:
    """Return the worth of a detection at `position`, in widths of the window from its end, in [-1, 1]."""
    position = np.asarray(position)
    return np.where(position < FAR, np.tanh(-STEEPNESS / 2 * position), -1.0)


def _steps(rows: _Rows) -> Floats:
    """Return what each of `rows`, from the highest score down, adds to those before it `(k,)`."""
    steps = rows.value.copy()
    for number in _numbers(rows):
        inside = rows.window == number
        steps[inside] = np.diff(np.maximum.accumulate(rows.value[inside]), prepend=0.0)
    return steps


def _numbers(rows: _Rows) -> NDArray[np.int64]:
    """Return the numbers of the windows that count."""
    return np.unique(rows.window[rows.window != OUTSIDE])


def _normalised(gain: float, rows: _Rows, profile: NabProfile) -> float:
    """Return `gain`, over detecting nothing, as a share of the most that there is, in percent."""
    return float(100 * gain / _most(rows, profile))


def _most(rows: _Rows, profile: NabProfile) -> float:
    """Return the most that there is to gain over detecting nothing."""
    return len(_numbers(rows)) * (profile.reward + profile.miss)


def _no_windows() -> DataError:
    return DataError("no NAB score without windows: give a series with one behind its probation")
