"""An ablation says something of the product only while its shipped recipe is the product."""

import numpy as np
import pytest

from anomaliz.bundle.series import SeriesScorer
from anomaliz.core.score import score_of
from anomaliz.core.types import Flags, Floats
from anomaliz.core.verdict import FUSED
from anomaliz.data.behaviour import FEATURES, STEP, realistic_behaviour
from anomaliz.data.synthetic import START
from anomaliz.evaluation.labelled import Labelled
from anomaliz.metrics.events import runs
from benchmarks.recipe import BUDGET, AlertRule, Kitchen, Recipe
from benchmarks.variants import TAIL_QUANTILE, alerts, empirical_tail, frozen_tail, maximum, median, min_max

N = {1: 2400, 3: 6400}
"""Rows by number of metrics; of several, more than the tails learn from."""
N_TRAIN = 1200
STRANGE = slice(2000, 2060)


def series(n_features: int) -> Labelled:
    """Two shapes of data with one anomaly behind training."""
    n = N[n_features]
    values: Floats = realistic_behaviour(n, np.random.default_rng(3))[:, :n_features]
    values[STRANGE] *= 1.6
    labels: Flags = np.zeros(n, np.bool_)
    labels[STRANGE] = True
    times = START + np.arange(n) * STEP
    return Labelled("strange", values, times, labels, FEATURES[:n_features], N_TRAIN, windows=runs(labels))


@pytest.fixture(scope="module")
def kitchens() -> dict[int, Kitchen]:
    return {n_features: Kitchen(series(n_features)) for n_features in (1, 3)}


@pytest.mark.parametrize("n_features", [1, 3])
def test_shipped_recipe_reads_what_the_product_reads(kitchens: dict[int, Kitchen], n_features: int) -> None:
    one = series(n_features)
    scorer, state = SeriesScorer.fit(
        one.values[:N_TRAIN],
        288,
        np.ones(N_TRAIN, np.bool_),
        tail_quantile=TAIL_QUANTILE,
        alert_budget=BUDGET,
    )
    judged, _ = scorer.score(one.values[N_TRAIN:], np.ones(N[n_features] - N_TRAIN, np.bool_), state)
    scored = kitchens[n_features].scored(Recipe())
    np.testing.assert_allclose(scored.score[N_TRAIN:], score_of(judged.surprise), atol=1e-9)
    np.testing.assert_allclose(scored.rank_score[N_TRAIN:], judged.rank_score, atol=1e-9)
    np.testing.assert_allclose(scored.alert_score[N_TRAIN:], judged.alert_score, atol=1e-9)
    assert scored.threshold == pytest.approx(scorer.profile.decision.threshold, abs=1e-9)
    assert scored.alert_threshold == scorer.profile.alert_threshold


def test_every_variant_changes_its_reading(kitchens: dict[int, Kitchen]) -> None:
    shipped = kitchens[1].scored(Recipe())
    for calibration in (min_max, empirical_tail, frozen_tail):
        scored = kitchens[1].scored(Recipe(calibration=calibration))
        assert not np.allclose(scored.rank_score, shipped.rank_score)
    for fusion in (maximum, median):
        assert not np.allclose(kitchens[1].scored(Recipe(fusion=fusion)).score, shipped.score)
    one = kitchens[1].scored(Recipe(members=("level_shift",)))
    np.testing.assert_array_equal(one.surprise["level_shift"], shipped.surprise["level_shift"])
    assert not np.allclose(one.surprise[FUSED], shipped.surprise[FUSED], equal_nan=True)


def test_calibrations_of_training_alone_know_nothing_of_later_rows() -> None:
    errors = np.random.default_rng(0).standard_normal((500, 1))
    changed = np.concatenate([errors[:300], errors[300:400] + 50, errors[400:]])
    for calibration in (min_max, frozen_tail):
        np.testing.assert_array_equal(calibration(errors, 200)[400:], calibration(changed, 200)[400:])
    assert (empirical_tail(errors, 200)[400:] != empirical_tail(changed, 200)[400:]).any()


def test_alert_rules_differ_in_how_often_they_alert() -> None:
    fused = np.array([0, 1.5, 1.8, 1.4, 2.4, 0, 0, 0, 0, 1.2, 1.1])
    assert np.flatnonzero(alerts(fused, 3, None)).tolist() == [1, 2, 3, 4, 9, 10]
    assert np.flatnonzero(alerts(fused, 3, 0)).tolist() == [1, 2, 4, 9]
    assert np.flatnonzero(alerts(fused, 3)).tolist() == [1, 4, 9]
    assert np.flatnonzero(alerts(fused, 3, 20)).tolist() == [1, 9]
    np.testing.assert_allclose(alerts(fused, 3, 0)[[1, 2, 4, 9]], fused[[1, 2, 4, 9]])


def test_recipes_that_differ_in_alerts_share_their_measures(kitchens: dict[int, Kitchen]) -> None:
    shipped, loud = (
        kitchens[1].outcome(recipe) for recipe in (Recipe(), Recipe(alert=AlertRule(step_up=None)))
    )
    assert shipped.measures is loud.measures
    assert (loud.alert_score > 0).sum() > (shipped.alert_score > 0).sum()
