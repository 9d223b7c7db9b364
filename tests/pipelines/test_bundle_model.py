"""A bundle as the model of a pipeline."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.series import SeriesState
from anomaliz.bundle.state_file import load_states
from anomaliz.config.settings import Settings
from anomaliz.core.archive import unpack
from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.labels import label_set
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Status
from anomaliz.data.behaviour import STEP, realistic_behaviour
from anomaliz.data.dataset import Dataset
from anomaliz.pipelines.bundle_model import BundleModel
from anomaliz.training.pipeline import train

N = 620
CONTEXT = 400
HOSTS = ({"host": "a"}, {"host": "b"}, {"host": "c"})
READINGS = ("surprise", "expected", "expected_lower", "expected_upper", "contributions")
CLOSE = {"rtol": 1e-11, "atol": 1e-11}
"""Sums over arrays of another length are rounded otherwise in the last digits."""


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> BundleModel:
    return BundleModel(bundle)


@pytest.fixture(scope="module", params=["series", "window"])
def either(request: pytest.FixtureRequest, bundle: Bundle) -> BundleModel:
    """A bundle with both profiles, and one that was trained on too short a series for the series profile."""
    return BundleModel(bundle if request.param == "series" else replace(bundle, series=None))


@pytest.fixture(scope="module")
def panel(bundle: Bundle) -> Panel:
    """Host a all the time, b from row 450 on, c without the rows 430 to 470 and after 560."""
    rng = np.random.default_rng(3)
    values = np.stack([realistic_behaviour(N, rng) for _ in HOSTS], axis=1)
    values[:450, 1] = np.nan
    values[430:470, 2] = np.nan
    values[560:, 2] = np.nan
    values[500:503, :2] = np.nanmax(values) * 3
    return Panel(times(N), values, HOSTS, bundle.features)


def times(n: int) -> Stamps:
    return np.datetime64("2031-01-01", "ns") + np.arange(n) * STEP


def in_chunks(model: BundleModel, panel: Panel, ends: Sequence[int]) -> PanelVerdicts:
    """Score what comes after CONTEXT in chunks that end at these rows; series without values are absent."""
    parts, memory, done, start = [], None, CONTEXT, 0
    for end in ends:
        seen = panel.rows(slice(start, end)).sampled()
        verdicts, memory = model.score(seen, end - done, memory)
        parts.append(widened(verdicts, panel))
        done, start = end, end - model.reach
    whole = parts[0]
    for later in parts[1:]:
        whole = whole.followed_by(later)
    return whole


def widened(verdicts: PanelVerdicts, panel: Panel) -> PanelVerdicts:
    """Return verdicts with the columns of absent series, too."""
    places = [panel.labels.index(labels) for labels in verdicts.labels]
    empty = np.full((len(verdicts), len(HOSTS)), np.nan)
    by_row = {"status": np.full(empty.shape, Status.no_data, np.int8), "surprise": empty}
    by_row |= {
        name: np.full((*empty.shape, len(panel.features)), np.nan) for name in (*READINGS[1:], "observed")
    }
    for name, filled in by_row.items():
        filled[:, places] = getattr(verdicts, name)
    return replace(verdicts, labels=panel.labels, **by_row)


@pytest.mark.parametrize("chunk", [1, 9, 64])
def test_rows_in_chunks_are_judged_as_at_once(either: BundleModel, panel: Panel, chunk: int) -> None:
    part = panel.rows(slice(0, CONTEXT + 120))
    whole, _ = either.score(part, 120, None)
    assert whole.scored.any()
    ends = [*range(CONTEXT + chunk, len(part), chunk), len(part)]
    found = in_chunks(either, part, ends)
    np.testing.assert_array_equal(found.status, whole.status)
    np.testing.assert_array_equal(found.times, whole.times)
    for name in (*READINGS, "observed"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), **CLOSE, err_msg=name)


def test_a_series_is_scored_as_the_bundle_scores_it(model: BundleModel, panel: Panel) -> None:
    verdicts, _ = model.score(panel, 200, None)
    alone = model.bundle.score(panel.values[:, 0], panel.times, profile="series").newest(200)
    assert verdicts.threshold == alone.threshold
    np.testing.assert_array_equal(verdicts.surprise[:, 0], alone.surprise)
    np.testing.assert_array_equal(verdicts.score[:, 0], alone.score)
    np.testing.assert_array_equal(verdicts.expected[:, 0], alone.expected)
    np.testing.assert_array_equal(verdicts.contributions[:, 0], alone.contributions)
    assert (verdicts.score[500 - 420 : 503 - 420, 0] >= verdicts.threshold).all()


def test_missing_data_is_never_health(model: BundleModel, panel: Panel) -> None:
    verdicts, _ = model.score(panel, 200, None)
    first = N - 200
    before, young = slice(0, 450 - first), slice(450 - first, 453 - first)
    assert (verdicts.status[before, 1] == Status.no_data).all()
    assert (verdicts.status[young, 1] == Status.warming_up).all()
    assert verdicts.scored[:, 0].all()
    filled = model.bundle.fill_limit
    gone = slice(560 + filled - first, None)
    assert (verdicts.status[gone, 2] == Status.no_data).all()
    for unscored in ((before, 1), (young, 1), (gone, 2)):
        assert np.isnan(verdicts.surprise[unscored]).all()
        assert np.isnan(verdicts.expected[unscored]).all()


def test_rows_that_a_memory_has_not_seen_are_made_up_for(model: BundleModel, panel: Panel) -> None:
    part = panel.rows(slice(0, CONTEXT + 20))
    whole, _ = model.score(part, 20, None)
    _, memory = model.score(part.rows(slice(0, CONTEXT + 10)), 10, None)
    newest, _ = model.score(part, 1, memory)
    np.testing.assert_allclose(newest.surprise[0], whole.surprise[-1], **CLOSE)
    np.testing.assert_allclose(newest.expected[0], whole.expected[-1], **CLOSE)


def test_features_are_matched_by_name(model: BundleModel, panel: Panel) -> None:
    turned = Panel(panel.times, panel.values[..., ::-1].copy(), panel.labels, panel.features[::-1])
    there, _ = model.score(panel, 50, None)
    found, _ = model.score(turned, 50, None)
    np.testing.assert_array_equal(found.surprise, there.surprise)
    np.testing.assert_array_equal(found.expected, there.expected[..., ::-1])
    np.testing.assert_array_equal(found.contributions, there.contributions[..., ::-1])
    assert found.features == turned.features
    other = Panel(panel.times, panel.values, panel.labels, ("cpu", "memory", "disk"))
    with pytest.raises(DataError, match=r"takes the features .*: give a query for each of them, by its name"):
        model.score(other, 1, None)


def test_another_step_is_refused(model: BundleModel, panel: Panel) -> None:
    wide = Panel(panel.times[0] + np.arange(N) * 3 * STEP, panel.values, panel.labels, panel.features)
    with pytest.raises(DataError, match=r"times the .* s apart that the bundle was trained on"):
        model.score(wide, 1, None)


def test_a_memory_that_cannot_be_read_is_refused(model: BundleModel, panel: Panel) -> None:
    for memory in (b"", b"PK\x03\x04nothing", b"\x93NUMPY"):
        with pytest.raises(DataError, match="begin without one"):
            model.score(panel, 1, memory)


def test_a_memory_repeats_nothing_of_the_training(model: BundleModel, panel: Panel) -> None:
    assert model.bundle.series is not None
    trained = model.bundle.series.trained.series
    assert isinstance(trained, SeriesState)
    _, memory = model.score(panel, N - CONTEXT, None)
    assert len(unpack(memory)["0/errors"]) == N
    state = load_states(memory, model.bundle)[label_set(HOSTS[0])]
    assert isinstance(state.series, SeriesState)
    errors = state.series.memory.errors.errors
    assert len(errors) == len(trained.memory.errors.errors) + N
    np.testing.assert_array_equal(errors[:-N], trained.memory.errors.errors)


def test_a_bundle_is_loaded_once_and_again_when_it_is_replaced(
    bundle_dir: Path, served_dir: Path, settings: Settings
) -> None:
    one, same = (BundleModel.load(bundle_dir, settings) for _ in range(2))
    assert one.bundle is same.bundle
    assert one.version == one.bundle.version
    other = BundleModel.load(served_dir, settings)
    assert other.bundle is not one.bundle
    (served_dir / "manifest.json").write_text("{}")
    with pytest.raises(BundleError):
        BundleModel.load(served_dir, settings)


@pytest.mark.slow
def test_one_metric_needs_no_name(tmp_path: Path, settings: Settings) -> None:
    quick = settings.training.model_copy(update={"epochs": 1})
    rng = np.random.default_rng(4)
    values: Floats = realistic_behaviour(1500 + N, rng)[:, :1]
    learnt = Dataset(values[:1500], times(1500), ("cpu",), step=STEP, name="one")
    trained = train(settings.model_copy(update={"training": quick}), learnt, tmp_path / "one")
    model = BundleModel(trained.bundle)
    panel = Panel(times(N), values[1500:, np.newaxis], ({},), ("whatever",))
    verdicts, memory = model.score(panel.rows(slice(0, N - 1)), 20, None)
    assert verdicts.scored.all()
    assert verdicts.features == ("whatever",)
    later, _ = model.score(panel, 1, memory)
    at_once, _ = model.score(panel, 21, None)
    np.testing.assert_allclose(later.surprise, at_once.surprise[-1:], **CLOSE)


def test_a_series_that_is_gone_for_long_takes_no_more_time_or_memory(
    model: BundleModel, panel: Panel
) -> None:
    _, memory = model.score(panel, 50, None)
    gone = Panel(panel.times, panel.values[:, :1], panel.labels[:1], panel.features)
    assert len(load_states(memory, model.bundle)) == len(panel.labels) > 1
    _, kept = model.score(gone.rows(slice(-model.reach - 1, None)), 1, memory)
    _, forgotten = model.score(gone.rows(slice(-model.reach - 2, None)), 1, memory)
    assert len(load_states(kept, model.bundle)) == len(panel.labels)
    assert list(load_states(forgotten, model.bundle)) == [label_set(panel.labels[0])]
