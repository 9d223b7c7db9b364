"""The body of /analyze: one array of numbers for each feature, perhaps stamps, as a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps, require_increasing
from anomaliz.core.suggestion import LONGEST_NAME, nearest
from anomaliz.core.types import Floats, Stamps

STAMPS = "timestamps"
NUMBERS = {int, float}


@dataclass(frozen=True)
class ColumnReader:
    """Reads bodies for one bundle."""

    features: tuple[str, ...]
    window_size: int
    max_rows: int

    def read(self, body: object) -> tuple[Floats, Stamps | None]:
        """Return the values `(n, n_features)`, finite, n >= window_size, and the stamps `(n,)` if given.

        Raises DataError with the field: a body that is no object, an unknown or missing feature, a value that
        is no finite number, unequal lengths, too few or too many rows, stamps that do not increase.
        """
        if not isinstance(body, dict):
            raise DataError(f"the body must be a JSON object with one array per feature: {self._wanted}")
        if len(body) != len(self.features) or STAMPS in body:
            self._refuse_unknown(body)
        columns = [self._column(body, feature) for feature in self.features]
        self._check_lengths(columns)
        values = self._array(columns)
        return values, self._stamps(body, len(values))

    @property
    def _wanted(self) -> str:
        return "send " + ", ".join(self.features)

    def _refuse_unknown(self, body: dict[str, object]) -> None:
        for name in body:
            if name not in self.features and name != STAMPS:
                refuse_unknown(name, self.features)

    def _column(self, body: dict[str, object], feature: str) -> list[int | float]:
        if feature not in body:
            self._refuse_unknown(body)
            raise DataError(f"{feature} is missing: {self._wanted}", field=feature)
        column = body[feature]
        if not isinstance(column, list):
            raise DataError(f"{feature} must be an array of numbers, got {kind_of(column)}", field=feature)
        if not set(map(type, column)) <= NUMBERS:
            _refuse_value(feature, column)
        return column

    def _check_lengths(self, columns: Sequence[Sequence[float]]) -> None:
        named = list(zip(self.features, columns, strict=True))
        for feature, column in named:
            if not column:
                raise DataError(f"{feature} is empty: send at least {self.window_size} values", field=feature)
        for (first, column), (feature, other) in pairwise(named):
            if len(other) != len(column):
                raise DataError(
                    f"{feature} has {len(other)} values and {first} has {len(column)}: "
                    "send equally many for every feature",
                    field=feature,
                )
        check_rows(len(columns[0]), self.window_size, self.max_rows, self.features[0])

    def _array(self, columns: list[list[int | float]]) -> Floats:
        try:
            values = np.array(columns, np.float64)
        except OverflowError:
            values = np.array([[_finite_or_infinite(value) for value in column] for column in columns])
        if not np.isfinite(values).all():
            self._refuse_infinite(values)
        # Rows in memory order, as the scoring graph wants them.
        return np.ascontiguousarray(values.T)

    def _refuse_infinite(self, values: Floats) -> NoReturn:
        column, row = np.argwhere(~np.isfinite(values))[0]
        feature, value = self.features[column], values[column, row]
        found = "NaN" if np.isnan(value) else "infinite or beyond what a 64-bit number holds"
        raise DataError(f"{feature}[{row}] is {found}: send finite numbers", field=feature)

    def _stamps(self, body: dict[str, object], n: int) -> Stamps | None:
        if STAMPS not in body:
            return None
        stamps = body[STAMPS]
        if not isinstance(stamps, list):
            raise DataError(f"{STAMPS} must be an array of stamps, got {kind_of(stamps)}", field=STAMPS)
        if len(stamps) != n:
            raise DataError(
                f"{STAMPS} has {len(stamps)} values for {n} rows: send one stamp per row", field=STAMPS
            )
        times = parse_stamps(stamps, field=STAMPS)
        require_increasing(times, STAMPS)
        return times


def check_rows(rows: int, window_size: int, max_rows: int, field: str | None = None) -> None:
    """Raise DataError for fewer rows than a window needs, or more than the service takes at once."""
    if rows < window_size:
        raise DataError(
            f"{rows} rows are too few: the bundle needs at least {window_size} of every feature", field=field
        )
    if rows > max_rows:
        raise DataError(f"{rows} rows are too many: send at most {max_rows} at a time", field=field)


def refuse_unknown(name: str, features: Sequence[str]) -> NoReturn:
    """Raise DataError for a feature that the bundle does not have, with its near match."""
    near = nearest(name, features)
    hint = f"did you mean {near}?" if near else "send " + ", ".join(features)
    shown = name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"
    raise DataError(f"{shown!r} is not a feature of the bundle: {hint}", field=shown)


def kind_of(value: object) -> str:
    """Return what JSON calls the kind of `value`."""
    kinds = {bool: "a boolean", str: "a string", list: "an array", dict: "an object", type(None): "null"}
    return kinds.get(type(value), "a number")


def _refuse_value(feature: str, column: Sequence[object]) -> NoReturn:
    row, value = next((row, value) for row, value in enumerate(column) if type(value) not in NUMBERS)
    raise DataError(f"{feature}[{row}] is {kind_of(value)}: send a number", field=feature)


def _finite_or_infinite(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
