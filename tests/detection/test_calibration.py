import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from anomaliz.core.errors import DataError
from anomaliz.detection.calibration import MIN_ERRORS, Tail


def test_surprise_is_the_tail_probability_of_a_known_distribution() -> None:
    known = stats.expon()
    tail = Tail.fit(known.rvs(20_000, random_state=1))
    for probability in (0.5, 0.1, 0.02, 1e-3, 1e-4):
        found = tail.surprise(np.array([known.isf(probability)]))[0]
        assert found == pytest.approx(-np.log10(probability), abs=0.25)


def test_heavy_tail_surprises_less_than_a_light_one() -> None:
    heavy = Tail.fit(stats.genpareto(0.35).rvs(20_000, random_state=1))
    light = Tail.fit(stats.expon().rvs(20_000, random_state=1))
    assert heavy.shape > 0.15
    assert light.shape < 0.1
    assert heavy.surprise(np.array([12.0])) < light.surprise(np.array([12.0]))


def test_false_alarms_on_new_normal_data_keep_the_claimed_rate() -> None:
    rng = np.random.default_rng(3)
    tail = Tail.fit(rng.gamma(2, size=5000))
    surprise = tail.surprise(rng.gamma(2, size=200_000))
    for claimed in (0.1, 0.01, 0.001):
        assert claimed / 2 < (surprise >= -np.log10(claimed)).mean() < claimed * 2


@given(arrays(np.float64, st.integers(MIN_ERRORS, 300), elements=st.floats(0, 1e6)), st.floats(0, 1e9))
@settings(deadline=None, max_examples=60)
def test_surprise_is_finite_never_negative_and_rises_with_the_error(errors: np.ndarray, new: float) -> None:
    tail = Tail.fit(errors)
    ascending = np.sort(np.append(errors, [new, new * 2]))
    surprise = tail.surprise(ascending)
    assert np.isfinite(surprise).all()
    assert (surprise >= 0).all()
    assert (np.diff(surprise) >= -1e-9).all()


def test_equal_errors_are_no_surprise_and_anything_above_is() -> None:
    tail = Tail.fit(np.full(200, 0.5))
    assert tail.surprise(np.array([0.5, 0.5 * (1 + 1e-6)])).tolist() == [0, 0]
    assert tail.surprise(np.array([0.6]))[0] > 2


def test_survives_its_file() -> None:
    tail = Tail.fit(np.random.default_rng(0).gamma(2, size=500))
    again = Tail.from_json(tail.to_json())
    errors = np.linspace(0, 20, 100)
    np.testing.assert_array_equal(again.surprise(errors), tail.surprise(errors))


def test_too_few_errors_are_refused() -> None:
    with pytest.raises(DataError, match="needs 50 held-out normal windows, got 49"):
        Tail.fit(np.arange(49.0))
