import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import metrics as sklearn_metrics

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags, Floats
from anomaliz.metrics.classification import (
    average_precision,
    best_f1,
    best_f1_plateau,
    precision_recall_curve,
    precision_recall_f1,
    roc_auc,
    roc_curve,
    thin,
)

# Few distinct scores, so that ties are the rule, and neighbouring floats, so that there is nothing between.
scores_with_ties = st.sampled_from([0.0, 0.1, 0.25, np.nextafter(0.25, 1), 0.5, 1.0]) | st.floats(-1e6, 1e6)
points = st.lists(st.tuples(st.booleans(), scores_with_ties), min_size=2, max_size=40)


def both_classes(points: list[tuple[bool, float]]) -> tuple[Flags, Floats]:
    labels, scores = (np.array(column) for column in zip(*points, strict=True))
    assume(labels.any() and not labels.all())
    return labels, scores


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_precision_recall_f1_are_scikit_learns(points: list[tuple[bool, bool]]) -> None:
    labels, flags = (np.array(column) for column in zip(*points, strict=True))
    expected = sklearn_metrics.precision_recall_fscore_support(
        labels, flags, average="binary", zero_division=0
    )
    assert precision_recall_f1(labels, flags) == pytest.approx(expected[:3])


@given(points)
def test_areas_are_scikit_learns(points: list[tuple[bool, float]]) -> None:
    labels, scores = both_classes(points)
    assert roc_auc(labels, scores) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores))
    expected = sklearn_metrics.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(expected)


@given(points)
def test_curves_are_scikit_learns(points: list[tuple[bool, float]]) -> None:
    labels, scores = both_classes(points)
    roc = roc_curve(labels, scores)
    false_rate, true_rate, thresholds = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    assert_allclose(roc.x, false_rate)
    assert_allclose(roc.y, true_rate)
    assert_allclose(roc.thresholds[1:], thresholds[1:])
    curve = precision_recall_curve(labels, scores)
    precision, recall, thresholds = sklearn_metrics.precision_recall_curve(labels, scores)
    assert_allclose(curve.x, recall[::-1])
    assert_allclose(curve.y, precision[::-1])
    assert_allclose(curve.thresholds[1:], thresholds[::-1])


@given(points)
def test_each_threshold_of_a_curve_gives_its_point(points: list[tuple[bool, float]]) -> None:
    labels, scores = both_classes(points)
    for false_rate, true_rate, threshold in zip(*roc_curve(labels, scores), strict=True):
        flags = scores >= threshold
        assert flags[labels].mean() == pytest.approx(true_rate)
        assert flags[~labels].mean() == pytest.approx(false_rate)


@given(points)
def test_best_f1_is_reached_and_never_beaten(points: list[tuple[bool, float]]) -> None:
    labels, scores = both_classes(points)
    f1, threshold = best_f1(labels, scores)
    assert precision_recall_f1(labels, scores >= threshold).f1 == pytest.approx(f1)
    assert f1 == pytest.approx(max(precision_recall_f1(labels, scores >= cut).f1 for cut in scores))


def test_the_threshold_lies_midway_below_the_lowest_flagged_score() -> None:
    labels = np.array([False, False, True, True])
    assert best_f1(labels, np.array([0.1, 0.2, 0.6, 0.9])) == (1.0, pytest.approx(0.4))


def test_the_threshold_is_the_lowest_score_when_all_is_flagged() -> None:
    assert best_f1(np.array([True, True]), np.array([0.5, 0.2])) == (1.0, 0.2)


def test_of_equal_f1_the_highest_threshold_is_taken() -> None:
    # Flagging one of two anomalies with no false alarm, or both with two, is an F1 of 2/3.
    labels = np.array([True, False, False, True])
    assert best_f1(labels, np.array([4.0, 3.0, 2.0, 1.0])) == (pytest.approx(2 / 3), 3.5)


def test_no_anomalies_no_f1() -> None:
    with pytest.raises(DataError, match="no F1 without anomalies"):
        best_f1(np.array([False, False]), np.array([1.0, 2.0]))


@pytest.mark.parametrize("label", [True, False])
def test_one_class_has_no_area_and_no_curve(label: bool) -> None:
    labels, scores = np.full(3, label), np.arange(3.0)
    assert math.isnan(roc_auc(labels, scores))
    assert math.isnan(average_precision(labels, scores))
    assert len(roc_curve(labels, scores).x) == len(precision_recall_curve(labels, scores).x) == 0


def test_no_points_have_no_area() -> None:
    assert math.isnan(roc_auc(np.array([], dtype=bool), np.array([])))
    assert precision_recall_f1(np.array([], dtype=bool), np.array([], dtype=bool)) == (0, 0, 0)


@pytest.mark.parametrize("function", [best_f1, roc_auc, roc_curve, average_precision, precision_recall_curve])
@pytest.mark.parametrize(
    ("scores", "fault"),
    [([0.1, np.nan], "must be finite"), ([0.1, np.inf], "must be finite"), ([0.1], "alike in length")],
)
def test_scores_that_cannot_be_ranked_are_refused(function, scores: list[float], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        function(np.array([True, False]), np.array(scores))


def test_flags_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="alike in length"):
        precision_recall_f1(np.array([True, False]), np.array([True]))


def test_a_thin_curve_keeps_ends_and_shape() -> None:
    rng = np.random.default_rng(7)
    labels = rng.random(5000) < 0.1
    scores = rng.normal(size=5000) + 2 * labels
    whole = roc_curve(labels, scores)
    thinned = thin(whole)
    assert len(thinned.x) <= 200
    for column, given_column in zip(thinned, whole, strict=True):
        assert (column[0], column[-1]) == (given_column[0], given_column[-1])
        assert np.isin(column, given_column).all()
    assert np.trapezoid(thinned.y, thinned.x) == pytest.approx(np.trapezoid(whole.y, whole.x), abs=2e-3)


def test_a_short_curve_is_left_alone() -> None:
    curve = roc_curve(np.array([True, False, True]), np.array([0.1, 0.2, 0.3]))
    assert thin(curve) is curve
    assert len(thin(curve, most=2).x) == 2


def test_the_plateau_holds_the_thresholds_that_are_nearly_as_good() -> None:
    labels = np.array([True] * 50 + [False] * 50)
    scores = np.concatenate([np.linspace(10, 6, 50), np.linspace(5, 1, 50)])
    low, high = best_f1_plateau(labels, scores, within=0.03)
    for threshold in np.linspace(low, high, 20):
        assert precision_recall_f1(labels, scores >= threshold).f1 >= 0.97
    for outside in (low - 0.2, high + 0.2):
        assert precision_recall_f1(labels, scores >= outside).f1 < 0.97


def test_the_plateau_of_one_good_threshold_is_narrow() -> None:
    labels = np.array([True, True, False, False])
    low, high = best_f1_plateau(labels, np.array([9.0, 8.0, 2.0, 1.0]), within=0.03)
    assert (low, high) == (5.0, 8.0)
