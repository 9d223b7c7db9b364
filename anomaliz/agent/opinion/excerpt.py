"""The excerpt of a series that an LLM is shown: its newest rows, rounded, as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from anomaliz.agent.quoting import quoted
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import infer_step, stamps_text
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.data.dataset import Dataset

DIGITS = 3
"""Digits that a feature's usual range is shown with: more cost tokens and tell an LLM nothing."""
MOST_DECIMALS = 15


@dataclass(frozen=True, eq=False)
class Excerpt:
    """The newest `n` rows of a series as they are shown."""

    features: tuple[str, ...]
    times: Stamps
    """`(n,)`, increasing."""
    values: Floats
    """Rounded, `(n, n_features)`, NaN = missing."""
    decimals: tuple[int, ...]
    """Of each feature; a negative number rounds to tens and up."""
    step: np.timedelta64
    n_before: int
    """Rows of the series that lie before the excerpt."""

    @classmethod
    def of(cls, dataset: Dataset, max_values: int) -> Self:
        """Return as many of the newest rows as fit into `max_values`, every feature of a row being a value.

        Raises DataError for a series without stamps, of one row, or so wide that two rows do not fit.
        """
        if dataset.times is None:
            raise DataError(
                "a second opinion needs timestamps to join by: give the series some", field="times"
            )
        n_rows = max_values // len(dataset.features)
        if n_rows < 2:
            raise DataError(
                f"{dataset.name} has {len(dataset.features)} features, of which two rows are more than "
                f"{max_values} values: raise agent.opinion.max_values, or drop columns",
                field="agent.opinion.max_values",
            )
        shown = dataset.values[-n_rows:]
        decimals = tuple(_decimals(column) for column in shown.T)
        rounded = np.column_stack([_rounded(v, d) for v, d in zip(shown.T, decimals, strict=True)])
        return cls(
            features=dataset.features,
            times=dataset.times[-n_rows:],
            values=rounded,
            decimals=decimals,
            step=infer_step(dataset.times),
            n_before=len(dataset) - len(shown),
        )

    def __len__(self) -> int:
        return len(self.times)

    def stamps(self) -> list[str]:
        """Return each row's stamp as ISO-8601 text in UTC, in the coarsest unit that loses nothing."""
        return stamps_text(self.times)

    def names(self) -> list[str]:
        """Return the features' names as they are shown, quoted: they are data, whatever they say."""
        return [quoted(feature) for feature in self.features]

    def text(self) -> str:
        """Return the rows as CSV below a header."""
        lines = [",".join(["timestamp", *self.names()])]
        rows = zip(self.stamps(), self.values.tolist(), strict=True)
        lines += [",".join([stamp, *map(_cell, row, self.decimals)]) for stamp, row in rows]
        return "\n".join(lines)

    def has(self, row: int, value: float) -> bool:
        """Whether `row` has a value that reads `value` when it is rounded as the excerpt is."""
        return bool(self._reads(self.values[row], value).any())

    def rows_with(self, rows: Sequence[int], value: float) -> list[int]:
        """Return which of `rows` have that value."""
        return [row for row in rows if self.has(row, value)]

    def _reads(self, shown: Floats, value: float) -> Flags:
        # Half a unit of the last digit, and a bit for the binary fractions.
        tolerance = 0.51 * 10.0 ** -np.array(self.decimals, dtype=np.float64)
        near: Flags = np.abs(shown - value) <= tolerance
        return near


def _decimals(column: Floats) -> int:
    """Return how many decimals show the column's usual range with three digits."""
    present = column[np.isfinite(column)]
    if not len(present):
        return 0
    low, high = np.percentile(present, (5, 95))
    spread = float(high - low) or float(np.ptp(present)) or float(np.abs(present).max())
    if spread == 0 or not np.isfinite(spread):
        return 0
    return int(min(DIGITS - 1 - np.floor(np.log10(spread)), MOST_DECIMALS))


def _rounded(column: Floats, decimals: int) -> Floats:
    rounded: Floats = np.round(column, decimals) + 0.0  # which makes a zero of minus zero
    return rounded


def _cell(value: float, decimals: int) -> str:
    if np.isnan(value):
        return ""
    text = f"{value:.{max(decimals, 0)}f}"
    # A value far from the usual range has no more digits than one within it, and no tail of zeros.
    return text.rstrip("0").rstrip(".") if "." in text else text
