"""Incidents of a synthetic server whose cause and severity are known, since they were put there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np

from anomaliz.agent.assessment import Kind
from anomaliz.agent.incident import Incident, Reading
from anomaliz.core.score import score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import Severity
from anomaliz.data.behaviour import (
    FEATURES,
    HIGHEST,
    LEVEL,
    LOWEST,
    NOISE,
    ROWS_A_DAY,
    STEP,
    daily_shape,
    realistic_behaviour,
)
from anomaliz.data.injections import REALISTIC_KINDS

SEED = 42
N_ROWS = 120
"""Rows of an incident, the newest being the one that is judged: ten hours."""
LATEST_DAY = 7
START = np.datetime64("2024-01-01T00:00", "ns")
DECIMALS = 4
THRESHOLD = 0.3
REPEATS = 2
"""Incidents of each cause and severity: with seven causes and three severities 42."""
SURPRISES: Mapping[Severity, tuple[float, float]] = {
    "low": (3.1, 3.9),
    "medium": (4.1, 5.9),
    "critical": (6.1, 9.0),
}
BAND = NormalDist().inv_cdf(0.995)
"""Half the width of a band that holds 99% of the normal values, in standard deviations."""
INJECTED_SHARE = 0.8

Scaling: TypeAlias = Callable[[Floats, Floats, float], Floats]
"""Of a deviation `(k, n_features)`, the residuals before it, and a size in standard deviations: the
deviation of that size."""


class Cause(NamedTuple):
    """What an injection looks like, and how it is brought to a size."""

    kind: Kind
    """The kind of anomaly that an explanation should name."""
    scaled: Scaling
    longest: int = 40
    """Rows: so that there is something before it to be seen, and a spike is none that lasts."""


@dataclass(frozen=True, eq=False)
class KnownIncident:
    """An incident, and what a good explanation says of it."""

    name: str
    cause: str
    """Injection of `anomaliz.data.injections`."""
    kind: Kind
    severity: Severity
    injected: tuple[str, ...]
    """Features that the cause changed."""
    incident: Incident


def make_incidents(seed: int = SEED) -> tuple[KnownIncident, ...]:
    """Draw the 42 incidents; one seed gives the same ones.

    They are judged as by a detector that knows the generator: expected values and bands are the truth,
    and the anomaly's size is the one that has the surprise. So the set needs no bundle, and measures the
    explanations alone.
    """
    cases = list(product(CAUSES, SURPRISES, range(1, REPEATS + 1)))
    seeds = np.random.SeedSequence(seed).spawn(len(cases))
    return tuple(_incident(*case, np.random.default_rng(s)) for case, s in zip(cases, seeds, strict=True))


def _at_the_newest_row(deviation: Floats, residual: Floats, size: float) -> Floats:
    """Scale each feature so that its newest row is `size` standard deviations from what is expected."""
    newest = deviation[-1]
    wanted = np.sign(newest) * size * NOISE - residual[-1]
    factor = np.divide(wanted, newest, out=np.zeros_like(newest), where=newest != 0)
    scaled: Floats = deviation * factor
    return scaled


def _in_spread(deviation: Floats, residual: Floats, size: float) -> Floats:  # noqa: ARG001
    """Scale a burst of five standard deviations to `size` of them."""
    return deviation * (size / 5)


def _as_it_is(deviation: Floats, residual: Floats, size: float) -> Floats:  # noqa: ARG001
    return deviation


CAUSES: Mapping[str, Cause] = {
    "cpu_spike": Cause("spike", _at_the_newest_row, 3),
    "memory_leak": Cause("drift", _at_the_newest_row),
    "latency_drift": Cause("drift", _at_the_newest_row),
    "system_crash": Cause("drop", _at_the_newest_row, 3),
    "level_shift": Cause("level_shift", _at_the_newest_row),
    "flat_line": Cause("flat_line", _as_it_is),
    "noise_burst": Cause("variance_change", _in_spread),
}
"""A missing season is left out: ten hours do not show it."""


def _incident(name: str, severity: Severity, repeat: int, rng: np.random.Generator) -> KnownIncident:
    before = int(rng.integers(LATEST_DAY * ROWS_A_DAY))
    rows = np.arange(before, before + N_ROWS)
    expected = LEVEL + daily_shape(rows)
    normal = realistic_behaviour(before + N_ROWS, rng)[before:]
    surprise = float(rng.uniform(*SURPRISES[severity]))
    values, injected = _injected(name, normal, expected, surprise, rng)
    return KnownIncident(
        name=f"{name}-{severity}-{repeat}",
        cause=name,
        kind=CAUSES[name].kind,
        severity=severity,
        injected=tuple(feature for feature, is_so in zip(FEATURES, injected, strict=True) if is_so),
        incident=Incident(
            score=float(score_of(np.array(surprise))),
            threshold=THRESHOLD,
            readings=_readings(values, expected[-1], injected),
            stamp=START + rows[-1] * STEP,
            step=STEP,
        ),
    )


def _injected(
    name: str, normal: Floats, expected: Floats, surprise: float, rng: np.random.Generator
) -> tuple[Floats, Flags]:
    """Return the values `(120, 3)` with the cause in the newest rows, and the features it changed `(3,)`."""
    kind = REALISTIC_KINDS[name]
    longest = min(kind.longest, CAUSES[name].longest)
    rows = slice(N_ROWS - int(rng.integers(kind.shortest, longest, endpoint=True)), N_ROWS)
    disturbed = normal.copy()
    kind.disturb(disturbed, rows, rng)
    deviation = disturbed[rows] - normal[rows]
    values = normal.copy()
    values[rows] += CAUSES[name].scaled(deviation, (normal - expected)[rows], size_of(surprise))
    return np.clip(values, LOWEST, HIGHEST).round(DECIMALS), (deviation != 0).any(axis=0)


def size_of(surprise: float) -> float:
    """Return how many standard deviations off the strangest of three Gaussians is as rarely as that."""
    return -NormalDist().inv_cdf(10**-surprise / (2 * len(FEATURES)))


def _readings(values: Floats, expected: Floats, injected: Flags) -> tuple[Reading, ...]:
    shares = np.where(injected, INJECTED_SHARE / injected.sum(), 0) + (1 - INJECTED_SHARE) / len(FEATURES)
    readings = [
        Reading(
            feature=feature,
            contribution=float(shares[i]),
            observed=float(values[-1, i]),
            expected=float(expected[i]),
            lower=float(expected[i] - BAND * NOISE[i]),
            upper=float(expected[i] + BAND * NOISE[i]),
            recent=values[:, i],
        )
        for i, feature in enumerate(FEATURES)
    ]
    return tuple(sorted(readings, key=lambda reading: -reading.contribution))
