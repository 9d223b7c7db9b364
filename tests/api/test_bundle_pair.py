"""Two bundles on one series."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from anomaliz.api.bundle_pair import BundlePair
from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE
from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset

SPIKE, BUMP = 40, 60


@dataclass(frozen=True)
class Bump:
    """A cpu that no normal row has, and the score of the row."""

    cpu: float
    score: float


@pytest.fixture(scope="module")
def bump(bundle: Bundle) -> Bump:
    """The cpu whose score is the highest that is clearly below the bundle's threshold."""
    windows = np.repeat(np.roll(bundle.canary, -1, axis=0)[np.newaxis], 300, axis=0)
    windows[:, -1, 0] = np.linspace(bundle.canary[0, 0], 1.5, 300)
    scores = bundle.score_windows(windows).score
    highest = np.where(scores < 0.95 * bundle.profile.decision.threshold, scores, 0).argmax()
    return Bump(float(windows[highest, -1, 0]), float(scores[highest]))


@pytest.fixture(scope="module")
def lower(bundle: Bundle, bump: Bump) -> Bundle:
    """The same bundle with a threshold between the scores of the normal rows and the bump's."""
    normal = np.stack([np.roll(bundle.canary, -i, axis=0) for i in range(len(bundle.canary))])
    highest = float(bundle.score_windows(normal).score.max())
    assert highest < bump.score
    decision = replace(bundle.profile.decision, threshold=(highest + bump.score) / 2)
    return replace(bundle, profile=replace(bundle.profile, decision=decision))


@pytest.fixture
def dataset(bundle: Bundle, bump: Bump) -> Dataset:
    """Eighty rows with a gap, a spike that both bundles see and a bump that only the lower threshold does."""
    values = np.tile(bundle.canary, (8, 1))
    values[SPIKE, 0] = 0.99
    values[BUMP, 0] = bump.cpu
    times = np.datetime64("2024-01-01", "ns") + np.arange(83) * np.timedelta64(300, "s")
    labels = np.zeros(80, np.bool_)
    labels[SPIKE] = True
    return Dataset(values, np.delete(times, [70, 71, 72]), bundle.features, labels, name="eighty")


@pytest.fixture
def pair(bundle: Bundle, lower: Bundle, dataset: Dataset) -> BundlePair:
    return BundlePair.of(bundle, lower, dataset, 1000)


def test_rows_are_those_given(pair: BundlePair) -> None:
    answer = pair.answer()
    assert answer["points"] == 80
    # The first nine, and those after the gap, whose windows have a hole that is too wide or are short.
    assert answer["scored_by_both"] == int(pair.scored.sum()) < 80
    assert len(pair.scores[0]) == len(pair.scores[1]) == 80


def test_the_same_scores_and_another_threshold(pair: BundlePair) -> None:
    answer = pair.answer()
    agreement = answer["agreement"]
    assert agreement["both"] >= 1
    assert agreement["A_only"] == 0
    assert agreement["B_only"] == pair.differing.sum() >= 1
    assert sum(agreement[name] for name in ("both", "A_only", "B_only", "neither")) == pair.scored.sum()
    assert answer["score_difference"]["largest"] < 1e-6
    assert list(answer["score_difference"]["quantiles"]) == [
        "0.01",
        "0.05",
        "0.25",
        "0.5",
        "0.75",
        "0.95",
        "0.99",
    ]
    points = answer["differing_points"]
    assert len(points) == agreement["B_only"]
    assert {point["anomaly_to"] for point in points} == {"B"}
    assert any(point["timestamp"] == "2024-01-01T05:00:00Z" for point in points)  # the bump
    high, low = (detection.verdicts.threshold for detection in pair.detections)
    assert all(low <= point["B"] < high for point in points)


def test_events_are_matched_by_their_rows(pair: BundlePair) -> None:
    events = pair.answer()["events"]
    assert events["A_only"] == []
    assert events["A_shared"] == len(pair.detections[0].events) >= 1
    assert events["B_shared"] + len(events["B_only"]) == len(pair.detections[1].events)
    assert "2024-01-01T05:00:00Z" in {event["start"] for event in events["B_only"]}


def test_labels_tell_who_is_right(pair: BundlePair, bundle: Bundle, dataset: Dataset) -> None:
    bundles = pair.answer()["bundles"]
    assert bundles["A"]["labels"]["recall"] == bundles["B"]["labels"]["recall"] == 1
    assert bundles["A"]["labels"]["precision"] > bundles["B"]["labels"]["precision"]
    unlabelled = BundlePair.of(bundle, bundle, replace(dataset, labels=None), 1000)
    assert unlabelled.answer()["bundles"]["A"]["labels"] is None
    assert "precision" not in unlabelled.summary()
    assert "precision" in pair.summary()


def test_a_bundle_agrees_with_itself(bundle: Bundle, dataset: Dataset) -> None:
    pair = BundlePair.of(bundle, bundle, dataset, 1000)
    assert pair.answer()["agreement"]["share"] == 1
    assert pair.answer()["differing_points"] == []
    assert "does not" not in pair.summary()


def test_a_series_without_a_score_has_no_difference(bundle: Bundle) -> None:
    missing = Dataset(np.full((12, 3), np.nan), None, bundle.features)
    pair = BundlePair.of(bundle, bundle, missing, 1000)
    assert pair.answer()["score_difference"] is None
    assert pair.answer()["agreement"]["share"] is None
    assert "12 points, 0 scored by both" in pair.summary()


def test_other_features_are_refused(
    bundle: Bundle, other_dir: Path, dataset: Dataset, resigned: Callable[[Path], None]
) -> None:
    manifest = json.loads((other_dir / MANIFEST_FILE).read_text())
    manifest["features"] = ["cpu", "memory", "delay"]
    (other_dir / MANIFEST_FILE).write_text(json.dumps(manifest))
    resigned(other_dir)
    with pytest.raises(DataError, match="A takes cpu, memory, latency and B takes cpu, memory, delay"):
        BundlePair.of(bundle, Bundle.load(other_dir), dataset, 1000)
