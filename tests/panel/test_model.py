"""One conformance suite for models of panels: of one feature and of several, with and without a day."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaliz.core.errors import BundleError, DataError
from anomaliz.core.labels import Labels, series_name
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Floats
from anomaliz.core.verdict import Status
from anomaliz.metrics.events import runs
from anomaliz.panel.memory import Memory
from anomaliz.panel.model import PanelModel

STEP = np.timedelta64(15, "m").astype("timedelta64[ns]")
DAY = 96
START = np.datetime64("2026-03-01T07:30", "ns")
TRAINING = 7 * DAY
BUDGET = 150.0
N_SERIES = 5
CONSTANT = 3
"""Position of a series that stands still."""
SHAPES = ["one feature", "one feature, no day", "three features"]

Fitted = Callable[[str], PanelModel]


def n_features_of(shape: str) -> int:
    return 3 if shape == "three features" else 1


def panel_of(shape: str, n: int, seed: int = 0, begin: int = 0) -> Panel:
    """Noisy days of several series, one of which is constant."""
    n_features = n_features_of(shape)
    rng = np.random.default_rng(seed)
    rows = begin + np.arange(n)
    phase = np.arange(N_SERIES)[:, np.newaxis] / 5 + np.arange(n_features) / 9
    days = np.sin(2 * np.pi * (rows[:, np.newaxis, np.newaxis] / DAY + phase))
    values = 50 + 10 * days + rng.standard_normal((n, N_SERIES, n_features))
    values[:, CONSTANT] = 20.3
    labels = tuple({"__name__": "load", "instance": f"host-{i}"} for i in range(N_SERIES))
    return Panel(START + rows * STEP, values, labels, ("cpu", "memory", "latency")[:n_features])


def fit(panel: Panel, **options: Any) -> PanelModel:
    return PanelModel.fit(panel, STEP, tail_quantile=0.95, alert_budget=BUDGET, **options)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    models = {}
    for shape in SHAPES:
        n = 2 * DAY + 20 if shape.endswith("no day") else TRAINING
        models[shape] = fit(panel_of(shape, n))
    return models.__getitem__


def later(shape: str, n: int, seed: int = 1) -> Panel:
    """What comes after the training, with as many rows before as any model reaches back."""
    return panel_of(shape, n, seed, begin=TRAINING)


def with_values(panel: Panel, values: Floats) -> Panel:
    return Panel(panel.times, values, panel.labels, panel.features)


def some(panel: Panel, series: Sequence[int]) -> Panel:
    labels = tuple(panel.labels[i] for i in series)
    return Panel(panel.times, panel.values[:, list(series)], labels, panel.features)


def in_chunks(model: PanelModel, panel: Panel, first: int, sizes: Sequence[int]) -> list[PanelVerdicts]:
    """Score the rows from `first` on in chunks, each with the rows before it that the model reaches."""
    memory, found = None, []
    for size in sizes:
        part = panel.rows(slice(max(first - model.reach, 0), first + size))
        verdicts, memory = model.score(part, size, memory)
        found.append(verdicts)
        first += size
    return found


ARRAYS = [
    field.name for field in fields(PanelVerdicts) if field.name not in ("labels", "features", "threshold")
]


def assert_same(left: PanelVerdicts, right: PanelVerdicts) -> None:
    assert left.labels == right.labels
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def joined(parts: Sequence[PanelVerdicts]) -> PanelVerdicts:
    return replace(
        parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    )


everyone = pytest.mark.parametrize("shape", SHAPES)


@everyone
def test_rows_without_anomalies_are_normal_and_explained(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    verdicts, _ = model.score(later(shape, 1500), 300, None)
    assert (verdicts.status == Status.ok).all()
    assert (verdicts.score >= verdicts.threshold).mean() < 0.05
    assert np.isfinite(verdicts.surprise).all()
    np.testing.assert_allclose(verdicts.contributions.sum(axis=2), 1)
    inside = (verdicts.expected_lower <= verdicts.observed) & (verdicts.observed <= verdicts.expected_upper)
    assert inside.mean() > 0.9
    error = np.abs(verdicts.observed - verdicts.expected).mean()
    assert error < 1.5


@everyone
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_chunks_give_what_the_whole_gives_to_the_last_bit(
    shape: str, fitted: Fitted, data: st.DataObject
) -> None:
    model, n = fitted(shape), 160
    panel = later(shape, n + model.reach, seed=data.draw(st.integers(0, 99), label="seed"))
    values = panel.values.copy()
    for start, length in data.draw(st.lists(st.tuples(st.integers(0, n), st.integers(1, 40)), max_size=4)):
        rows = slice(model.reach + start - 20, model.reach + start - 20 + length)
        series = data.draw(st.sampled_from([slice(None), slice(0, 1), slice(2, 4)]))
        values[rows, series, data.draw(st.sampled_from([slice(None), slice(0, 1)]))] = np.nan
    panel = with_values(panel, values)
    cuts = sorted(data.draw(st.sets(st.integers(1, n - 1), max_size=8), label="cuts"))
    sizes = np.diff([0, *cuts, n]).tolist()
    whole, _ = model.score(panel, n, None)
    assert_same(joined(in_chunks(model, panel, model.reach, sizes)), whole)


@everyone
def test_one_by_one_gives_what_the_whole_gives(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, 40 + model.reach)
    whole, _ = model.score(panel, 40, None)
    assert_same(joined(in_chunks(model, panel, model.reach, [1] * 40)), whole)


@everyone
def test_a_panel_that_begins_is_scored_the_same_when_it_is_longer(shape: str, fitted: Fitted) -> None:
    model, panel = fitted(shape), later(shape, 120)
    whole, _ = model.score(panel, 120, None)
    assert whole.status[0].tolist() == [Status.warming_up] * N_SERIES
    assert (whole.status[-1] <= Status.degraded).all()
    assert_same(joined(in_chunks(model, panel, 0, [1, 50, 1, 68])), whole)


@everyone
def test_what_lies_beyond_reach_and_in_the_future_does_not_count(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 60)
    values = panel.values.copy()
    values[:30] = -1e6
    values[-10:] = 1e6
    whole, _ = model.score(panel, 30, None)
    other, _ = model.score(with_values(panel, values), 30, None)
    for name in ("surprise", "expected", "contributions"):
        np.testing.assert_array_equal(getattr(whole, name)[:20], getattr(other, name)[:20])
    assert (other.surprise[20] > whole.surprise[20]).all()


@everyone
def test_series_are_scored_each_by_itself_wherever_they_stand(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 20)
    whole, _ = model.score(panel, 20, None)
    series = [4, 0, 3]
    part, _ = model.score(some(panel, series), 20, None)
    np.testing.assert_array_equal(part.surprise, whole.surprise[:, series])
    np.testing.assert_array_equal(part.expected, whole.expected[:, series])


@everyone
def test_memory_follows_labels_through_changes_of_place_and_absence(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 3)
    values = panel.values.copy()
    values[-3, :] += 30  # so that there is something to remember
    panel = with_values(panel, values)
    whole, _ = model.score(panel, 3, None)
    _, memory = model.score(panel.rows(slice(0, -2)), 1, None)
    order = [2, 4, 0]  # the others are absent from this call
    second, memory = model.score(some(panel, order).rows(slice(1, -1)), 1, memory)
    np.testing.assert_array_equal(second.surprise[0], whole.surprise[1, order])
    order = [0, 2, 4]
    third, memory = model.score(some(panel, order).rows(slice(2, None)), 1, memory)
    np.testing.assert_array_equal(third.surprise[0], whole.surprise[2, order])
    assert len(Memory.load(memory).power) == N_SERIES


@everyone
def test_a_spike_is_an_anomaly_and_its_feature_is_named(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 1)
    values = panel.values.copy()
    values[-1, 1, -1] += 25
    verdicts, _ = model.score(with_values(panel, values), 1, None)
    assert verdicts.score[0, 1] >= verdicts.threshold
    assert verdicts.contributions[0, 1, -1] > 0.9
    assert verdicts.observed[0, 1, -1] > verdicts.expected_upper[0, 1, -1]


@everyone
def test_a_constant_series_that_moves_is_an_anomaly_and_else_is_not(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 30)
    values = panel.values.copy()
    values[10, CONSTANT] *= 1 + 1e-12  # the last digit of a division is no movement
    still, _ = model.score(with_values(panel, values), 30, None)
    assert (still.surprise[:, CONSTANT] == 0).all()
    values[-1, CONSTANT] += 1
    moved, _ = model.score(with_values(panel, values), 1, None)
    assert np.isfinite(moved.surprise[0, CONSTANT])
    assert moved.score[0, CONSTANT] >= moved.threshold


@everyone
def test_infinity_is_far_and_not_unknown(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 1)
    values = panel.values.copy()
    values[-1, 0] = np.inf
    verdicts, _ = model.score(with_values(panel, values), 1, None)
    assert verdicts.status[0, 0] == Status.ok
    assert verdicts.score[0, 0] >= verdicts.threshold


def test_a_metric_that_grows_is_no_anomaly() -> None:
    rows = np.arange(8 * DAY)
    noise = np.random.default_rng(0).standard_normal((len(rows), N_SERIES, 1))
    panel = with_values(panel_of("one feature", len(rows)), 0.04 * rows[:, np.newaxis, np.newaxis] + noise)
    model = fit(panel.rows(slice(0, TRAINING)))
    verdicts, _ = model.score(panel, DAY, None)
    assert (verdicts.score >= verdicts.threshold).mean() < 0.25
    error = verdicts.observed - verdicts.expected
    assert np.abs(error.mean()) < 0.5


@everyone
def test_a_missing_point_has_no_score(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 4)
    values = panel.values.copy()
    values[-2, 0] = np.nan
    verdicts, _ = model.score(with_values(panel, values), 4, None)
    assert verdicts.status[:, 0].tolist()[2] == Status.no_data
    for name in ("surprise", "expected", "contributions"):
        assert np.isnan(getattr(verdicts, name)[2, 0]).all()
    assert verdicts.status[3, 0] == Status.ok


def test_a_missing_feature_degrades_a_point(fitted: Fitted) -> None:
    model = fitted("three features")
    panel = later("three features", model.reach + 1)
    values = panel.values.copy()
    values[-1, 0, 1] = np.nan
    verdicts, _ = model.score(with_values(panel, values), 1, None)
    assert verdicts.status[0, :2].tolist() == [Status.degraded, Status.ok]
    assert np.isfinite(verdicts.surprise[0, 0])
    np.testing.assert_allclose(verdicts.contributions[0, 0].sum(), 1)


@everyone
def test_a_series_that_was_not_trained_on_warms_up(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach + 2)
    labels: tuple[Labels, ...] = ({"instance": "new"}, *panel.labels[1:])
    verdicts, _ = model.score(Panel(panel.times, panel.values, labels, panel.features), 2, None)
    assert (verdicts.status[:, 0] == Status.warming_up).all()
    assert (verdicts.status[:, 1:] == Status.ok).all()
    assert np.isnan(verdicts.surprise[:, 0]).all()


@everyone
def test_a_panel_without_series_that_it_knows_has_no_scores(shape: str, fitted: Fitted) -> None:
    model, panel = fitted(shape), later(shape, 20)
    labels: tuple[Labels, ...] = tuple({"instance": f"new-{i}"} for i in range(N_SERIES))
    unknown, _ = model.score(Panel(panel.times, panel.values, labels, panel.features), 3, None)
    assert (unknown.status == Status.warming_up).all()
    none, _ = model.score(some(panel, []), 3, None)
    assert none.status.shape == (3, 0)


@everyone
def test_no_newest_rows_give_no_verdicts(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    panel = later(shape, model.reach)
    _, memory = model.score(panel, 1, None)
    verdicts, after = model.score(panel, 0, memory)
    assert len(verdicts) == 0
    assert Memory.load(after).power == Memory.load(memory).power


@everyone
def test_input_is_left_as_it_is(shape: str) -> None:
    panel = panel_of(shape, 4 * DAY)
    before = panel.values.copy()
    model = fit(panel)
    model.score(panel, 50, None)
    np.testing.assert_array_equal(panel.values, before)


@everyone
def test_bytes_give_the_model_back(shape: str, fitted: Fitted) -> None:
    model = fitted(shape)
    content = model.dump()
    back = PanelModel.load(content)
    assert back.dump() == content
    assert (back.labels, back.features, back.step) == (model.labels, model.features, model.step)
    assert (back.threshold, back.left_out) == (model.threshold, model.left_out)
    panel = later(shape, model.reach + 30)
    assert_same(back.score(panel, 30, None)[0], model.score(panel, 30, None)[0])


@everyone
def test_training_twice_gives_one_model(shape: str) -> None:
    panel = panel_of(shape, 4 * DAY)
    assert fit(panel).dump() == fit(panel).dump()


def with_facts(content: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    facts = change(json.loads(arrays["facts"].tobytes()))
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    changed = io.BytesIO()
    np.savez(changed, **arrays)
    return changed.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"not a model",
        lambda content: content[: len(content) // 2],
        lambda content: content[:400] + b"damaged" + content[407:],
        lambda content: with_facts(content, lambda facts: facts | {"format": 99}),
        lambda content: with_facts(content, lambda facts: {"format": facts["format"]}),
        lambda content: with_facts(content, lambda facts: facts | {"labels": facts["labels"][1:]}),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(
    damage: Callable[[bytes], bytes], fitted: Fitted
) -> None:
    content = damage(fitted("one feature").dump())
    with pytest.raises(BundleError, match=r"train it again$"):
        PanelModel.load(content)


@pytest.mark.parametrize("content", [b"", b"not a memory"])
def test_what_is_no_memory_is_refused_in_one_sentence(content: bytes, fitted: Fitted) -> None:
    with pytest.raises(BundleError, match="begin without one"):
        fitted("one feature").score(later("one feature", 5), 1, content)


def test_a_series_with_too_few_normal_rows_is_left_out() -> None:
    panel = panel_of("one feature", 4 * DAY)
    values = panel.values.copy()
    values[99:, 2] = np.nan
    model = fit(with_values(panel, values))
    assert [series_name(labels) for labels in model.left_out] == ['load{instance="host-2"}']
    assert len(model.labels) == N_SERIES - 1
    verdicts, _ = model.score(panel, 1, None)
    assert verdicts.status[0].tolist() == [0, 0, Status.warming_up, 0, 0]


def test_a_training_without_enough_rows_says_how_many_it_needs() -> None:
    with pytest.raises(DataError, match="needs 100 normal rows of a series"):
        fit(panel_of("three features", 99))
    panel = panel_of("one feature", 300)
    normal = np.zeros((300, N_SERIES), np.bool_)
    normal[:99] = True
    with pytest.raises(DataError, match="needs 100 normal rows of a series"):
        fit(panel, normal=normal)


def test_a_hundred_rows_are_enough() -> None:
    panel = panel_of("one feature", 100)
    verdicts, _ = fit(panel).score(panel_of("one feature", 200), 50, None)
    assert (verdicts.status <= Status.degraded).all()


@everyone
def test_rows_that_are_not_normal_are_not_learnt(shape: str) -> None:
    panel = panel_of(shape, 5 * DAY)
    values, normal = panel.values.copy(), np.ones((5 * DAY, N_SERIES), np.bool_)
    values[200:260, 1] += 100
    normal[200:260, 1] = False
    missing = values.copy()
    missing[200:260, 1] = np.nan
    found = fit(with_values(panel, values), normal=normal)
    assert found.dump() == fit(with_values(panel, missing)).dump()
    assert found.dump() != fit(with_values(panel, values)).dump()


def test_features_may_change_places_but_not_be_others(fitted: Fitted) -> None:
    model = fitted("three features")
    panel = later("three features", model.reach + 5)
    turned = Panel(panel.times, panel.values[..., ::-1].copy(), panel.labels, panel.features[::-1])
    assert_same(model.score(turned, 5, None)[0], model.score(panel, 5, None)[0])
    others = Panel(panel.times, panel.values, panel.labels, ("cpu", "memory", "disk"))
    with pytest.raises(DataError, match="features cpu, memory, latency and the panel has cpu, memory, disk"):
        model.score(others, 5, None)


def test_another_step_is_refused(fitted: Fitted) -> None:
    panel = later("one feature", 10)
    slower = Panel(panel.times[::2], panel.values[::2], panel.labels, panel.features)
    with pytest.raises(DataError, match="not 900 s apart"):
        fitted("one feature").score(slower, 1, None)
    with pytest.raises(DataError, match="not 900 s apart"):
        fit(slower)


def test_a_given_threshold_is_kept() -> None:
    assert fit(panel_of("one feature", 4 * DAY), threshold=0.42).threshold == 0.42


@pytest.mark.parametrize("shape", ["one feature", "three features"])
def test_the_alert_budget_is_about_what_normal_rows_cost(shape: str, fitted: Fitted) -> None:
    model, n = fitted(shape), 4000
    verdicts, _ = model.score(later(shape, n + model.reach, seed=8), n, None)
    flags = verdicts.score >= model.threshold
    moving = [i for i in range(N_SERIES) if i != CONSTANT]
    found = sum(len(runs(flags[:, i])) for i in moving)
    assert found < 2.5 * len(moving) * n / BUDGET


def test_a_memory_that_was_cut_short_is_refused_in_a_sentence() -> None:
    content = Memory({(("host", "a"),): 1.0}).dump()
    for broken in (content[: len(content) // 2], b"", b"PK\x05\x06" + bytes(10), bytes(100)):
        with pytest.raises(BundleError, match="memory cannot be read"):
            Memory.load(broken)
