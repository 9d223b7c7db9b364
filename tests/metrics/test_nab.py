import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Stamps
from anomaliz.metrics.nab import (
    LOW_FN_RATE,
    LOW_FP_RATE,
    NEVER,
    PROFILES,
    STANDARD,
    NabProfile,
    NabSeries,
    best_nab_score,
    labels_of,
    nab_score,
    probation_rows,
    windows_of,
)

DETECTORS = ["numenta", "windowedGaussian", "randomCutForest", "contextOSE"]
MINUTE = np.timedelta64(60, "s")


def sigmoid(position: float) -> float:
    """The benchmark's scaled sigmoid, as the paper writes it."""
    return 2 / (1 + math.exp(5 * position)) - 1


def obvious_score(corpus: list[NabSeries], threshold: float, profile: NabProfile) -> float:
    """The definition, row by row."""
    raw, n_windows = 0.0, 0
    for series in corpus:
        n = len(series.scores)
        detected = [row for row in range(probation_rows(n), n) if series.scores[row] >= threshold]
        for start, end in series.windows:
            if end > probation_rows(n):
                inside = [row for row in detected if start <= row < end]
                n_windows += 1
                raw += profile.reward * obvious_worth(inside[0], start, end) if inside else -profile.miss
        for row in detected:
            if not any(start <= row < end for start, end in series.windows):
                raw += profile.false_detection * obvious_cost(row, [w for w in series.windows if w[1] <= row])
    nothing = -profile.miss * n_windows
    return 100 * (raw - nothing) / (profile.reward * n_windows - nothing)


def obvious_worth(row: int, start: int, end: int) -> float:
    return sigmoid((row - end) / (end - start)) / sigmoid(-1)


def obvious_cost(row: int, before: list[tuple[int, int]]) -> float:
    if not before:
        return -1
    start, end = before[-1]
    position = (row - (end - 1)) / max(end - start - 1, 1)
    return -1 if position >= 3 else sigmoid(position)


@st.composite
def series(draw: st.DrawFn) -> NabSeries:
    scores = draw(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9]) | st.floats(0, 1), min_size=1, max_size=40))
    edges = draw(st.sets(st.integers(0, len(scores)), max_size=6).map(sorted))
    return NabSeries(np.array(scores), list(zip(edges[0::2], edges[1::2], strict=False)))


corpora = st.lists(series(), min_size=1, max_size=3)
profiles = st.sampled_from(list(PROFILES.values()))


def has_windows(corpus: list[NabSeries]) -> bool:
    return any(end > probation_rows(len(one.scores)) for one in corpus for _, end in one.windows)


@pytest.fixture(scope="module")
def published_windows(shared: Path) -> dict[str, list[tuple[int, int]]]:
    """The windows of every series, in rows."""
    folder = shared / "nab"
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    return {name: windows_of(stamps(folder / "data" / name), windows[name]) for name in windows}


def stamps(file: Path) -> Stamps:
    return pd.read_csv(file, parse_dates=["timestamp"])["timestamp"].to_numpy(dtype="datetime64[ns]")


@pytest.mark.parametrize("detector", DETECTORS)
def test_published_scores_and_thresholds_are_found(
    detector: str, shared: Path, published_windows: dict[str, list[tuple[int, int]]]
) -> None:
    folder = shared / "nab" / "published"
    expected = json.loads((folder / "expected.json").read_text())[detector]
    table = pd.read_csv(folder / f"{detector}.csv.gz")
    corpus = [
        NabSeries(rows["anomaly_score"].to_numpy(), published_windows[str(name)])
        for name, rows in table.groupby("series")
    ]
    assert len(corpus) == 32
    for name, profile in PROFILES.items():
        published = expected[name]
        score, threshold = best_nab_score(corpus, profile)
        assert score == pytest.approx(published["score"], abs=0.01)
        assert threshold == (NEVER if published["threshold"] == 1e18 else published["threshold"])
        assert nab_score(corpus, published["threshold"], profile) == pytest.approx(score)


@given(corpora, profiles)
def test_scores_are_the_definition(corpus: list[NabSeries], profile: NabProfile) -> None:
    assume(has_windows(corpus))
    for threshold in (NEVER, 0.9, 0.35, 0.0):
        expected = obvious_score(corpus, threshold, profile)
        assert nab_score(corpus, threshold, profile) == pytest.approx(expected, abs=1e-9)


@given(corpora, profiles)
def test_the_best_threshold_is_the_best_of_all(corpus: list[NabSeries], profile: NabProfile) -> None:
    assume(has_windows(corpus))
    score, threshold = best_nab_score(corpus, profile)
    everywhere = np.append(NEVER, np.concatenate([one.scores for one in corpus]))
    scores = {cut: nab_score(corpus, cut, profile) for cut in everywhere}
    assert score == pytest.approx(max(scores.values()), abs=1e-9)
    assert nab_score(corpus, threshold, profile) == pytest.approx(score, abs=1e-9)
    assert all(scores[cut] < score - 1e-12 for cut in everywhere if cut > threshold)


@given(corpora, profiles, st.sampled_from([2.0, 0.25]), st.sampled_from([0.0, -3.0]))
def test_only_the_order_of_scores_matters(
    corpus: list[NabSeries], profile: NabProfile, factor: float, shift: float
) -> None:
    assume(has_windows(corpus))
    levels = np.unique(np.concatenate([one.scores for one in corpus]))
    moved = [NabSeries(np.searchsorted(levels, one.scores) * factor + shift, one.windows) for one in corpus]
    score, threshold = best_nab_score(corpus, profile)
    moved_score, moved_threshold = best_nab_score(moved, profile)
    assert moved_score == score
    if threshold < NEVER:
        assert moved_threshold == np.searchsorted(levels, threshold) * factor + shift
    else:
        assert moved_threshold == NEVER


def one_series(*detected: int) -> list[NabSeries]:
    """100 rows, of which 15 are probation, and the window of rows 40 to 49."""
    scores = np.zeros(100)
    scores[list(detected)] = 1
    return [NabSeries(scores, [(40, 50)])]


@pytest.mark.parametrize("profile", PROFILES.values())
def test_the_first_row_of_every_window_alone_is_100_and_nothing_is_0(profile: NabProfile) -> None:
    assert nab_score(one_series(40), 1, profile) == pytest.approx(100)
    assert nab_score(one_series(), 1, profile) == 0
    assert nab_score(one_series(40), 1e18, profile) == 0


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    assert nab_score(one_series(40, 43, 49), 1) == nab_score(one_series(40), 1)
    late = sigmoid(-1 / 10) / sigmoid(-1)
    assert nab_score(one_series(49), 1) == pytest.approx(100 * (late + 1) / 2)


def test_a_false_detection_costs_the_more_the_further_behind_the_window() -> None:
    before, near, far = (nab_score(one_series(40, row), 1) for row in (20, 51, 77))
    assert before == far == pytest.approx(100 * (2 - 0.11) / 2)
    assert near == pytest.approx(100 * (2 + 0.11 * sigmoid(2 / 9)) / 2)


def test_profiles_weigh_errors_differently() -> None:
    false = one_series(20)
    assert nab_score(false, 1, STANDARD) == pytest.approx(-100 * 0.11 / 2)
    assert nab_score(false, 1, LOW_FP_RATE) == pytest.approx(-100 * 0.22 / 2)
    assert nab_score(false, 1, LOW_FN_RATE) == pytest.approx(-100 * 0.11 / 3)


def test_nothing_counts_in_the_probation() -> None:
    assert [probation_rows(n) for n in (0, 6, 100, 4032, 5000, 22695)] == [0, 0, 15, 604, 750, 750]
    assert nab_score(one_series(14), 1) == 0
    assert nab_score(one_series(15), 1) < 0


def test_a_window_within_the_probation_is_left_out() -> None:
    (one,) = one_series(40)
    both = NabSeries(one.scores, [(3, 15), (40, 50)])
    assert nab_score([both], 1) == pytest.approx(100)
    with pytest.raises(DataError, match="no NAB score without windows"):
        best_nab_score([NabSeries(one.scores, [(3, 15)])])


def test_never_is_best_when_every_detection_costs() -> None:
    assert best_nab_score(one_series(20)) == (0, NEVER)


@pytest.mark.parametrize("corpus", [[], [NabSeries(np.ones(50), [])]])
def test_no_windows_no_score(corpus: list[NabSeries]) -> None:
    with pytest.raises(DataError, match="no NAB score without windows"):
        nab_score(corpus, 0.5)


@pytest.mark.parametrize("scores", [[0.1, np.nan], [0.1, np.inf], [[0.1, 0.2]]])
def test_scores_that_cannot_be_compared_are_refused(scores: list[float]) -> None:
    with pytest.raises(DataError, match="scores must be finite"):
        NabSeries(np.array(scores), [])


@pytest.mark.parametrize(
    "windows", [[(2, 2)], [(-1, 2)], [(8, 11)], [(4, 6), (1, 2)], [(1, 4), (3, 6)]], ids=str
)
def test_windows_that_are_no_ranges_of_rows_are_refused(windows: list[tuple[int, int]]) -> None:
    with pytest.raises(DataError, match="windows must be ranges of the 10 rows"):
        NabSeries(np.zeros(10), windows)


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="threshold must be a number"):
        nab_score(one_series(40), math.nan)


def minutes(*numbers: int) -> Stamps:
    return np.datetime64("2014-04-01T00:00:00", "ns") + np.array(numbers) * MINUTE


def test_windows_hold_their_first_and_last_stamp() -> None:
    windows = [
        ["2014-04-01 00:05:00.000000", "2014-04-01 00:06:00.000000"],
        ["2014-04-01 00:01:00.000000", "2014-04-01 00:03:00.000000"],
    ]
    assert windows_of(minutes(*range(10)), windows) == [(1, 4), (5, 7)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (minutes(0, 5, 6, 7, 8, 9), (1, 4)),
        (minutes(0, 4, 6, 9), (2, 3)),
        (minutes(0, 5, 6), (1, 3)),
        (minutes(4, 5, 5, 7, 7, 8), (1, 4)),
        (minutes(4, 5, 6, 4, 5, 6, 7, 8), (1, 7)),
        (minutes(5, 6, 7, 8, 5, 6, 7), (0, 3)),
    ],
    ids=["plain", "stamps absent", "at the end", "repeated", "back inside", "back behind"],
)
def test_windows_of_irregular_stamps(times: Stamps, expected: tuple[int, int]) -> None:
    assert windows_of(times, [["2014-04-01 00:05:00", "2014-04-01 00:07:00"]]) == [expected]


@pytest.mark.parametrize(
    ("window", "fault"),
    [
        (["2014-05-01 00:00:00", "2014-05-02 00:00:00"], "no row lies in the window from 2014-05-01"),
        (["2014-04-01 00:05:00", "2014-04-01 00:04:00"], "no row lies in the window"),
        (["2014-04-01 00:05:00"], "a window must be its first and last stamp"),
        (["2014-04-01 00:05:00", "noon"], "windows must be ISO-8601 text"),
    ],
)
def test_windows_without_rows_are_refused(window: list[str], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        windows_of(minutes(*range(10)), [window])


@given(series())
def test_labels_are_the_rows_of_the_windows(one: NabSeries) -> None:
    labels: Flags = labels_of(len(one.scores), one.windows)
    rows = {row for start, end in one.windows for row in range(start, end)}
    assert_array_equal(labels, [row in rows for row in range(len(one.scores))])
