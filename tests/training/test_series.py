"""The series profile of a training."""

import numpy as np
import pytest

from anomaliz.config.settings import Settings
from anomaliz.data.dataset import Dataset, DataWarning
from anomaliz.data.synthetic import make_synthetic
from anomaliz.training.preparation import prepare
from anomaliz.training.series import fit_series_profile


def test_labels_of_validation_choose_the_threshold(settings: Settings) -> None:
    run = fit_series_profile(prepare(make_synthetic("basic", 6000, 42, 10), 10), settings)
    assert run is not None
    assert run.scorer.profile.decision.chosen_by == "f1"
    assert run.test["f1"] > 0.6


def test_labels_that_the_score_cannot_tell_choose_nothing(settings: Settings) -> None:
    dataset = make_synthetic("basic", 4000, 42, 10)
    assert dataset.labels is not None
    dataset.labels[:] = np.random.default_rng(0).random(4000) < 0.05
    run = fit_series_profile(prepare(dataset, 2), settings)
    assert run is not None
    assert run.scorer.profile.decision.chosen_by == "alert_budget"


def test_without_labels_the_budget_does(settings: Settings) -> None:
    labelled = make_synthetic("realistic", 3000, 42, 10)
    dataset = Dataset(labelled.values, labelled.times, labelled.features, step=labelled.step)
    run = fit_series_profile(prepare(dataset, 10), settings)
    assert run is not None
    assert run.scorer.profile.decision.chosen_by == "alert_budget"
    assert run.test["f1"] is None


def test_a_series_without_a_day_has_a_profile_without_seasonal_members(settings: Settings) -> None:
    values = np.random.default_rng(0).normal(size=(2000, 1))
    run = fit_series_profile(prepare(Dataset(values, None, ("load",)), 10), settings)
    assert run is not None
    assert "seasonal_residual" not in run.scorer.profile.detectors


def test_too_few_normal_rows_give_none_and_say_so(settings: Settings) -> None:
    prepared = prepare(make_synthetic("basic", 3000, 42, 10), 10)
    assert prepared.dataset.labels is not None
    prepared.dataset.labels[90:] = True
    with pytest.warns(DataWarning, match="no series profile"):
        assert fit_series_profile(prepared, settings) is None
