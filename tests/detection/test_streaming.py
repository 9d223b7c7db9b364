from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.detection import streaming
from anomaliz.detection.calibration import MIN_ERRORS, Tail
from anomaliz.detection.streaming import GROWTH, KEPT, LEAST_GROWTH, ErrorHistory

QUANTILE = 0.95


def errors_like(n: int, n_columns: int = 2, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).gamma(2, size=(n, n_columns))


def with_gaps(errors: Floats, seed: int = 3) -> Floats:
    gaps = np.random.default_rng(seed).random(errors.shape) < 0.1
    return np.where(gaps, np.nan, errors)


def obvious_surprise(training: Floats, errors: Floats, kept: int = KEPT) -> Floats:
    """The definition, row by row: each error by the tail of the history at the last refit before it."""
    history = list(training[-kept:])
    seen = len(history)
    tails, refit_at = _refit(history, seen, kept)
    surprises = []
    for row in errors:
        surprises.append(
            [
                np.nan if tail is None or np.isnan(error) else float(tail.surprise(np.array(error)))
                for tail, error in zip(tails, row, strict=True)
            ]
        )
        history = [*history, row][-kept:]
        seen += 1
        if seen == refit_at:
            tails, refit_at = _refit(history, seen, kept)
    return np.array(surprises)


def _refit(history: Sequence[Floats], seen: int, kept: int) -> tuple[list[Tail | None], int]:
    columns = [column[~np.isnan(column)] for column in np.array(history).T]
    tails = [Tail.fit(column, QUANTILE) if len(column) >= MIN_ERRORS else None for column in columns]
    return tails, seen + max(int(GROWTH * min(seen, kept)), LEAST_GROWTH)


def in_chunks(history: ErrorHistory, errors: Floats, sizes: Sequence[int]) -> tuple[Floats, ErrorHistory]:
    parts = []
    for part in np.split(errors, np.cumsum(sizes)):
        surprise, history = history.surprise(part, QUANTILE)
        parts.append(surprise)
    return np.concatenate(parts), history


def test_each_row_is_surprising_by_the_rows_before_it() -> None:
    training, errors = with_gaps(errors_like(200)), with_gaps(errors_like(300, seed=1))
    surprise, _ = ErrorHistory.of(training, QUANTILE).surprise(errors, QUANTILE)
    np.testing.assert_allclose(surprise, obvious_surprise(training, errors), rtol=1e-12)


@given(st.lists(st.integers(0, 60), max_size=8))
@settings(deadline=None, max_examples=30)
def test_chunks_give_the_same_as_the_whole(sizes: list[int]) -> None:
    history, errors = ErrorHistory.of(errors_like(120), QUANTILE), with_gaps(errors_like(250, seed=1))
    whole, after_whole = history.surprise(errors, QUANTILE)
    chunked, after_chunks = in_chunks(history, errors, sizes)
    np.testing.assert_array_equal(chunked, whole)
    np.testing.assert_array_equal(after_chunks.errors, after_whole.errors)
    assert (after_chunks.seen, after_chunks.next_fit) == (after_whole.seen, after_whole.next_fit)
    again = errors_like(10, seed=2)
    np.testing.assert_array_equal(after_chunks.read(again), after_whole.read(again))


def test_nothing_comes_from_the_future() -> None:
    history, errors = ErrorHistory.of(errors_like(120), QUANTILE), errors_like(250, seed=1)
    stranger = errors.copy()
    stranger[130:] *= 20
    left, right = (history.surprise(each, QUANTILE)[0][:130] for each in (errors, stranger))
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(("n", "growth"), [(100, 20), (1000, 20), (1500, 30), (KEPT, 400), (KEPT + 500, 400)])
def test_tails_are_fitted_anew_when_the_history_has_grown_by_a_fiftieth(n: int, growth: int) -> None:
    history = ErrorHistory.of(errors_like(n, 1), QUANTILE)
    _, almost = history.surprise(errors_like(growth - 1, 1, seed=1), QUANTILE)
    assert almost.tails is history.tails
    _, grown = almost.surprise(errors_like(1, 1, seed=2), QUANTILE)
    assert grown.tails is not history.tails
    assert grown.seen == min(n, KEPT) + growth


def test_what_has_become_common_is_no_longer_surprising() -> None:
    history, common = ErrorHistory.of(errors_like(200, 1), QUANTILE), np.full((400, 1), 15.0)
    surprise, _ = history.surprise(common, QUANTILE)
    assert surprise[0, 0] > 3
    assert surprise[-1, 0] < 0.5


def test_at_most_so_many_errors_are_kept_the_newest() -> None:
    training, errors = errors_like(KEPT + 300, 1), errors_like(1000, 1, seed=1)
    history = ErrorHistory.of(training, QUANTILE)
    np.testing.assert_array_equal(history.errors, training[300:])
    _, later = history.surprise(errors, QUANTILE)
    np.testing.assert_array_equal(later.errors, np.concatenate([training[1300:], errors]))


def test_beyond_the_bound_old_errors_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the tails are fitted anew with a fiftieth of what is kept, not of all there ever was."""
    monkeypatch.setattr(streaming, "KEPT", 1100)
    training, errors = errors_like(1200, 1), 3 * errors_like(1500, 1, seed=1)
    surprise, history = ErrorHistory.of(training, QUANTILE).surprise(errors, QUANTILE)
    np.testing.assert_allclose(surprise, obvious_surprise(training, errors, kept=1100), rtol=1e-12)
    np.testing.assert_array_equal(history.errors, errors[-1100:])


def test_a_column_gets_its_tail_with_its_fiftieth_error() -> None:
    training = errors_like(100)
    training[:60, 1] = np.nan
    history = ErrorHistory.of(training, QUANTILE)
    assert [tail is None for tail in history.tails] == [False, True]
    surprise, later = history.surprise(errors_like(25, seed=1), QUANTILE)
    assert np.isfinite(surprise[:, 0]).all()
    assert np.isnan(surprise[:20, 1]).all()
    assert np.isfinite(surprise[20:, 1]).all()
    assert later.tails[1] is not None
    assert later.tails[1].n == 60


def test_a_column_without_any_error_is_never_surprising() -> None:
    nothing = np.full((300, 1), np.nan)
    surprise, history = ErrorHistory.of(nothing[:100], QUANTILE).surprise(nothing, QUANTILE)
    assert np.isnan(surprise).all()
    assert history.tails == (None,)


def test_no_rows_leave_the_history_as_it_is() -> None:
    history = ErrorHistory.of(errors_like(100), QUANTILE)
    surprise, later = history.surprise(np.empty((0, 2)), QUANTILE)
    assert surprise.shape == (0, 2)
    assert later is history


def test_reading_remembers_nothing() -> None:
    history = ErrorHistory.of(errors_like(100), QUANTILE)
    errors = 10 * errors_like(500, seed=1)
    first, again = (history.read(errors) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert history.seen == len(history.errors) == 100


def test_a_detector_that_has_diverged_is_refused() -> None:
    errors = errors_like(100)
    errors[3, 1] = np.inf
    with pytest.raises(DataError, match="a series detector has diverged"):
        ErrorHistory.of(errors, QUANTILE)
