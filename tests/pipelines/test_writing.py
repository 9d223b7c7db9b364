from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.core.labels import NAME, label_set
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.writing import Writer, significant

TIMES = np.datetime64("2026-03-02", "ns") + np.arange(3) * np.timedelta64(300, "s")


def pipeline(**fields: object) -> Pipeline:
    return Pipeline.model_validate({"name": "load", "query": "q", "schedule": "*/5 * * * *"} | fields)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200))
def test_nine_digits_are_kept_and_rounding_again_changes_nothing(value: float) -> None:
    rounded = significant(np.array([value]))
    assert rounded[0] == pytest.approx(value, rel=1e-8)
    assert significant(rounded)[0] == rounded[0]


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_noise_of_arithmetic_is_gone(value: float) -> None:
    nine = float(f"{value:.9g}")
    assert significant(np.array([nine * (1 + 1e-15)]))[0] == significant(np.array([nine]))[0]


def test_nan_stays_and_zero_is_zero() -> None:
    assert significant(np.array([0.0, -0.0])).tolist() == [0, 0]
    assert np.isnan(significant(np.array([np.nan]))).all()


def test_the_name_in_the_source_becomes_the_label_metric() -> None:
    assert Writer(pipeline()).labels({NAME: "cpu", "host": "a"}) == {
        "metric": "cpu",
        "host": "a",
        "pipeline": "load",
    }


def test_labels_of_the_source_that_have_our_names_are_kept_under_another() -> None:
    source = {NAME: "cpu", "metric": "mine", "pipeline": "build", "exported_pipeline": "old"}
    assert Writer(pipeline()).labels(source) == {
        "metric": "cpu",
        "exported_metric": "mine",
        "pipeline": "load",
        "exported_pipeline": "old",
        "exported_exported_pipeline": "build",
    }


@given(st.sets(st.sampled_from([NAME, "pipeline", "metric", "feature", "exported_pipeline", "host"])))
def test_series_with_different_labels_stay_different(keys: set[str]) -> None:
    sources = [dict(zip(keys, values, strict=True)) for values in product(["a", "load"], repeat=len(keys))]
    several = pipeline(query=None, queries={"a": "q", "b": "r"})
    for writer in (Writer(pipeline()), Writer(several)):
        written = {label_set(writer.labels(source)) for source in sources}
        assert len(written) == len(sources)


def test_only_what_is_to_be_written_is() -> None:
    values = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]])
    fresh = np.array([[True, True], [False, True], [True, True]])
    found = list(Writer(pipeline()).by_point("anomaly_score", TIMES, [{"h": "a"}, {"h": "b"}], values, fresh))
    assert [one.labels["h"] for one in found] == ["a", "b"]
    assert found[0].values.tolist() == [1, 3]
    assert found[1].times.tolist() == TIMES[1:].tolist()


def test_a_series_that_is_not_asked_for_is_not_written() -> None:
    one = Writer(pipeline(score={"write": ["anomaly"]}))
    assert not list(one.by_point("anomaly_score", TIMES, [{}], np.ones((3, 1)), np.ones((3, 1), np.bool_)))


def test_several_features_are_told_apart_by_a_label() -> None:
    writer = Writer(pipeline(query=None, queries={"cpu": "a", "memory": "b"}))
    values, fresh = np.ones((3, 1, 2)), np.ones((3, 1), np.bool_)
    found = list(writer.by_feature("expected", TIMES, [{"host": "a"}], values, fresh))
    assert [one.labels["feature"] for one in found] == ["cpu", "memory"]


def test_no_data_is_a_series_of_the_pipeline() -> None:
    sample = Writer(pipeline(score={"names": "{pipeline}_{series}"})).no_data(TIMES[0], missing=True)
    assert dict(sample.labels) == {NAME: "load_no_data", "pipeline": "load"}
    assert sample.values.tolist() == [1.0]
