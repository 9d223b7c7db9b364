"""The short memory of each series' surprise."""

import numpy as np

from anomaliz.detection.smoothing import remembered as of_one_series
from anomaliz.panel.memory import MOST_CARRIED, remembered


def test_below_what_is_carried_it_is_that_of_a_single_series(rng: np.random.Generator) -> None:
    fused = rng.uniform(0, MOST_CARRIED, (40, 3))
    fused[7, 1] = np.nan
    found, after = remembered(fused, np.zeros(3))
    for i in range(3):
        expected, state = of_one_series(fused[:, i], 2.0, np.zeros(1))
        np.testing.assert_allclose(found[:, i], expected[:, 0])
        np.testing.assert_allclose(after[i], state[0])


def test_a_row_counts_in_full_for_itself_and_for_those_after_it_like_any_strange_one() -> None:
    fused = np.array([[MOST_CARRIED, 10.0], [0.9, 0.9]])
    found, after = remembered(fused, np.zeros(2))
    assert found[0, 1] > 4 * found[0, 0]
    assert found[1, 1] == found[1, 0]
    assert after[1] == after[0]
