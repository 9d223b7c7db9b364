"""Normal behaviour of a synthetic server: cpu, memory and latency every five minutes."""

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.types import Floats

FEATURES = ("cpu", "memory", "latency")
CPU, MEMORY, LATENCY = range(3)

LOWEST = np.array([0.0, 0.0, 0.0])
HIGHEST = np.array([1.0, 1.0, 1000.0])
"""Bounds of cpu and memory (fractions) and of latency (milliseconds)."""

STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
ROWS_A_DAY = 288

LEVEL = np.array([0.30, 0.50, 15.0])
SPREAD = np.array([0.05, 0.02, 2.0])
"""Standard deviations of the basic profile; the realistic one has about the same, day and noise together."""
DAILY_SWING = np.array([0.06, 0.02, 2.0])
"""Half the way from the night's low to the noon's high. Small enough that the level is normal at any hour."""
NOISE = np.array([0.03, 0.015, 1.5])
PERSISTENCE = 0.7
CPU_SHARE = np.array([1.0, 0.5, 0.6])
"""Correlation of each feature's noise with cpu's."""


def basic_behaviour(n_points: int, rng: np.random.Generator) -> Floats:
    """Return independent Gaussians: N(0.30, 0.05), N(0.50, 0.02) and N(15, 2), `(n_points, 3)`."""
    return rng.normal(LEVEL, SPREAD, size=(n_points, 3))


def realistic_behaviour(n_points: int, rng: np.random.Generator) -> Floats:
    """Return a daily shape with persistent noise that memory and latency share with cpu, `(n_points, 3)`."""
    return LEVEL + daily_shape(np.arange(n_points)) + _correlated_noise(n_points, rng)


def daily_shape(rows: NDArray[np.integer]) -> Floats:
    """Return what the hour adds to each feature in these rows, `(len(rows), 3)`; row 0 is midnight."""
    hour: Floats = -np.cos(2 * np.pi * rows / ROWS_A_DAY)
    return np.outer(hour, DAILY_SWING)


def _correlated_noise(n_points: int, rng: np.random.Generator) -> Floats:
    own = _persistent_noise(n_points, rng)
    shared = own[:, [CPU]]
    noise: Floats = CPU_SHARE * shared + np.sqrt(1 - CPU_SHARE**2) * own
    return NOISE * noise


def _persistent_noise(n_points: int, rng: np.random.Generator) -> Floats:
    """Return three AR(1) series of unit variance, `(n_points, 3)`."""
    noise = rng.standard_normal((n_points, 3))
    innovation = np.sqrt(1 - PERSISTENCE**2)
    for i in range(1, n_points):
        noise[i] = PERSISTENCE * noise[i - 1] + innovation * noise[i]
    return noise
