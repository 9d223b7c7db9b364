"""Tails of many errors are those of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaliz.core.types import Floats
from anomaliz.detection.calibration import Tail
from anomaliz.panel.tails import PanelTails, quantiles

QUANTILE = 0.95


def errors_of(kind: str, n: int, rng: np.random.Generator) -> Floats:
    return {
        "exponential": rng.exponential(size=n),
        "heavy": rng.pareto(2.0, size=n),
        "counts": rng.poisson(1.0, size=n).astype(float),
        "mostly none": np.where(rng.random(n) < 0.98, 0.0, rng.random(n)),
        "none": np.zeros(n),
        "all alike": np.full(n, 3.7),
    }[kind]


KINDS = ["exponential", "heavy", "counts", "mostly none", "none", "all alike"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [50, 173, 2016])
def test_above_the_quantile_a_tail_is_that_of_a_single_series(
    kind: str, n: int, rng: np.random.Generator
) -> None:
    errors = errors_of(kind, n, rng)
    one, many = Tail.fit(errors, QUANTILE), PanelTails.fit(errors[:, np.newaxis], QUANTILE)
    found = [one.quantile_error, one.base, one.shape, one.scale]
    np.testing.assert_allclose(many.pareto[:, 0], found, rtol=1e-9)
    far = one.quantile_error + np.array([0.1, 1.0, 30.0])
    np.testing.assert_allclose(many.surprise(far[:, np.newaxis])[:, 0], one.surprise(far), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_below_it_is_near_that_of_a_single_series(kind: str, rng: np.random.Generator) -> None:
    errors = errors_of(kind, 2016, rng)
    one, many = Tail.fit(errors, QUANTILE), PanelTails.fit(errors[:, np.newaxis], QUANTILE)
    body = errors[errors <= one.quantile_error]
    np.testing.assert_allclose(many.surprise(body[:, np.newaxis])[:, 0], one.surprise(body), atol=0.06)


def test_each_column_has_the_tail_that_it_has_alone(rng: np.random.Generator) -> None:
    errors = np.stack([errors_of(kind, 300, rng) for kind in KINDS], axis=1)
    errors[40:90, 1] = np.nan
    together = PanelTails.fit(errors, QUANTILE).surprise(errors)
    for i in range(errors.shape[1]):
        alone = PanelTails.fit(errors[:, [i]], QUANTILE).surprise(errors[:, [i]])
        np.testing.assert_array_equal(together[:, [i]], alone)
    assert np.isnan(together[40:90, 1]).all()


def test_too_few_errors_are_no_tail(rng: np.random.Generator) -> None:
    errors = rng.random((80, 2))
    errors[:31, 1] = np.nan
    tails = PanelTails.fit(errors, QUANTILE)
    assert tails.there.tolist() == [True, False]
    assert np.isnan(tails.surprise(errors)[:, 1]).all()
    assert not PanelTails.fit(errors[:49], QUANTILE).there.any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), decimals=st.integers(0, 6))
def test_more_error_is_never_less_surprise(seed: int, decimals: int) -> None:
    errors = np.random.default_rng(seed).gamma(0.7, size=(120, 2)).round(decimals)
    tails = PanelTails.fit(errors, QUANTILE)
    surprise = tails.surprise(np.linspace(0, 2 * errors.max() + 1, 500)[:, np.newaxis].repeat(2, axis=1))
    assert (np.diff(surprise, axis=0) >= -1e-12).all()
    assert (surprise >= 0).all()


def test_arrays_give_the_tails_back(rng: np.random.Generator) -> None:
    errors = rng.random((200, 3))
    arrays = PanelTails.fit(errors, QUANTILE).to_arrays("x")
    back = PanelTails.from_arrays("x", arrays)
    np.testing.assert_allclose(
        back.surprise(errors), PanelTails.fit(errors, QUANTILE).surprise(errors), atol=1e-5
    )


def test_quantiles_leave_out_what_is_missing() -> None:
    values = np.array([[3.0, np.nan], [np.nan, np.nan], [1.0, np.nan], [2.0, np.nan]])
    np.testing.assert_array_equal(quantiles(values, 0.75), [2.5, np.nan])
