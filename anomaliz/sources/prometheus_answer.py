"""What Prometheus answers to a query, as readings or as the reason why not."""

import json
from itertools import chain
from typing import Any

import numpy as np

from anomaliz.core.errors import SourceError
from anomaliz.core.types import Floats
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings
from anomaliz.transport.retrying import Answer, PassingFault

MILLISECOND = np.timedelta64(1, "ms")


def parse_json(answer: Answer) -> dict[str, Any]:
    """Return the answer's JSON object; PassingFault where it is cut off or something else."""
    try:
        content = json.loads(answer.content)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise PassingFault(f"HTTP {answer.status} without Prometheus' JSON, but {answer.text[:80]!r}")
    return content


def require_success(answer: Answer, what: str) -> None:
    """Raise SourceError, which begins with `what`, where the status says that asking again is useless."""
    status = answer.status
    if status == 200:
        return
    if status in (401, 403):
        fix = "give basic_auth, bearer_token, headers or tenant"
    elif status == 404:
        fix = "give the url that stands before /api/v1"
    elif 300 <= status < 400:
        fix = f"give the url that it points to, {answer.headers.get('Location', 'which it does not name')}"
    elif "maximum resolution" in answer.text:
        fix = "lower max_points"
    elif status == 413 or (status == 422 and "too many" in answer.text):
        fix = "ask for fewer series, or lower max_points"
    else:
        fix = "mend the query"
    raise SourceError(f"{what}: HTTP {status} ({_said(answer)}); {fix}")


def parse_matrix(content: dict[str, Any], grid: Grid, what: str) -> Readings:
    """Return the readings on all stamps of `grid` that a `query_range` answered.

    A stamp without a point is NaN, and so are the values NaN, +Inf and -Inf.
    """
    series = _series(content, what)
    try:
        samples = [one.get("values", ()) for one in series]
        stamps = np.array([point[0] for point in chain.from_iterable(samples)], dtype=np.float64)
        numbers = np.array([float(point[1]) for point in chain.from_iterable(samples)], dtype=np.float64)
        labels = tuple(one["metric"] for one in series)
    except (KeyError, IndexError, TypeError, ValueError):
        raise _other_form(what) from None
    numbers[~np.isfinite(numbers)] = np.nan
    columns = np.repeat(np.arange(len(series)), [len(points) for points in samples])
    rows = grid.positions(_instants(stamps))
    inside = rows >= 0
    values = np.full((len(grid), len(series)), np.nan)
    values[rows[inside], columns[inside]] = numbers[inside]
    return Readings(grid.times, values, labels)


def said_warnings(content: dict[str, Any]) -> list[str]:
    """Return what the server warns of, such as a part of its data that was out of reach."""
    return [str(warning) for warning in content.get("warnings") or ()]


def _series(content: dict[str, Any], what: str) -> list[dict[str, Any]]:
    try:
        data = content["data"]
        if data["resultType"] != "matrix":
            raise SourceError(
                f"{what}: it gives a {data['resultType']}, not series over time; mend the query"
            )
        series: list[dict[str, Any]] = data["result"]
        histograms = any("values" not in one and "histograms" in one for one in series)
    except (KeyError, TypeError):
        raise _other_form(what) from None
    if histograms:
        raise SourceError(f"{what}: it gives native histograms; take histogram_quantile() or histogram_avg()")
    return series


def _other_form(what: str) -> SourceError:
    return SourceError(f"{what}: the answer is not of Prometheus' form; check the url")


def _instants(seconds: Floats) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    """Return UTC instants of epoch seconds, which Prometheus gives to the millisecond."""
    return np.rint(seconds * 1000).astype(np.int64).view("datetime64[ms]").astype("datetime64[ns]")


def _said(answer: Answer) -> str:
    try:
        content = json.loads(answer.content)
        return f"{content['errorType']}: {content['error']}"[:300]
    except (ValueError, KeyError, TypeError):
        return answer.text[:120] or "no text"
