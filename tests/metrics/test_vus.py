import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats
from anomaliz.metrics.events import runs
from anomaliz.metrics.vus import buffer_of, vus_pr

# Many equal scores, since ties decide which rows a threshold flags.
scores_with_ties = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-10, 10)
points = st.lists(st.tuples(st.booleans(), scores_with_ties), min_size=2, max_size=60)


def obvious_vus_pr(labels: Flags, scores: Floats, buffer: int) -> float:
    """The definition, one buffer, threshold, event and row at a time."""
    areas = [obvious_area(labels, scores, window) for window in range(buffer + 1)]
    return sum(areas) / len(areas)


def obvious_area(labels: Flags, scores: Floats, window: int) -> float:
    n, half = len(labels), window // 2
    events = [(start, end - 1) for start, end in runs(labels)]
    soft = labels.astype(float)
    for first, last in events:
        for distance in range(1, half + 1):
            for row in (first - distance, last + distance):
                if 0 <= row < n:
                    soft[row] = min(1.0, soft[row] + math.sqrt(1 - distance / window))
    groups = [list(events[0])]
    for first, last in events[1:]:
        if groups[-1][1] + half < first - half:
            groups.append([first, last])
        else:
            groups[-1][1] = last
    descending = np.sort(scores)[::-1]
    area = previous = 0.0
    for position in np.linspace(0, n - 1, 250).astype(int):
        flags = scores >= descending[position]
        true = sum(soft[row] for row in range(n) if flags[row])
        softened = sum(1.0 if labels[row] else soft[row] * flags[row] for row in range(n))
        found = sum(flags[max(first - half, 0) : last + half + 1].any() for first, last in groups)
        recall = min(true / ((labels.sum() + softened) / 2), 1) * found / len(groups)
        area += (recall - previous) * true / flags.sum()
        previous = recall
    return area


def flags(text: str) -> Flags:
    return np.array([letter == "x" for letter in text])


@pytest.mark.parametrize(
    "labels",
    [
        "xx....................",
        "....................xx",
        "x....................x",
        "....xxx...............",
        "...x..x...............",
        "...x.x.x.x......xx....",
        "...xx......xx.........",
        "...xx.......xx........",
        ".xxxxxxxxxxxxxxxxxxxx.",
    ],
)
@pytest.mark.parametrize("buffer", [0, 1, 7, 25])
def test_it_is_the_definition(labels: str, buffer: int, rng: np.random.Generator) -> None:
    truth = flags(labels)
    for scores in (rng.normal(size=22), rng.integers(0, 3, 22) / 2, np.ones(22)):
        assert vus_pr(truth, scores, buffer) == pytest.approx(obvious_vus_pr(truth, scores, buffer), abs=1e-9)


def test_it_is_the_definition_where_thresholds_are_fewer_than_scores(rng: np.random.Generator) -> None:
    labels = np.zeros(700, dtype=np.bool_)
    for start in (0, 100, 130, 690):
        labels[start : start + 15] = True
    scores = rng.normal(size=700) + labels
    assert vus_pr(labels, scores, 20) == pytest.approx(obvious_vus_pr(labels, scores, 20), abs=1e-9)


@given(points, st.integers(0, 12))
def test_it_lies_between_0_and_1_and_depends_on_the_order_only(
    rows: list[tuple[bool, float]], buffer: int
) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    assume(labels.any() and not labels.all())
    volume = vus_pr(labels, scores, buffer)
    assert 0 < volume < 1 + 1e-12
    _, ranks = np.unique(scores, return_inverse=True)
    assert vus_pr(labels, ranks.astype(float) ** 3, buffer) == volume
    assert vus_pr(labels[::-1], scores[::-1], buffer) == pytest.approx(volume)


def test_scores_that_are_the_labels_are_perfect_without_a_buffer() -> None:
    labels = flags("...xxx.....x..")
    assert vus_pr(labels, labels.astype(float), 0) == pytest.approx(1)


def test_a_near_miss_counts_with_a_buffer_only() -> None:
    labels, scores = flags(".......xxx......................"), np.zeros(32)
    scores[[5, 6]] = 1
    far = np.roll(scores, 15)
    assert vus_pr(labels, scores, 0) == pytest.approx(vus_pr(labels, far, 0))
    assert vus_pr(labels, scores, 8) > 1.5 * vus_pr(labels, far, 8)


@pytest.mark.parametrize("label", [True, False])
def test_one_class_has_no_volume(label: bool) -> None:
    assert math.isnan(vus_pr(np.full(5, label), np.arange(5.0), 3))


@pytest.mark.parametrize(
    ("scores", "buffer", "fault"),
    [
        ([0.1, np.nan], 3, "scores must be finite"),
        ([0.1, np.inf], 3, "scores must be finite"),
        ([0.1], 3, "alike in length"),
        ([0.1, 0.2], -1, "buffer must be 0 rows or more"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores: list[float], buffer: int, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        vus_pr(flags("x."), np.array(scores), buffer)


@pytest.mark.parametrize("period", [6, 24, 288, 303])
def test_the_buffer_is_the_period(period: int) -> None:
    rows = np.arange(20 * period)
    assert buffer_of(5 + np.sin(rows * 2 * np.pi / period)) == period


@pytest.mark.parametrize("period", [4, 5, 320, 1000])
def test_a_period_that_is_too_short_or_too_long_is_not_believed(period: int) -> None:
    spikes = (np.arange(20 * period) % period == 0).astype(float)
    # Short periods come back as their own multiples: only the highest peak decides.
    assert buffer_of(spikes) == 125


def test_a_weaker_period_does_not_stand_for_one_that_is_too_long() -> None:
    rows = np.arange(7600)
    assert buffer_of(np.sin(rows * 2 * np.pi / 380) + np.sin(rows * 2 * np.pi / 95) / 2) == 125


@pytest.mark.parametrize("values", [np.full(500, 0.1), np.arange(500.0), np.ones(1), np.arange(2.0)])
def test_a_series_without_a_period_has_the_usual_buffer(values: Floats) -> None:
    assert buffer_of(values) == 125


def test_the_highest_peak_of_the_autocorrelation_decides(rng: np.random.Generator) -> None:
    values = np.sin(np.arange(3000) * 2 * np.pi / 50) + rng.normal(size=3000)
    centred = values - values.mean()
    correlation = [float(centred[lag:] @ centred[: len(centred) - lag]) for lag in range(401)]
    peaks = [lag for lag in range(4, 400) if correlation[lag] == max(correlation[lag - 1 : lag + 2])]
    assert buffer_of(values) == max(peaks, key=lambda lag: correlation[lag])


def test_the_first_feature_and_the_first_rows_speak_for_the_series() -> None:
    rows = np.arange(30_000)
    daily = np.where(rows < 20_000, np.sin(rows * 2 * np.pi / 24), 100 * np.sin(rows * 2 * np.pi / 60))
    values = np.stack([daily, np.sin(rows * 2 * np.pi / 100)], axis=1)
    assert buffer_of(values) == 24


def test_missing_rows_are_left_out() -> None:
    values = np.sin(np.arange(960) * 2 * np.pi / 24)
    gaps = np.insert(values, [0, 500, 960], np.nan)
    assert buffer_of(gaps) == buffer_of(values) == 24


def test_the_first_feature_that_has_values_speaks_for_the_series() -> None:
    rows = np.arange(960)
    features = [np.full(960, np.nan), np.sin(rows * 2 * np.pi / 24), np.sin(rows * 2 * np.pi / 100)]
    assert buffer_of(np.stack(features, axis=1)) == 24


@pytest.mark.parametrize("values", [np.ones(0), np.full(2, np.nan), np.full((5, 3), np.nan)])
def test_a_series_without_values_has_the_usual_buffer(values: Floats) -> None:
    assert buffer_of(values) == 125


def test_a_period_of_infinite_values_is_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        buffer_of(np.array([1.0, np.inf, 2.0]))
