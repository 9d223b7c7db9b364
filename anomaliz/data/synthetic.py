"""Synthetic series of a server's cpu, memory and latency, with known anomalies."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from anomaliz.core.errors import ConfigError, DataError
from anomaliz.core.types import Flags, Floats
from anomaliz.data.behaviour import (
    FEATURES,
    HIGHEST,
    LOWEST,
    STEP,
    basic_behaviour,
    realistic_behaviour,
)
from anomaliz.data.dataset import Dataset
from anomaliz.data.injections import BASIC_KINDS, REALISTIC_KINDS, Injection, Kind, inject, labels_of
from anomaliz.data.splits import split_rows

START = np.datetime64("2024-01-01T00:00", "ns")
LOWEST_RATE, HIGHEST_RATE = 0.03, 0.25
"""Share of anomalous windows that a series must have to be worth learning from."""
MOST_DRAWS = 100
FEWEST_POINTS = 100


class Profile(NamedTuple):
    """How a synthetic series behaves, and what can go wrong in it."""

    behaviour: Callable[[int, np.random.Generator], Floats]
    kinds: Mapping[str, Kind]


PROFILES: Mapping[str, Profile] = {
    "basic": Profile(basic_behaviour, BASIC_KINDS),
    "realistic": Profile(realistic_behaviour, REALISTIC_KINDS),
}


def make_synthetic(
    profile: str = "realistic", n_points: int = 8000, seed: int = 42, window_size: int = 10
) -> Dataset:
    """Draw a labelled series of `n_points` rows, five minutes apart from 2024-01-01T00:00Z.

    A draw is usable when 3 to 25 percent of its windows of `window_size` rows are anomalous (their
    last row is), and validation and test have an anomalous window each; otherwise the next sub-seed
    of `seed` draws again. Raises ConfigError for an unknown profile, too few points or a negative
    seed, and DataError when 100 draws give no usable series.
    """
    _require_usable(profile, n_points, seed)
    for sub_seed in np.random.SeedSequence(seed).spawn(MOST_DRAWS):
        values, injections = draw_series(PROFILES[profile], n_points, np.random.default_rng(sub_seed))
        dataset = _dataset(values, labels_of(injections, n_points), name=f"synthetic-{profile}")
        if is_usable(dataset, window_size):
            return dataset
    raise DataError(
        f"{MOST_DRAWS} draws of {n_points} points gave no usable synthetic series: raise n_points",
        field="n_points",
    )


def draw_series(profile: Profile, n_points: int, rng: np.random.Generator) -> tuple[Floats, list[Injection]]:
    """Draw values `(n_points, 3)` and the anomalies in them.

    Cpu and memory are clipped to [0, 1], latency to [0, 1000].
    """
    values, injections = inject(profile.behaviour(n_points, rng), profile.kinds, rng)
    return np.clip(values, LOWEST, HIGHEST), injections


def is_usable(dataset: Dataset, window_size: int) -> bool:
    """Whether 3 to 25 percent of the windows are anomalous, some in validation and some in test."""
    train, validation, test = (_window_labels(dataset, part, window_size) for part in split_rows(dataset))
    labels = np.concatenate([train, validation, test])
    if not (validation.any() and test.any()):
        return False
    return bool(LOWEST_RATE <= labels.mean() <= HIGHEST_RATE)


def _window_labels(dataset: Dataset, part: slice, window_size: int) -> Flags:
    assert dataset.labels is not None
    return dataset.labels[part][window_size - 1 :]


def _dataset(values: Floats, labels: Flags, name: str) -> Dataset:
    times = START + np.arange(len(values)) * STEP
    return Dataset(values, times, FEATURES, labels=labels, step=STEP, name=name)


def _require_usable(profile: str, n_points: int, seed: int) -> None:
    if profile not in PROFILES:
        raise ConfigError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}", field="profile")
    if n_points < FEWEST_POINTS:
        raise ConfigError(f"n_points must be {FEWEST_POINTS} or more, got {n_points}", field="n_points")
    if seed < 0:
        raise ConfigError(f"seed must be 0 or more, got {seed}", field="seed")
