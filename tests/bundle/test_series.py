"""Scoring a series with memory: at once, in chunks or row by row, and what comes out of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
import pytest

from anomaliz.bundle.series import MIN_ROWS, SeriesPart, SeriesScorer, SeriesState
from anomaliz.core.score import MAX_SURPRISE, score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import ScoringState
from anomaliz.detection.series_profile import SeriesJudgement, SeriesProfile

DAY = 48
TRAINING = 1500
LONG = 3200
"""Rows after training, so that the series is longer than what a state keeps of it."""
NEWEST = 40
READINGS = [field.name for field in fields(SeriesJudgement)]

Fitted = Callable[[int], tuple[SeriesScorer, SeriesState]]
any_shape = pytest.mark.parametrize("n_features", [1, 3])


def days(n: int, n_features: int, seed: int, start: int = 0) -> Floats:
    """Noisy days around 10, each feature at a phase of its own."""
    phases = (start + np.arange(n)[:, np.newaxis]) / DAY + np.arange(n_features) / 5
    noise = np.random.default_rng(seed).standard_normal((n, n_features))
    return 10 + 3 * np.sin(2 * np.pi * phases) + 0.3 * noise


def following(n: int, n_features: int) -> Floats:
    """The rows that come after training."""
    return days(n, n_features, seed=1, start=TRAINING)


def test_a_window_is_no_history_however_little_its_members_need() -> None:
    """Without days, forecasts of several metrics need a few rows: no more than a window has."""
    normal = np.ones(TRAINING, bool)
    scorer, state = SeriesScorer.fit(days(TRAINING, 3, 0), 0, normal, tail_quantile=0.95, alert_budget=200)
    part = SeriesPart(scorer, ScoringState(days(10, 3, 0), series=state))
    assert part.enough > MIN_ROWS


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    normal = np.ones(TRAINING, bool)
    scorers = {
        n_features: SeriesScorer.fit(
            days(TRAINING, n_features, seed=0), DAY, normal, tail_quantile=0.95, alert_budget=200
        )
        for n_features in (1, 3)
    }
    return scorers.__getitem__


def with_faults(values: Floats) -> tuple[Floats, Flags]:
    """Missing rows and values, a spike, rows that are not to be judged: early and among the newest."""
    values, judged = values.copy(), np.ones(len(values), bool)
    for start in (0, 500, len(values) - NEWEST):
        values[start : start + 2] = np.nan
        judged[start : start + 2] = False
        values[start + 4, 0] = np.nan
        judged[start + 6 : start + 8] = False
        values[start + 10, -1] += 9
    return values, judged


def score_in_chunks(
    scorer: SeriesScorer, values: Floats, judged: Flags, state: SeriesState, sizes: Sequence[int]
) -> tuple[SeriesJudgement, SeriesState]:
    assert sum(sizes) == len(values)
    chunks, done = [], 0
    for size in sizes:
        rows = slice(done, done + size)
        judgement, state = scorer.score(values[rows], judged[rows], state)
        chunks.append(judgement)
        done += size
    joined = {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in READINGS}
    return SeriesJudgement(**joined), state


def assert_alike(left: SeriesJudgement, right: SeriesJudgement, rows: slice = slice(None)) -> None:
    for name in READINGS:
        one, other = (getattr(judgement, name)[rows] for judgement in (left, right))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=name)


@any_shape
def test_chunks_and_single_rows_score_as_the_whole(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values, judged = with_faults(following(LONG, n_features))
    whole, after_whole = scorer.score(values, judged, state)
    sizes = [1000, 1, 0, LONG - NEWEST - 1001, *[1] * NEWEST]
    chunked, after_chunks = score_in_chunks(scorer, values, judged, state, sizes)
    assert_alike(chunked, whole)
    np.testing.assert_array_equal(after_chunks.rows, after_whole.rows)
    assert len(after_whole.rows) == scorer.reach < TRAINING + LONG
    assert after_chunks.before == after_whole.before == TRAINING + LONG


@any_shape
def test_nothing_comes_from_the_future(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values, judged = with_faults(following(600, n_features))
    future = values.copy()
    future[300:] = 50 * np.random.default_rng(5).standard_normal(future[300:].shape)
    left, right = (scorer.score(each, judged, state)[0] for each in (values, future))
    assert_alike(left, right, slice(300))
    assert (left.surprise[301:] != right.surprise[301:]).any()


@any_shape
def test_scoring_changes_neither_its_input_nor_the_state(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values, judged = with_faults(following(600, n_features))
    first, _ = scorer.score(values, judged, state)
    again, _ = scorer.score(values, judged, state)
    assert_alike(first, again)
    np.testing.assert_array_equal(values, with_faults(following(600, n_features))[0])


@any_shape
def test_rows_that_are_not_to_be_judged_get_no_verdict(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values, judged = with_faults(following(600, n_features))
    judgement, _ = scorer.score(values, judged, state)
    for reading in (judgement.surprise, judgement.rank_score, judgement.alert_score):
        np.testing.assert_array_equal(np.isnan(reading), ~judged)
    assert np.isnan(judgement.detector_surprise[~judged]).all()
    assert np.isfinite(judgement.detector_surprise[judged]).all()


@any_shape
def test_what_is_not_judged_does_not_count_as_calm(n_features: int, fitted: Fitted) -> None:
    """Neither the first rows of training, before which there is too little, nor any row later."""
    scorer, state = fitted(n_features)
    _, later = scorer.score(*with_faults(following(600, n_features)), state)
    for memory in (later.memory, state.memory):
        unknown = np.isnan(memory.errors.errors).all(axis=1)
        assert unknown.any()
        np.testing.assert_array_equal(np.isnan(memory.smoothed.errors[:, 0]), unknown)


@any_shape
def test_a_series_that_begins_leaves_out_members_that_lack_history(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    begun = SeriesState(np.empty((0, n_features)), 0, state.memory)
    values, judged = following(400, n_features), np.ones(400, bool)
    values[0] = np.nan
    whole, _ = scorer.score(values, judged, begun)
    known = ~np.isnan(whole.detector_surprise)
    enough = [np.arange(400) >= detector.min_history for detector in scorer.detectors]
    np.testing.assert_array_equal(known, np.column_stack(enough))
    np.testing.assert_array_equal(np.isnan(whole.surprise), ~known.any(axis=1))
    chunked, _ = score_in_chunks(scorer, values, judged, begun, [1, 1, 98, 300])
    assert_alike(chunked, whole)


@any_shape
def test_a_spike_stands_out_and_raises_one_alert(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    clean = following(300, n_features)
    values = clean.copy()
    values[200, -1] += 6
    judgement, _ = scorer.score(values, np.ones(300, bool), state)
    assert judgement.surprise[200] > 4 * judgement.surprise[:200].max()
    assert score_of(judgement.surprise)[200] > 4 * scorer.profile.decision.threshold
    assert judgement.rank_score[200] > 2 * judgement.rank_score[:200].max()
    alerts = 150 + np.flatnonzero(judgement.alert_score[150:250] >= scorer.profile.alert_threshold)
    assert alerts.tolist() == [200]
    assert judgement.contributions[200].argmax() == n_features - 1
    assert judgement.expected[200, -1] == pytest.approx(clean[200, -1], abs=1.5)
    assert values[200, -1] > judgement.expected_upper[200, -1]


@any_shape
def test_no_member_drowns_the_others(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values = following(300, n_features)
    values[200:204, -1] = [1e4, -1e4, 1e4, -1e4]
    judgement, _ = scorer.score(values, np.ones(300, bool), state)
    assert judgement.detector_surprise.max() <= MAX_SURPRISE


@any_shape
def test_normal_values_lie_in_a_narrow_band(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values = following(800, n_features)
    judgement, _ = scorer.score(values, np.ones(800, bool), state)
    inside = (judgement.expected_lower <= values) & (values <= judgement.expected_upper)
    assert inside.mean() > 0.97
    assert (judgement.expected_upper - judgement.expected_lower).max() < 3


@any_shape
def test_contributions_are_shares(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    values, judged = with_faults(following(600, n_features))
    shares = scorer.score(values, judged, state)[0].contributions
    assert (np.isnan(shares).all(axis=1) == ~judged).all()
    shares = shares[judged]
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@any_shape
def test_the_profile_survives_its_file(n_features: int, fitted: Fitted) -> None:
    scorer, state = fitted(n_features)
    profile = SeriesProfile.from_json(json.loads(json.dumps(scorer.profile.to_json())))
    again = SeriesScorer(scorer.detectors, scorer.scales, scorer.period, profile)
    values, judged = with_faults(following(600, n_features))
    assert_alike(again.score(values, judged, state)[0], scorer.score(values, judged, state)[0])
    assert profile.decision == scorer.profile.decision
