"""The metrics of a run."""

import copy
from typing import Any

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.config.loading import load_settings
from anomaliz.tracking.readings import COMPARED, metrics_that_matter, points
from anomaliz.tracking.record import TrainingRecord


@pytest.fixture
def record() -> TrainingRecord:
    return TrainingRecord.of("v", load_settings(environ={}, env_file=None), 10.0, 12.5, None)


def test_each_seed_is_a_step_and_the_fusion_comes_first(bundle: Bundle, record: TrainingRecord) -> None:
    test = bundle.metrics["test"]
    metrics = {**bundle.metrics, "seeds": {"7": test, "8": test}}
    found = points(metrics, record)
    steps = [point.step for point in found if point.name == "ridge_forecaster/pr_auc"]
    assert steps == [7, 8]
    assert found[0].name.startswith("fused/")
    assert ("system/duration_seconds", 2.5, 0) in found


def test_names_have_one_group_so_that_none_is_a_folder_of_another(
    bundle: Bundle, record: TrainingRecord
) -> None:
    names = {point.name for point in points(bundle.metrics, record)}
    assert {name.count("/") for name in names} == {1}
    groups = {name.split("/")[0] for name in names}
    assert groups == {*bundle.metrics["summary"], "series_profile", "system"}


def test_what_is_undefined_is_left_out(bundle: Bundle, record: TrainingRecord) -> None:
    metrics: dict[str, Any] = copy.deepcopy(bundle.metrics)
    metrics["series"] = None
    metrics["summary"]["fused"]["f1"] = None
    for test in metrics["seeds"].values():
        test["fused"]["f1"] = None
    names = {point.name for point in points(metrics, record)}
    assert not {name for name in names if name.startswith(("fused/f1", "series_profile/"))}
    assert "f1" not in metrics_that_matter(metrics)
    assert set(metrics_that_matter(bundle.metrics)) == set(COMPARED)
