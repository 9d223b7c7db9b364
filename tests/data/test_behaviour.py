import numpy as np
import pytest

from anomaliz.data.behaviour import CPU, LATENCY, MEMORY, basic_behaviour, daily_shape, realistic_behaviour

EXAMPLE_ROW = [0.30, 0.51, 14.5]
"""What the README's example window is about."""


def test_basic_is_independent_gaussians() -> None:
    values = basic_behaviour(20_000, np.random.default_rng(7))
    assert values.mean(axis=0) == pytest.approx([0.30, 0.50, 15], rel=0.01)
    assert values.std(axis=0) == pytest.approx([0.05, 0.02, 2], rel=0.03)
    assert np.corrcoef(values.T) == pytest.approx(np.eye(3), abs=0.03)
    assert np.corrcoef(values[1:, CPU], values[:-1, CPU])[0, 1] == pytest.approx(0, abs=0.03)


def test_realistic_has_a_daily_shape() -> None:
    values = realistic_behaviour(288 * 50, np.random.default_rng(7)).reshape(50, 288, 3)
    mean_day = values.mean(axis=0)
    night, noon = mean_day[[-2, -1, 0, 1, 2]].mean(axis=0), mean_day[142:147].mean(axis=0)
    assert noon - night == pytest.approx([0.12, 0.04, 4], rel=0.2)


def test_realistic_noise_persists_and_is_shared_with_cpu() -> None:
    n = 20_000
    noise = realistic_behaviour(n, np.random.default_rng(7)) - daily_shape(np.arange(n))
    assert noise.std(axis=0) == pytest.approx([0.03, 0.015, 1.5], rel=0.05)
    correlation = np.corrcoef(noise.T)
    assert correlation[CPU, MEMORY] == pytest.approx(0.5, abs=0.05)
    assert correlation[CPU, LATENCY] == pytest.approx(0.6, abs=0.05)
    assert np.corrcoef(noise[1:, CPU], noise[:-1, CPU])[0, 1] == pytest.approx(0.7, abs=0.05)


def test_the_example_window_is_normal_at_any_hour() -> None:
    by_hour = realistic_behaviour(288 * 20, np.random.default_rng(7)).reshape(20, 24, 12, 3)
    at_each_hour = by_hour.transpose(1, 0, 2, 3).reshape(24, -1, 3)
    distance = np.abs(EXAMPLE_ROW - at_each_hour.mean(axis=1)) / at_each_hour.std(axis=1)
    assert distance.max() < 3
    overall = realistic_behaviour(288 * 20, np.random.default_rng(7))
    rank = (overall < EXAMPLE_ROW).mean(axis=0)
    assert ((rank > 0.25) & (rank < 0.75)).all()
