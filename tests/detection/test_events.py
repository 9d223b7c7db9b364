from dataclasses import replace

import numpy as np

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.verdict import Verdicts
from anomaliz.detection.events import find_events


def verdicts_with(bundle: Bundle, surprise: list[float]) -> Verdicts:
    verdicts = bundle.score_windows(np.repeat(bundle.canary[np.newaxis], len(surprise), axis=0))
    return replace(verdicts, surprise=np.array(surprise), threshold=0.3)


def test_runs_of_anomalies_are_events(bundle: Bundle) -> None:
    first, second = find_events(verdicts_with(bundle, [0, 3, 5, 4, 0, np.nan, 7]))
    assert (first.start, first.end, first.peak, first.severity) == (1, 4, 2, "medium")
    assert (second.start, second.end, second.peak, second.severity) == (6, 7, 6, "critical")
    assert first.score == 0.5
    assert first.contributions.sum() == 1


def test_severity_comes_from_the_peak_alone(bundle: Bundle) -> None:
    grades = {peak: find_events(verdicts_with(bundle, [peak]))[0].severity for peak in (3.0, 4.0, 5.9, 6.0)}
    assert grades == {3.0: "low", 4.0: "medium", 5.9: "medium", 6.0: "critical"}


def test_nothing_anomalous_is_no_event(bundle: Bundle) -> None:
    assert find_events(verdicts_with(bundle, [0, 2.9, np.nan])) == []
