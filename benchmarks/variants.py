"""Other ways from reading errors to verdicts, for ablations: what is shipped is every function's default."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from anomaliz.config.loading import load_settings
from anomaliz.core.types import Floats
from anomaliz.detection.alerting import FLOOR, STEP_UP, AlertState, alert_scores
from anomaliz.detection.calibration import MIN_ERRORS, Tail
from anomaliz.detection.series_profile import LEARNS
from anomaliz.detection.smoothing import POWER, joined_means, power_means
from anomaliz.detection.streaming import GROWTH, KEPT, LEAST_GROWTH, ErrorHistory

DETECTION = load_settings(environ={}, env_file=None).detection
"""Default settings."""
TAIL_QUANTILE = DETECTION.calibration.tail_quantile
FEW = 3000
"""Errors that a calibration keeps which forgets."""
ENOUGH = LEARNS["several"]
"""Rows after which a calibration no longer grows."""

Calibration = Callable[[Floats, int], Floats]
"""From errors `(n, k)`, the first `n_train` of them normal, to surprise `(n, k)`; NaN stays NaN."""
Fusion = Callable[[Floats], Floats]
"""From members' surprise `(n, n_members)` to one `(n,)`; a NaN is left out, a row of them is NaN."""
Measure = Callable[[Floats], Floats]
"""Reads errors `(n,)` by those it was made from."""


def growing_tail(errors: Floats, n_train: int) -> Floats:
    """A Pareto tail on all of the past, as ships for a single metric."""
    history = ErrorHistory.of(errors[:n_train], TAIL_QUANTILE)
    behind, _ = history.surprise(errors[n_train:], TAIL_QUANTILE)
    return np.concatenate([history.read(errors[:n_train]), behind])


def frozen_tail(errors: Floats, n_train: int) -> Floats:
    """A Pareto tail on the training rows, and no more."""
    return ErrorHistory.of(errors[:n_train], TAIL_QUANTILE).read(errors)


def settling_tail(errors: Floats, n_train: int) -> Floats:
    """The same until it has seen ENOUGH rows, and no more, as ships for several metrics."""
    behind, settled = errors[n_train : max(n_train, ENOUGH)], errors[max(n_train, ENOUGH) :]
    history = ErrorHistory.of(errors[:n_train], TAIL_QUANTILE)
    surprise, grown = history.surprise(behind, TAIL_QUANTILE)
    return np.concatenate([history.read(errors[:n_train]), surprise, grown.read(settled)])


def forgetting_tail(errors: Floats, n_train: int) -> Floats:
    """A Pareto tail on the newest 3,000 errors."""
    return _by_column(errors, n_train, _pareto, FEW)


def empirical_tail(errors: Floats, n_train: int) -> Floats:
    """The share of all past errors that reach an error, which ends at the greatest of them."""
    return _by_column(errors, n_train, _empirical, KEPT)


def min_max(errors: Floats, n_train: int) -> Floats:
    """The range of training errors, clipped to [0, 1].

    Its 1 is put where surprise has the greatest training error, so that alerts have one scale.
    """
    train = errors[:n_train]
    least, most = np.fmin.reduce(train), np.fmax.reduce(train)
    share = (errors - least) / np.where(most > least, most - least, 1)
    surprise: Floats = np.clip(share, 0, 1) * np.log10(n_train + 1)
    return surprise


SHIPPED_CALIBRATION: Mapping[str, Calibration] = {"single": growing_tail, "several": settling_tail}
"""By shape of data."""


def mean(surprise: Floats) -> Floats:
    """The shipped fusion."""
    return _power_fused(surprise, 1)


def root_mean_square(surprise: Floats) -> Floats:
    return _power_fused(surprise, 2)


def maximum(surprise: Floats) -> Floats:
    return np.where(_known(surprise), np.max(np.nan_to_num(surprise, nan=-np.inf), axis=1), np.nan)


def median(surprise: Floats) -> Floats:
    fused = np.full(len(surprise), np.nan)
    known = _known(surprise)
    fused[known] = np.nanmedian(surprise[known], axis=1)
    return fused


def smoothed(reading: Floats, half_lives: Sequence[float], power: float = POWER) -> Floats:
    """Return the power mean over `half_lives` of `reading (n,)`, or the reading itself without any."""
    if not any(half_lives):
        return reading
    # The mean of another power is that of the shipped power, of other values.
    means, _ = power_means(reading ** (power / POWER), half_lives, np.zeros(len(half_lives)))
    found: Floats = joined_means(means) ** (POWER / power)
    return found


def alerts(fused: Floats, quiet: int, step_up: float | None = STEP_UP) -> Floats:
    """Return the alert reading of `fused (n,)` by a rule that wants `step_up` within the quiet time.

    None is no rule at all: every reading high enough is an alert.
    """
    if step_up is None:
        return np.where(fused >= FLOOR, fused, 0.0)
    # Stretched above the floor, the shipped step stands for another one.
    stretch = STEP_UP / max(step_up, 1e-3)
    news, _ = alert_scores(FLOOR + stretch * (fused - FLOOR), quiet, AlertState.none())
    return np.where(news > 0, FLOOR + (news - FLOOR) / stretch, 0.0)


def rare(news: Floats, budget: float, rarity: float) -> float:
    """Return the alert reading that training `news (n,)` exceed once in `rarity` budgets of rows, at most."""
    allowed = int(len(news) / (rarity * budget))
    return float(np.nextafter(np.sort(news)[-1 - min(allowed, len(news) - 1)], np.inf))


def _power_fused(surprise: Floats, power: float) -> Floats:
    known = ~np.isnan(surprise)
    total = np.where(known, surprise, 0.0) ** power
    count = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    fused: Floats = (total.sum(axis=1) / count) ** (1 / power)
    return fused


def _known(surprise: Floats) -> Floats:
    return np.logical_not(np.isnan(surprise).all(axis=1))


def _by_column(errors: Floats, n_train: int, measure: Callable[[Floats], Measure], kept: int) -> Floats:
    return np.stack([_grown(column, n_train, measure, kept) for column in errors.T], axis=1)


def _grown(errors: Floats, n_train: int, measure: Callable[[Floats], Measure], kept: int) -> Floats:
    """Read `errors (n,)` by a measure of those before, renewed as often as the shipped calibration is."""
    surprise, done, until = np.full(len(errors), np.nan), 0, n_train
    while done < len(errors):
        before = errors[max(0, max(done, n_train) - kept) : max(done, n_train)]
        before = before[~np.isnan(before)]
        if len(before) >= MIN_ERRORS:
            surprise[done:until] = measure(before)(errors[done:until])
        done, until = until, until + max(int(GROWTH * min(until, KEPT)), LEAST_GROWTH)
    return surprise


def _pareto(before: Floats) -> Measure:
    tail = Tail.fit(before, TAIL_QUANTILE)
    return lambda errors: np.where(np.isnan(errors), np.nan, tail.surprise(np.nan_to_num(errors)))


def _empirical(before: Floats) -> Measure:
    ordered, n = np.sort(before), len(before)

    def surprise(errors: Floats) -> Floats:
        reaching = n - np.searchsorted(ordered, errors, side="left")
        return np.where(np.isnan(errors), np.nan, np.log10((n + 1) / (reaching + 1)))

    return surprise
