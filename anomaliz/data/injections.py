"""Injections: the anomalies that are put into synthetic series, one function a kind."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from anomaliz.core.types import Flags, Floats
from anomaliz.data.behaviour import CPU, LATENCY, MEMORY, NOISE, daily_shape

START_PROBABILITY = 0.005
"""Chance that an anomaly starts at a point that is not in one."""


class Injection(NamedTuple):
    """One anomaly in rows `[start, end)`."""

    kind: str
    start: int
    end: int


Disturbance: TypeAlias = Callable[[Floats, slice, np.random.Generator], None]


class Kind(NamedTuple):
    """A kind of anomaly: how many rows it lasts, and what it does to them."""

    shortest: int
    longest: int
    disturb: Disturbance
    """Changes the given rows of `values (n, 3)` in place."""


def cpu_spike(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """Cpu at 0.90 to 0.95."""
    values[rows, CPU] = rng.uniform(0.90, 0.95, size=_length(rows))


def memory_leak(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """Memory climbs from where it is to 0.85 to 0.95."""
    values[rows, MEMORY] = np.linspace(values[rows.start, MEMORY], rng.uniform(0.85, 0.95), _length(rows))


def latency_drift(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """Latency climbs from where it is to 80 to 150."""
    values[rows, LATENCY] = np.linspace(values[rows.start, LATENCY], rng.uniform(80, 150), _length(rows))


def system_crash(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """All three near zero: cpu and memory below 0.05, latency below 1."""
    values[rows] = rng.uniform(0, [0.05, 0.05, 1.0], size=(_length(rows), 3))


def level_shift(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """One feature moves up or down by 6 to 10 times its noise, and stays there."""
    feature = rng.integers(3)
    values[rows, feature] += rng.choice([-1, 1]) * rng.uniform(6, 10) * NOISE[feature]


def flat_line(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """One feature sticks at the value it has, as a dead sensor does."""
    feature = rng.integers(3)
    values[rows, feature] = values[rows.start, feature]


def noise_burst(values: Floats, rows: slice, rng: np.random.Generator) -> None:
    """One feature's noise grows about fivefold."""
    feature = rng.integers(3)
    values[rows, feature] += rng.normal(0, 5 * NOISE[feature], size=_length(rows))


def missing_season(values: Floats, rows: slice, rng: np.random.Generator) -> None:  # noqa: ARG001
    """The daily shape vanishes from all three; level and noise stay."""
    values[rows] -= daily_shape(np.arange(rows.start, rows.stop))


BASIC_KINDS: Mapping[str, Kind] = {
    "cpu_spike": Kind(2, 5, cpu_spike),
    "memory_leak": Kind(20, 50, memory_leak),
    "latency_drift": Kind(10, 30, latency_drift),
    "system_crash": Kind(3, 8, system_crash),
}
REALISTIC_KINDS: Mapping[str, Kind] = {
    **BASIC_KINDS,
    "level_shift": Kind(20, 60, level_shift),
    "flat_line": Kind(20, 40, flat_line),
    "noise_burst": Kind(10, 30, noise_burst),
    "missing_season": Kind(36, 72, missing_season),
}


def inject(
    values: Floats, kinds: Mapping[str, Kind], rng: np.random.Generator
) -> tuple[Floats, list[Injection]]:
    """Return a copy of `values (n, 3)` with anomalies, and which they are, in time order.

    From any point an anomaly starts with probability 0.005, its kind and length uniform; it is
    over before the next can start. One that begins near the end is drawn whole and cut there.
    """
    n, longest = len(values), max(kind.longest for kind in kinds.values())
    disturbed = np.concatenate([values, np.repeat(values[-1:], longest, axis=0)])
    injections, row = [], 0
    while (start := row + int(rng.geometric(START_PROBABILITY)) - 1) < n:
        name = str(rng.choice(list(kinds)))
        kind = kinds[name]
        row = start + int(rng.integers(kind.shortest, kind.longest, endpoint=True))
        kind.disturb(disturbed, slice(start, row), rng)
        injections.append(Injection(name, start, min(row, n)))
    return disturbed[:n], injections


def labels_of(injections: list[Injection], n_points: int) -> Flags:
    """Return which points lie in an injection, `(n_points,)`."""
    labels = np.zeros(n_points, dtype=np.bool_)
    for injection in injections:
        labels[injection.start : injection.end] = True
    return labels


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)
