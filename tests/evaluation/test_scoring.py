"""What holds for every way to score a labelled series: nothing that it says comes from the future."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from anomaliz.config.loading import load_settings
from anomaliz.data.nab import ALIASES, Nab, NabFolder
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.labelled_file import read_labelled
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.evaluation.scoring import score_labelled

Score: TypeAlias = Callable[[Labelled], Scored]

# Without the LSTMs, which take longer to import than the others to fit.
MEMBERS = ("isolation_forest", "ridge_forecaster")
SETTINGS = load_settings(overrides={"detection.members": MEMBERS}, environ={}, env_file=None)
READINGS = ("score", "rank_score", "alert_score")
WITH_WINDOW, WITHOUT = "with window detectors", "without"
SERIES = (("nab", WITHOUT), ("split", WITHOUT), ("split", WITH_WINDOW), ("multivariate", WITHOUT))
SHORT = "realAdExchange/exchange-3_cpm_results.csv"


def shortened(series: Labelled, n_train: int, n: int) -> Labelled:
    """Return the last `n_train` training rows of `series` and those behind them, `n` in all."""
    rows = slice(series.n_train - n_train, series.n_train - n_train + n)
    times = None if series.times is None else series.times[rows]
    return replace(
        series,
        values=series.values[rows],
        times=times,
        labels=series.labels[rows],
        n_train=n_train,
        windows=(),
    )


def one(kind: str, detectors: str, shared: Path) -> Labelled:
    if kind == "multivariate":
        return shortened(read_labelled(shared / "asd" / "omi-1.csv.gz"), n_train=1000, n=1600)
    path = SHORT if detectors == WITH_WINDOW else ALIASES["ec2_cpu_ac20cd"]
    return labelled(Nab(NabFolder(shared / "nab")).read(path), Protocol(kind))


@pytest.fixture(scope="module", params=SERIES, ids=" ".join)
def case(request: pytest.FixtureRequest, shared: Path) -> tuple[Labelled, Score]:
    kind, detectors = request.param
    score = partial(score_labelled, settings=SETTINGS, with_window=detectors == WITH_WINDOW)
    return one(kind, detectors, shared), score


@pytest.fixture(scope="module")
def series(case: tuple[Labelled, Score]) -> Labelled:
    return case[0]


@pytest.fixture(scope="module")
def score(case: tuple[Labelled, Score]) -> Score:
    return case[1]


@pytest.fixture(scope="module")
def scored(series: Labelled, score: Score) -> Scored:
    return score(series)


def with_another_future(series: Labelled, behind: int) -> Labelled:
    """Return `series` with noise, other stamps and other labels in the rows from `behind` on."""
    rng = np.random.default_rng(5)
    values, labels = series.values.copy(), series.labels.copy()
    rows = len(values) - behind
    spread = np.nanstd(values, axis=0) + 1
    values[behind:] = np.nanmean(values, axis=0) + 10 * spread * rng.normal(size=(rows, values.shape[1]))
    labels[behind:] ^= True
    times = series.times
    if times is not None:
        times = times.copy()
        times[behind:] += np.timedelta64(7, "h")
    return replace(series, values=values, labels=labels, times=times, windows=())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99], ids="{:.0%} seen".format)
def test_no_reading_comes_from_the_future(
    series: Labelled, score: Score, scored: Scored, share: float
) -> None:
    first = series.n_train + series.n_validation
    behind = first + int(share * (len(series.values) - first))
    changed = score(with_another_future(series, behind))
    for reading in READINGS:
        known, again = getattr(scored, reading), getattr(changed, reading)
        np.testing.assert_allclose(again[:behind], known[:behind], rtol=1e-6, atol=1e-6, err_msg=reading)
    for name, surprise in scored.surprise.items():
        again = changed.surprise[name]
        np.testing.assert_allclose(again[:behind], surprise[:behind], rtol=1e-6, atol=1e-6, err_msg=name)
    assert (changed.alert[:behind] == scored.alert[:behind]).all()
    assert (changed.status[:behind] == scored.status[:behind]).all()


def test_noise_in_the_future_is_seen_when_it_comes(series: Labelled, score: Score, scored: Scored) -> None:
    behind = len(series.values) - 100
    changed = score(with_another_future(series, behind))
    assert (changed.score[behind:] != scored.score[behind:]).any()


def test_thresholds_come_from_training_and_validation(series: Labelled, score: Score, scored: Scored) -> None:
    first = series.n_train + series.n_validation
    changed = score(with_another_future(series, first))
    assert changed.threshold == pytest.approx(scored.threshold)
    assert changed.alert_threshold == pytest.approx(scored.alert_threshold)
    assert dict(changed.thresholds) == pytest.approx(dict(scored.thresholds))


def test_there_is_one_finite_reading_for_each_row(series: Labelled, scored: Scored) -> None:
    n = len(series.values)
    for reading in (*(getattr(scored, name) for name in READINGS), *scored.surprise.values()):
        assert reading.shape == (n,)
        assert np.isfinite(reading).all()
    assert scored.alert.shape == scored.status.shape == (n,)
    assert scored.score.min() >= 0
    assert scored.score.max() <= 1


@pytest.mark.parametrize("n_features", [1, 3])
def test_a_series_that_never_changes_is_never_strange(n_features: int) -> None:
    n = 2000
    still = Labelled(
        name="still",
        values=np.full((n, n_features), 0.3),
        times=None,
        labels=np.zeros(n, np.bool_),
        features=tuple("abc"[:n_features]),
        n_train=300,
    )
    scored = score_labelled(still, SETTINGS, with_window=False)
    assert not scored.alert.any()
    assert (scored.score < scored.threshold).all()


def test_training_rows_have_no_reading(series: Labelled, scored: Scored) -> None:
    for reading in READINGS:
        assert not getattr(scored, reading)[: series.n_train].any()
    assert not scored.alert[: series.n_train].any()


def test_every_member_and_the_fusion_have_a_threshold(scored: Scored) -> None:
    assert "fused" in scored.surprise
    assert scored.thresholds.keys() == scored.surprise.keys()
