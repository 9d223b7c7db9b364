"""Two opinions of a series, row by row: what Anomaliz detected, and what an LLM found."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from anomaliz.api.answers import Answer
from anomaliz.api.detection import Detection
from anomaliz.evaluation.text_table import text_table

if TYPE_CHECKING:
    from anomaliz.agent.opinion.finding import Finding
    from anomaliz.agent.opinion.opinion import Opinion

NOTHING = "-"
NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Opinions:
    """A detection, and the second opinion of the same series."""

    detection: Detection
    second: "Opinion"

    def answer(self) -> Answer:
        """Return the answer of /detect with `second_opinion`, whose findings name the event they lie in."""
        found = [
            asdict(finding) | {"row": self._row(finding), "event": self._event_of(finding)}
            for finding in self.second.findings
        ]
        return self.detection.answer() | {"second_opinion": self.second.to_json() | {"findings": found}}

    def to_csv(self) -> str:
        """Return the detection's CSV with `llm_kind` and `llm_confidence`, empty where nothing was named."""
        named = {self._row(finding): (finding.kind, finding.confidence) for finding in self.second.findings}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        header, *rows = csv.reader(io.StringIO(self.detection.to_csv()))
        writer.writerow([*header, "llm_kind", "llm_confidence"])
        writer.writerows([*cells, *named.get(row, ("", ""))] for row, cells in enumerate(rows))
        return text.getvalue()

    def summary(self) -> str:
        """Return both opinions beside each other, below the number of points and what the LLM was shown."""
        headline = self.detection.summary().splitlines()[0]
        rows = [text for _, text in sorted(self._lines(), key=lambda line: line[0])]
        table = (
            [text_table([("when", "anomaliz", self.second.model, "why"), *rows], n_left=4)] if rows else []
        )
        return "\n".join([headline, self._how(), *([""] if rows else []), *table])

    def _how(self) -> str:
        second = self.second
        counts = [f"{second.n_detected} anomalies named, {len(second.findings)} kept"]
        counts += [f"{n} dropped ({reason.replace('_', ' ')})" for reason, n in second.dropped.items() if n]
        shown = f"{second.model} was shown {second.n_shown} rows from {second.first_shown} on"
        cost = "" if second.cost is None else f", cost {second.cost:.4g}"
        calls = f"{second.n_calls} call{'s' if second.n_calls > 1 else ''}"
        spent = f"{calls}, {second.tokens} tokens, {second.latency_ms / 1000:.1f} s{cost}"
        return f"{shown}: {', '.join(counts)}; {spent}"

    def _lines(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield where each event and each finding outside of events begins, and its line."""
        inside: dict[int, list[Finding]] = {}
        for finding in self.second.findings:
            place = self._event_of(finding)
            if place is None:
                yield self._point(finding), (finding.timestamp, NOTHING, *_said([finding]))
            else:
                inside.setdefault(place, []).append(finding)
        events = zip(self.detection.events, self.detection.named_events(), strict=True)
        for i, (event, named) in enumerate(events):
            ours = f"{named['severity']} {named['score']:.3f}"
            theirs = _said(inside[i]) if i in inside else (self._unsaid(event.end), "")
            yield event.start, (f"{named['start']} to {named['end']}", ours, *theirs)

    def _unsaid(self, end: int) -> str:
        first = int(self.detection.positions[self.second.n_before])
        return NOTHING if end > first else NOT_SHOWN

    def _event_of(self, finding: "Finding") -> int | None:
        point = self._point(finding)
        events = enumerate(self.detection.events)
        return next((i for i, event in events if event.start <= point < event.end), None)

    def _point(self, finding: "Finding") -> int:
        """Return the finding's place among the verdicts, which have rows inserted at gaps."""
        return int(self.detection.positions[self._row(finding)])

    def _row(self, finding: "Finding") -> int:
        return self.second.n_before + finding.row


def _said(findings: Sequence["Finding"]) -> tuple[str, str]:
    """Return what the LLM says of an event: the finding it is surest of, and how many more there are."""
    surest = max(findings, key=lambda finding: finding.confidence)
    more = f" (+{len(findings) - 1})" if len(findings) > 1 else ""
    doubt = " (the row has another value)" if surest.value_matches is False else ""
    return f"{surest.kind} {surest.confidence:.2f}{more}", surest.rationale + doubt
