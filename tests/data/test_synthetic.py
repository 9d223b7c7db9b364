import numpy as np
import pytest

from anomaliz.core.errors import AnomalizError, ConfigError, DataError
from anomaliz.data.dataset import Dataset
from anomaliz.data.splits import split_rows
from anomaliz.data.synthetic import PROFILES, draw_series, is_usable, make_synthetic


@pytest.mark.parametrize("profile", PROFILES)
def test_a_series_is_usable_whatever_the_seed(profile: str) -> None:
    for seed in range(10):
        dataset = make_synthetic(profile, seed=seed)
        assert dataset.labels is not None
        assert 0.03 <= dataset.labels.mean() <= 0.25
        _, validation, test = split_rows(dataset)
        assert dataset.labels[validation].any()
        assert dataset.labels[test].any()
        assert ((dataset.values >= 0) & (dataset.values <= [1, 1, 1000])).all()


def test_stamps_are_five_minutes_apart_from_new_year() -> None:
    dataset = make_synthetic(n_points=1000)
    assert dataset.times is not None
    assert dataset.times[0] == np.datetime64("2024-01-01T00:00")
    assert (np.diff(dataset.times) == np.timedelta64(5, "m")).all()
    assert dataset.step == np.timedelta64(5, "m")
    assert (dataset.values.shape, dataset.features) == ((1000, 3), ("cpu", "memory", "latency"))
    assert (dataset.name, dataset.split) == ("synthetic-realistic", None)


def test_a_seed_gives_one_series_and_another_seed_another() -> None:
    first, again, other = (make_synthetic("basic", 2000, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.labels, again.labels)  # type: ignore[arg-type]
    assert not np.array_equal(first.values, other.values)


def test_normal_rows_of_basic_are_the_published_gaussians() -> None:
    dataset = make_synthetic("basic", n_points=20_000)
    assert dataset.labels is not None
    normal = dataset.values[~dataset.labels]
    assert normal.mean(axis=0) == pytest.approx([0.30, 0.50, 15], rel=0.01)
    assert normal.std(axis=0) == pytest.approx([0.05, 0.02, 2], rel=0.05)


def test_what_is_drawn_is_clipped() -> None:
    values, injections = draw_series(PROFILES["realistic"], 20_000, np.random.default_rng(7))
    assert {injection.kind for injection in injections} == set(PROFILES["realistic"].kinds)
    assert (values.min(axis=0) >= 0).all()
    assert (values.max(axis=0) <= [1, 1, 1000]).all()


def labelled(*anomalous: slice, n: int = 1000) -> Dataset:
    labels = np.zeros(n, dtype=np.bool_)
    for rows in anomalous:
        labels[rows] = True
    return Dataset(np.zeros((n, 1)), None, ("cpu",), labels=labels)


VALIDATION, TEST = slice(700, 710), slice(900, 910)


@pytest.mark.parametrize(
    ("dataset", "usable"),
    [
        (labelled(slice(100, 130), VALIDATION, TEST), True),
        (labelled(slice(100, 105), VALIDATION, TEST), False),
        (labelled(slice(100, 400), VALIDATION, TEST), False),
        (labelled(slice(100, 130), VALIDATION), False),
        (labelled(slice(100, 130), TEST), False),
        # Rows before a part's first whole window belong to no window of that part.
        (labelled(slice(100, 130), slice(600, 609), TEST), False),
        (labelled(slice(100, 130), slice(600, 610), TEST), True),
    ],
)
def test_which_series_is_drawn_again(dataset: Dataset, usable: bool) -> None:
    assert is_usable(dataset, window_size=10) is usable


def test_a_window_size_that_leaves_no_windows_is_refused() -> None:
    with pytest.raises(DataError, match="100 draws of 200 points gave no usable"):
        make_synthetic(n_points=200, window_size=60)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"profile": "wild"}, "profile"), ({"n_points": 99}, "n_points"), ({"seed": -1}, "seed")],
)
def test_impossible_settings_are_refused(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field} must be ") as refusal:
        make_synthetic(**arguments)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert isinstance(refusal.value, AnomalizError)
