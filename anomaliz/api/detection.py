"""A series' points and events: what /detect answers, and `anomaliz detect` prints."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.agent.incident import Incident, Reading
from anomaliz.agent.shapes import LONGEST
from anomaliz.agent.summary import summary
from anomaliz.api.answers import STATUSES, Answer, identity
from anomaliz.api.columns import check_rows
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.stamps import infer_step, stamps_text
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Event, Verdicts
from anomaliz.detection.events import find_events


@dataclass(frozen=True)
class Detection:
    """A scored series."""

    bundle: Bundle
    verdicts: Verdicts
    """Of the given rows and of those inserted at gaps."""
    positions: NDArray[np.intp]
    """Where the given rows are among them, `(n,)`."""
    events: Sequence[Event]

    @classmethod
    def of(cls, bundle: Bundle, values: Floats, times: Stamps | None, max_rows: int) -> Self:
        """Score `values (n, n_features)`, NaN = missing, and find the events.

        Raises DataError when, with the gaps between the stamps `(n,)`, there are more than `max_rows`.
        """
        positions = np.arange(len(values))
        if times is not None:
            values, times, positions = bundle.regularise(values, times)
            check_rows(len(values), bundle.window_size, max_rows, "timestamp")
        verdicts = bundle.score(values, times)
        return cls(bundle, verdicts, positions, find_events(verdicts))

    def answer(self) -> Answer:
        """Return the answer of /detect."""
        return {
            "profile": self.verdicts.profile,
            "threshold": self.verdicts.threshold,
            "bundle": identity(self.bundle),
            "points": self._points(),
            "events": self.named_events(),
        }

    def to_csv(self) -> str:
        """Return a line for each given row: stamp, status, readings, and each detector's surprise."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        detectors = [f"{name}_surprise" for name in self.verdicts.detectors]
        readings = ["score", "threshold", "anomaly", "rank_score", "alert_score", "alert"]
        writer.writerow(["timestamp", "status", *readings, *detectors])
        surprises = self.verdicts.detector_surprise[self.positions].tolist()
        for row, (point, surprise) in enumerate(zip(self._points(), surprises, strict=True)):
            stamp = row if point["timestamp"] is None else point["timestamp"]
            sparse = (point[name] for name in readings[3:])
            cells = [point["score"], self.verdicts.threshold, point["anomaly"], *sparse, *surprise]
            writer.writerow([stamp, point["status"], *map(_cell, cells)])
        return text.getvalue()

    def summary(self) -> str:
        """Return how many points were scored and anomalous, and a line for each event."""
        scored = int(self.verdicts.scored[self.positions].sum())
        lines = [f"{len(self.positions)} points, {scored} scored, {len(self.events)} events"]
        for event in self.named_events():
            shares: dict[str, float] = event["contributions"]
            feature = max(shares, key=lambda name: shares[name])
            span = f"{event['start']} to {event['end']}"
            lines.append(f"{span}  {event['severity']:<8}  score {event['score']:.3f}  most in {feature}")
        return "\n".join(lines)

    def _points(self) -> list[Answer]:
        """Return a point for each given row; inserted rows are nobody's."""
        verdicts, positions = self.verdicts, self.positions
        times = verdicts.times
        stamps = [None] * len(positions) if times is None else stamps_text(times[positions])
        columns = (verdicts.status, verdicts.score, verdicts.anomaly, verdicts.scored)
        sparse = (verdicts.rank_score, verdicts.alert_score, verdicts.alert)
        rows = zip(
            stamps,
            *(column[positions].tolist() for column in columns),
            *([None] * len(positions) if column is None else column[positions].tolist() for column in sparse),
            strict=True,
        )
        return [
            {
                "timestamp": stamp,
                "status": STATUSES[status],
                "score": score,
                "anomaly": anomaly if scored else None,
                "rank_score": rank_score,
                "alert_score": alert_score,
                "alert": alert if scored else None,
            }
            for stamp, status, score, anomaly, scored, rank_score, alert_score, alert in rows
        ]

    def named_events(self) -> list[Answer]:
        """Return the events with their rows named as in the series: by stamp, or by number."""
        if not self.events:
            return []
        starts, peaks, ends = np.array([(event.start, event.peak, event.end) for event in self.events]).T
        points = np.searchsorted(self.positions, ends) - np.searchsorted(self.positions, starts)
        names = (self._names(rows) for rows in (starts, peaks, ends))
        return [
            {
                "start": start,
                "end": end,
                "peak": peak,
                "score": event.score,
                "severity": event.severity,
                "points": count,
                "contributions": dict(zip(self.verdicts.features, event.contributions.tolist(), strict=True)),
                "summary": summary(self._incident(event, count)),
            }
            for start, peak, end, count, event in zip(*names, points.tolist(), self.events, strict=True)
        ]

    def _incident(self, event: Event, points: int) -> Incident:
        """Return the event with its peak's readings, and the values up to its last row."""
        verdicts, peak = self.verdicts, event.peak
        recent = verdicts.observed[: event.end][-LONGEST:]
        columns = (
            event.contributions,
            verdicts.observed[peak],
            verdicts.expected[peak],
            verdicts.expected_lower[peak],
            verdicts.expected_upper[peak],
        )
        rows = zip(verdicts.features, *(column.tolist() for column in columns), recent.T, strict=True)
        readings = [Reading(*row) for row in rows]
        readings.sort(key=lambda reading: -reading.contribution)
        return Incident(
            event.score, tuple(readings), verdicts.threshold, step=self.bundle.step, points=points
        )

    def _names(self, rows: NDArray[np.intp]) -> list[str] | list[int]:
        """Name `rows (k,)` by stamp or by number, as the client does; the row after the last is a step on."""
        times = self.verdicts.times
        if times is None:
            return [int(row) for row in rows]
        step = infer_step(times) if self.bundle.step is None else self.bundle.step
        return stamps_text(np.append(times, times[-1] + step)[rows])


def _cell(value: object) -> object:
    """Return a reading as a CSV cell: empty where there is none."""
    if value is None or value != value:
        return ""
    return int(value) if isinstance(value, bool) else value
