import numpy as np
import pytest

from anomaliz.models.series.feature_scale import CAP, FLOOR, joined, scale_of
from anomaliz.models.series.featurewise import FeaturewiseDetector
from anomaliz.models.series.level_shift import LevelShift
from anomaliz.models.series.rows import Rows
from anomaliz.models.series.seasonal_residual import SeasonalResidual
from anomaliz.models.series.variance_shift import VarianceShift


@pytest.mark.parametrize(
    "detector", [SeasonalResidual(), LevelShift(), VarianceShift()], ids=lambda d: d.name
)
def test_one_is_what_one_in_two_hundred_settled_training_rows_reaches(
    detector: FeaturewiseDetector, rng: np.random.Generator
) -> None:
    rows = Rows(rng.standard_normal((2000, 1)), 24)
    errors = detector.fit(rows).read(rows, len(rows)).errors[detector.min_history :]
    np.testing.assert_allclose((errors > 1).mean(axis=0), 0.005, atol=0.001)


def test_features_join_in_their_root_mean_square() -> None:
    errors = np.array([[3.0, 40.0], [0.0, 0.0]])
    np.testing.assert_allclose(joined(errors, np.array([1.0, 10.0])), [np.sqrt((9 + 16) / 2), 0])


def test_one_wild_feature_counts_only_so_much() -> None:
    wild = np.array([[1e9, 0.0]])
    np.testing.assert_allclose(joined(wild, np.ones(2)), CAP / np.sqrt(2))


def test_a_feature_that_never_erred_has_a_scale() -> None:
    np.testing.assert_array_equal(scale_of(np.zeros((100, 2))), [FLOOR, FLOOR])
