"""Two bundles on one series: where their verdicts agree, how their scores differ, which events they find."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from anomaliz.api.answers import Answer, identity
from anomaliz.api.detection import Detection
from anomaliz.api.rows import in_order
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import stamps_text
from anomaliz.core.types import Flags, Floats
from anomaliz.data.dataset import Dataset
from anomaliz.evaluation.text_table import text_table
from anomaliz.metrics.classification import precision_recall_f1

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
NAMES = ("A", "B")


@dataclass(frozen=True)
class BundlePair:
    """A series that two bundles have scored."""

    dataset: Dataset
    detections: tuple[Detection, Detection]
    """Of A and of B."""

    @classmethod
    def of(cls, a: Bundle, b: Bundle, dataset: Dataset, max_rows: int) -> Self:
        """Score the dataset by both; raises DataError for bundles, or a dataset, of other features."""
        require_same_features(a, b)
        scored = [
            Detection.of(bundle, in_order(dataset, bundle.features), dataset.times, max_rows)
            for bundle in (a, b)
        ]
        return cls(dataset, (scored[0], scored[1]))

    @cached_property
    def scores(self) -> tuple[Floats, Floats]:
        """Each bundle's score of the given rows, `(n,)`; NaN where it has none."""
        a, b = (detection.verdicts.score[detection.positions] for detection in self.detections)
        return a, b

    @cached_property
    def anomalies(self) -> tuple[Flags, Flags]:
        """Each bundle's verdict on the given rows, `(n,)`."""
        a, b = (detection.verdicts.anomaly[detection.positions] for detection in self.detections)
        return a, b

    @cached_property
    def scored(self) -> Flags:
        """Which of the given rows both bundles scored, `(n,)`."""
        return np.isfinite(self.scores[0]) & np.isfinite(self.scores[1])

    @cached_property
    def differing(self) -> Flags:
        """Which of the rows that both scored are an anomaly to one alone, `(n,)`."""
        a, b = self.anomalies
        return np.asarray(self.scored & (a != b))

    def answer(self) -> Answer:
        """Return all of it as plain values."""
        return {
            "points": len(self.dataset),
            "scored_by_both": int(self.scored.sum()),
            "bundles": {
                name: {
                    **identity(detection.bundle),
                    "profile": detection.verdicts.profile,
                    "threshold": detection.verdicts.threshold,
                    "anomalies": int(flags[self.scored].sum()),
                    "events": len(detection.events),
                    "labels": self._against_labels(flags),
                }
                for name, detection, flags in zip(NAMES, self.detections, self.anomalies, strict=True)
            },
            "agreement": self._agreement(),
            "score_difference": self._difference(),
            "events": self._events(),
            "differing_points": self._differing_points(),
        }

    def _agreement(self) -> Answer:
        a, b = (flags[self.scored] for flags in self.anomalies)
        return {
            "both": int((a & b).sum()),
            "A_only": int((a & ~b).sum()),
            "B_only": int((b & ~a).sum()),
            "neither": int((~a & ~b).sum()),
            "share": float((a == b).mean()) if len(a) else None,
        }

    def _difference(self) -> Answer | None:
        """Return how B's score differs from A's, B - A, over the rows that both scored."""
        difference = (self.scores[1] - self.scores[0])[self.scored]
        if not len(difference):
            return None
        quantiles = np.quantile(difference, QUANTILES).tolist()
        return {
            "mean": float(difference.mean()),
            "quantiles": {f"{q:g}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
            "largest": float(np.abs(difference).max()),
        }

    def _against_labels(self, flags: Flags) -> Answer | None:
        if self.dataset.labels is None:
            return None
        return precision_recall_f1(self.dataset.labels[self.scored], flags[self.scored])._asdict()

    def _events(self) -> Answer:
        spans = [_spans(detection) for detection in self.detections]
        alone = [_apart(spans[0], spans[1]), _apart(spans[1], spans[0])]
        named = [detection.named_events() for detection in self.detections]
        return {
            "A_shared": len(spans[0]) - len(alone[0]),
            "B_shared": len(spans[1]) - len(alone[1]),
            "A_only": [named[0][i] for i in alone[0]],
            "B_only": [named[1][i] for i in alone[1]],
        }

    def _differing_points(self) -> list[Answer]:
        rows = np.flatnonzero(self.differing)
        times = self.dataset.times
        stamps = rows.tolist() if times is None or not len(rows) else stamps_text(times[rows])
        scores = (scores[rows].tolist() for scores in self.scores)
        anomalous = np.where(self.anomalies[0][rows], *NAMES).tolist()
        return [
            {"timestamp": stamp, "A": a, "B": b, "anomaly_to": who}
            for stamp, a, b, who in zip(stamps, *scores, anomalous, strict=True)
        ]

    def drawn(self) -> dict[str, Any]:
        """Return what `visualization.bundle_pair.two_scores` takes."""
        a, b = self.detections
        return {
            "names": (f"A: {a.bundle.name}", f"B: {b.bundle.name}"),
            "scores": self.scores,
            "thresholds": (a.verdicts.threshold, b.verdicts.threshold),
            "differing": self.differing,
            "times": self.dataset.times,
            "labels": self.dataset.labels,
            "title": f"{self.dataset.name}: verdicts differ on {int(self.differing.sum())} points",
        }

    def summary(self) -> str:
        """Return the same for a person to read."""
        found = self.answer()
        share = found["agreement"]["share"]
        agree = "" if share is None else f"; their verdicts agree on {share:.2%}"
        heading = f"{found['points']} points, {found['scored_by_both']} scored by both{agree}"
        parts = [_bundles(found["bundles"]), heading, _agreement_table(found["agreement"])]
        if found["score_difference"]:
            parts.append(_difference_table(found["score_difference"]))
        return "\n\n".join([*parts, _event_lines(found["events"])])


def require_same_features(a: Bundle, b: Bundle) -> None:
    """Raise DataError unless both bundles take the same features, in any order."""
    if set(a.features) != set(b.features):
        raise DataError(
            f"A takes {', '.join(a.features)} and B takes {', '.join(b.features)}: "
            "compare bundles of the same features"
        )


def _spans(detection: Detection) -> list[tuple[int, int]]:
    """Return the half-open given rows of each event: the rows that were inserted differ between bundles."""
    rows = [(event.start, event.end) for event in detection.events]
    return [
        (int(np.searchsorted(detection.positions, start)), int(np.searchsorted(detection.positions, end)))
        for start, end in rows
    ]


def _apart(spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[int]:
    """Return which of the spans touch none of the others."""
    return [
        i
        for i, (start, end) in enumerate(spans)
        if not any(start < other_end and other_start < end for other_start, other_end in others)
    ]


def _bundles(bundles: Answer) -> str:
    labelled = any(facts["labels"] for facts in bundles.values())
    heading = ["", "bundle", "version", "profile", "threshold", "anomalies", "events"]
    measures = ["precision", "recall", "f1"] if labelled else []
    rows = [
        [
            name,
            facts["name"],
            facts["version"],
            facts["profile"],
            f"{facts['threshold']:.3f}",
            str(facts["anomalies"]),
            str(facts["events"]),
            *(f"{facts['labels'][measure]:.3f}" for measure in measures),
        ]
        for name, facts in bundles.items()
    ]
    return text_table([[*heading, *measures], *rows])


def _agreement_table(agreement: Answer) -> str:
    return text_table(
        [
            ["", "anomaly to B", "normal to B"],
            ["anomaly to A", str(agreement["both"]), str(agreement["A_only"])],
            ["normal to A", str(agreement["B_only"]), str(agreement["neither"])],
        ]
    )


def _difference_table(difference: Answer) -> str:
    quantiles = difference["quantiles"]
    heading = ["B - A", "mean", *(f"{float(q):.0%}" for q in quantiles), "largest"]
    values = [difference["mean"], *quantiles.values()]
    return text_table([heading, ["score", *(f"{v:+.3f}" for v in values), f"{difference['largest']:.3f}"]])


def _event_lines(events: Answer) -> str:
    counts = [
        f"{events[f'{name}_shared']} of {events[f'{name}_shared'] + len(events[f'{name}_only'])} of {name}"
        for name in NAMES
    ]
    lines = [f"events that the other finds too: {', '.join(counts)}"]
    if any(events[f"{name}_only"] for name in NAMES):
        lines[0] += "; those that it does not:"
    for name in NAMES:
        for event in events[f"{name}_only"]:
            span = f"{event['start']} to {event['end']}"
            lines.append(f"{name}  {span}  {event['severity']:<8}  score {event['score']:.3f}")
    return "\n".join(lines)
