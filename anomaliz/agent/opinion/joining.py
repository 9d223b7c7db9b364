"""Joins what an LLM found to the series' rows by its timestamp, in whatever format it wrote that."""

import re
from collections.abc import Iterator

import numpy as np

from anomaliz.agent.opinion.excerpt import Excerpt
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.types import Stamps

ZONE_NAMES = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def row_of(excerpt: Excerpt, stamp: str | float, value: float | None = None) -> int | None:
    """Return the row of `excerpt` that `stamp` names, None where there is none.

    It is ISO-8601 text with or without a zone (UTC then), with a space, with slashes; or epoch seconds or
    milliseconds, as a number or as text. Where it is rounded, the row less than a step away that has the
    `value` is meant, or else the one within half a step.
    """
    for instant in _readings(stamp):
        row = _row_at(excerpt, instant, value)
        if row is not None:
            return row
    return None


def _row_at(excerpt: Excerpt, instant: np.datetime64, value: float | None) -> int | None:
    after = int(np.searchsorted(excerpt.times, instant))
    if after < len(excerpt) and excerpt.times[after] == instant:
        return after
    away = {row: abs(excerpt.times[row] - instant) for row in (after - 1, after) if 0 <= row < len(excerpt)}
    near = sorted((row for row in away if away[row] < excerpt.step), key=lambda row: away[row])
    alike = [] if value is None else excerpt.rows_with(near, value)
    # A stamp that was cut off can lie nearer to the row before, which its value then gives away.
    if len(alike) == 1:
        return alike[0]
    return near[0] if near and 2 * away[near[0]] <= excerpt.step else None


def _readings(stamp: str | float) -> Iterator[np.datetime64]:
    """Yield the instants that `stamp` can stand for, the likeliest first."""
    forms = _forms(stamp.strip().strip("\"'")) if isinstance(stamp, str) else [stamp]
    for form in forms:
        try:
            yield from _instants(form)
        except DataError:
            continue


def _forms(text: str) -> Iterator[str | float]:
    if NUMBER.fullmatch(text):
        yield float(text)
    yield ZONE_NAMES.sub("Z", text).replace("/", "-")


def _instants(form: str | float) -> Stamps:
    return parse_stamps([form])
