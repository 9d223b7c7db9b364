"""Each series detector finds the kind of anomaly that it is for, and nothing where there is none."""

from collections.abc import Callable

import numpy as np
import pytest

from anomaliz.core.types import Floats
from anomaliz.models.series.autoregression import Autoregression
from anomaliz.models.series.detector import SeriesDetector
from anomaliz.models.series.distribution_shift import DistributionShift
from anomaliz.models.series.level_shift import LevelShift
from anomaliz.models.series.rows import Rows
from anomaliz.models.series.seasonal_residual import SeasonalResidual
from anomaliz.models.series.shape_clusters import ShapeClusters
from anomaliz.models.series.shape_subspace import ShapeSubspace
from anomaliz.models.series.variance_shift import VarianceShift
from anomaliz.models.series.window_novelty import WindowNovelty

DAY = 24
N = 3000
TRAINING = 1500
ONSET = 2600

Make = Callable[[np.random.Generator], Floats]
Inject = Callable[[Floats, np.random.Generator], None]


def days(rng: np.random.Generator) -> Floats:
    """A wave that returns every day, `(N, 1)`."""
    return np.sin(2 * np.pi * np.arange(N) / DAY)[:, np.newaxis] + 0.2 * rng.standard_normal((N, 1))


def noise(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((N, 1))


def load_and_its_echo(rng: np.random.Generator) -> Floats:
    """Two features: noise, and the same two rows later."""
    load = rng.standard_normal(N + 2)
    return np.column_stack([load[2:], load[:-2]]) + 0.1 * rng.standard_normal((N, 2))


def spike(values: Floats, _: np.random.Generator) -> None:
    values[ONSET] += 8


def night_by_day(values: Floats, _: np.random.Generator) -> None:
    values[ONSET : ONSET + DAY] *= -1


def sawtooth(values: Floats, _: np.random.Generator) -> None:
    values[ONSET : ONSET + 60, 0] = np.arange(60) % 8 / 4 - 1


def higher_level(values: Floats, _: np.random.Generator) -> None:
    values[ONSET : ONSET + 60] += 2


def doubled_spread(values: Floats, _: np.random.Generator) -> None:
    values[ONSET : ONSET + 60] *= 2


def two_values(values: Floats, rng: np.random.Generator) -> None:
    """Mean and variance stay."""
    values[ONSET : ONSET + 60, 0] = rng.choice([-1.0, 1.0], 60)


def lost_echo(values: Floats, rng: np.random.Generator) -> None:
    values[ONSET : ONSET + 20, 1] = rng.permutation(values[ONSET : ONSET + 20, 1])


AT_ONCE = slice(ONSET, ONSET + 1)
WHILE = slice(ONSET + 3, ONSET + 20)
AFTER_A_WHILE = slice(ONSET + 40, ONSET + 60)

KINDS: dict[str, tuple[SeriesDetector, int, Make, Inject, slice]] = {
    "seasonal_residual-spike": (SeasonalResidual(), DAY, days, spike, AT_ONCE),
    "seasonal_residual-night_by_day": (SeasonalResidual(), DAY, days, night_by_day, WHILE),
    "window_novelty-spike": (WindowNovelty(), 0, days, spike, AT_ONCE),
    "window_novelty-sawtooth": (WindowNovelty(), 0, days, sawtooth, AFTER_A_WHILE),
    "window_novelty-night_by_day": (WindowNovelty((3,), deviations=True), DAY, days, night_by_day, WHILE),
    "level_shift-higher_level": (LevelShift(), 0, noise, higher_level, AFTER_A_WHILE),
    "variance_shift-doubled_spread": (VarianceShift(), 0, noise, doubled_spread, AFTER_A_WHILE),
    "distribution_shift-two_values": (DistributionShift(), 0, noise, two_values, AFTER_A_WHILE),
    "shape_clusters-sawtooth": (ShapeClusters(), DAY, days, sawtooth, AFTER_A_WHILE),
    "shape_subspace-sawtooth": (ShapeSubspace(), DAY, days, sawtooth, AFTER_A_WHILE),
    "autoregression-spike": (Autoregression(), DAY, days, spike, AT_ONCE),
    "vector_autoregression-spike": (Autoregression(across=True), 0, load_and_its_echo, spike, AT_ONCE),
    "vector_autoregression-lost_echo": (Autoregression(across=True), 0, load_and_its_echo, lost_echo, WHILE),
    "vector_autoregression_two_steps-lost_echo": (
        Autoregression(across=True, horizon=2),
        0,
        load_and_its_echo,
        lost_echo,
        WHILE,
    ),
}


def finds(detector: SeriesDetector, values: Floats, period: int, where: slice) -> bool:
    """Whether some reading of the rows `where` is typically above 99% of that reading's other rows."""
    detector.fit(Rows(values[:TRAINING], period))
    errors = detector.read(Rows(values, period), N - TRAINING).errors
    normal, strange = errors[: ONSET - TRAINING], errors[where.start - TRAINING : where.stop - TRAINING]
    return bool((np.median(strange, axis=0) > np.quantile(normal, 0.99, axis=0)).any())


@pytest.mark.parametrize("kind", KINDS)
def test_finds_its_kind_of_anomaly(kind: str) -> None:
    detector, period, make, inject, where = KINDS[kind]
    values = make(np.random.default_rng(1))
    assert not finds(detector, values, period, where)
    inject(values, np.random.default_rng(2))
    assert finds(detector, values, period, where)


def test_only_a_vector_autoregression_finds_a_lost_echo() -> None:
    values = load_and_its_echo(np.random.default_rng(1))
    lost_echo(values, np.random.default_rng(2))
    assert finds(Autoregression(across=True), values, 0, WHILE)
    assert not finds(Autoregression(), values, 0, WHILE)
