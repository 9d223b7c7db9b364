"""A labelled series before and after scoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.types import Flags, Floats, Stamps


@dataclass(frozen=True)
class Labelled:
    """A series of a benchmark; one row for each row of its file, in the file's order."""

    name: str
    """Path inside the benchmark, or file name without `.gz`."""
    values: Floats
    """`(n, n_features)`, NaN = missing."""
    times: Stamps | None
    """`(n,)` as the file has them: some repeat or step back. They serve seasonality only."""
    labels: Flags
    """`(n,)`."""
    features: tuple[str, ...]
    n_train: int
    """Rows that members may be fitted on; those after are scored causally."""
    n_validation: int = 0
    """Rows after them that may choose a threshold."""
    windows: Sequence[tuple[int, int]] = ()
    """Half-open row ranges of the labelled anomalies."""
    sources: tuple[Path, ...] = ()
    """Files that it was read from, which no output may overwrite."""


@dataclass(frozen=True)
class Scored:
    """What one configuration reads off a labelled series, row by row."""

    series: Labelled
    score: Floats
    """`(n,)` in [0, 1]; 0 in every reading for a row without a verdict, so that any scorer takes them."""
    rank_score: Floats
    alert_score: Floats
    """`(n,)` in surprise, 0 where no alert can open."""
    alert: Flags
    threshold: float
    """Label-free threshold of `score`."""
    alert_threshold: float
    surprise: Mapping[str, Floats]
    """`(n,)` each: every member by name, and FUSED."""
    thresholds: Mapping[str, float]
    """Label-free threshold of each of them, as a score."""
    status: NDArray[np.int8]
    seconds: float
    """Fitting and scoring."""
