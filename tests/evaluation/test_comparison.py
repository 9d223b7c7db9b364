import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from anomaliz.config.loading import load_settings
from anomaliz.core.errors import DataError
from anomaliz.data.dataset import DataWarning
from anomaliz.evaluation.compare_cli import compare as compare_command
from anomaliz.evaluation.comparison import Comparison, compare, read_run, table
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.measures import of_all_rows
from anomaliz.evaluation.nab_gains import NAB_MEASURES
from anomaliz.evaluation.protocols import Protocol
from anomaliz.evaluation.runs import Result
from anomaliz.evaluation.summary import summarise
from anomaliz.metrics.nab import PROFILES

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=30)


def run_of(values: Any, measure: str = "vus_pr", protocol: str = "evaluate") -> dict[str, Any]:
    series = {f"group/{i:03}.csv": {measure: value} for i, value in enumerate(values)}
    return {"protocol": protocol, "mean": {}, "series": series}


def gains(most: float, gained: float, at_default: float) -> dict[str, Any]:
    known = {"most": most, "gained": gained, "gained_at_default_threshold": at_default}
    return {"nab_gains": dict.fromkeys(PROFILES, known), "vus_pr": 0.5}


def nab_run(**series: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "nab", "series": series}


def only(comparisons: list[Comparison]) -> Comparison:
    assert len(comparisons) == 1
    return comparisons[0]


@given(VALUES)
def test_a_run_does_not_differ_from_itself(values: list[float]) -> None:
    found = only(compare(run_of(values), run_of(values), n_resamples=50))
    assert found.mean_a == found.mean_b == pytest.approx(np.mean(values))
    assert (found.difference, found.interval, found.b_better) == (0, (0, 0), 0)


@given(VALUES, st.floats(0.01, 1))
def test_a_constant_difference_has_an_interval_of_no_width(values: list[float], gain: float) -> None:
    found = only(compare(run_of(values), run_of([value + gain for value in values]), n_resamples=50))
    assert found.difference == pytest.approx(gain)
    assert found.interval == pytest.approx((gain, gain))
    assert found.b_better == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30), st.randoms())
def test_the_order_of_series_changes_nothing(pairs: list[tuple[float, float]], random: Any) -> None:
    a, b = (run_of(values) for values in zip(*pairs, strict=True))
    expected = compare(a, b, n_resamples=50)
    for run in (a, b):
        items = list(run["series"].items())
        random.shuffle(items)
        run["series"] = dict(items)
    assert compare(a, b, n_resamples=50) == expected


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30))
def test_exchanged_runs_mirror_the_interval(pairs: list[tuple[float, float]]) -> None:
    a, b = (run_of(values) for values in zip(*pairs, strict=True))
    there, back = only(compare(a, b, n_resamples=50)), only(compare(b, a, n_resamples=50))
    assert there.interval is not None
    assert back.interval is not None
    assert back.difference == pytest.approx(-there.difference)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))


def test_the_interval_is_that_of_the_normal_law_for_many_series(rng: np.random.Generator) -> None:
    a, noise = rng.uniform(0.2, 0.4, 400), rng.normal(0.02, 0.1, 400)
    found = only(compare(run_of(a.tolist()), run_of((a + noise).tolist())))
    reach = 1.96 * noise.std() / np.sqrt(400)
    assert found.interval == pytest.approx((noise.mean() - reach, noise.mean() + reach), abs=0.0005)


def test_two_series_have_three_resamples_whose_shares_are_known() -> None:
    found = only(compare(run_of([0.5, 0.5]), run_of([0.4, 0.8])))
    assert found.difference == pytest.approx(0.1)
    assert found.interval == pytest.approx((-0.1, 0.3))
    assert found.b_better == pytest.approx(0.75, abs=0.02)


def test_a_seed_gives_one_result() -> None:
    a, b = run_of([0.1, 0.4, 0.3, 0.7, 0.2]), run_of([0.3, 0.3, 0.9, 0.8, 0.1])
    assert compare(a, b, n_resamples=200) == compare(a, b, n_resamples=200)
    assert compare(a, b, n_resamples=200) != compare(a, b, n_resamples=200, seed=1)


def test_less_is_better_of_false_alarms() -> None:
    found = only(compare(run_of([3, 2], "false_alarms_per_day"), run_of([1, 1], "false_alarms_per_day")))
    assert (found.difference, found.b_better) == (-1.5, 1)
    assert "lower is better" in table([found])


def test_one_series_has_no_interval() -> None:
    found = only(compare(run_of([0.5]), run_of([0.6])))
    assert (found.interval, found.b_better) == (None, None)
    assert table([found]).splitlines()[1].split() == ["vus_pr", "1", "0.5000", "0.6000", "+0.1000", "-", "-"]


def test_series_of_one_run_only_are_named_and_left_out() -> None:
    with pytest.warns(DataWarning, match=r"only in B, and left out: group/002\.csv, .* and 3 more$"):
        found = only(compare(run_of([0.5, 0.5]), run_of([0.6] * 10)))
    assert found.n_series == 2


def test_a_measure_that_one_run_lacks_for_a_series_leaves_the_series_out() -> None:
    with pytest.warns(DataWarning, match=r"vus_pr is in one run only, and left out, for group/001\.csv"):
        found = only(compare(run_of([0.5, None, 0.4, None]), run_of([0.7, 0.6, 0.6, None])))
    assert (found.n_series, found.mean_a, found.mean_b) == (2, 0.45, pytest.approx(0.65))


def test_of_a_run_by_detectors_the_fusion_is_compared() -> None:
    a, b = (
        {"protocol": "split", "series": {"s.csv": {"fused": {"f1": f1}, "isolation_forest": {"f1": 0.1}}}}
        for f1 in (0.6, 0.8)
    )
    found = only(compare(a, b))
    assert (found.measure, found.mean_a, found.mean_b) == ("f1", 0.6, 0.8)


def test_every_measure_of_a_run_is_compared_but_the_threshold(rng: np.random.Generator) -> None:
    labels = np.arange(300) // 20 == 10
    times = np.datetime64("2024-01-01", "ns") + np.arange(300) * np.timedelta64(5, "m")
    series = Labelled("s.csv", rng.normal(size=(300, 1)), times, labels, ("value",), 100)
    score, status = labels * 0.9, np.zeros(300, np.int8)
    scored = Scored(series, score, score, score, labels, 0.5, 0.5, {}, {}, status, 1.0)
    run = {"series": {"s.csv": of_all_rows(scored)}}
    assert {found.measure for found in compare(run, run)} == {*run["series"]["s.csv"]} - {"threshold"}


def test_nab_scores_are_of_all_series_together() -> None:
    a = nab_run(one=gains(2, 1.0, 0.5), two=gains(6, 3.0, 1.5), none=gains(0, -1.0, 0.0))
    b = nab_run(one=gains(2, 2.0, 0.5), two=gains(6, 5.0, 1.5), none=gains(0, 0.0, -1.0))
    found = {comparison.measure: comparison for comparison in compare(a, b)}
    assert list(found) == [*NAB_MEASURES, "vus_pr"]
    best, default = found["nab_standard"], found["nab_standard_at_default_threshold"]
    assert (best.n_series, best.mean_a, best.mean_b) == (3, 100 * 3 / 8, 100 * 7 / 8)
    assert (best.difference, best.b_better) == (50, 1)
    assert (default.mean_a, default.mean_b, default.difference) == (25, 12.5, -12.5)


def test_nab_scores_compared_are_those_of_the_runs(rng: np.random.Generator) -> None:
    windows = {"a/1.csv": [(300, 400)], "a/2.csv": [(200, 250), (600, 700)], "b/3.csv": []}
    runs = []
    for _ in range(2):
        scores = {name: rng.exponential(size=1000) for name in windows}
        results = [
            Result(name, {"detectors": {}}, windows[name], score, score > 3, 1.0)
            for name, score in scores.items()
        ]
        runs.append(summarise(results, Protocol.NAB, load_settings(environ={}, env_file=None)))
    found = {comparison.measure: comparison for comparison in compare(*runs)}
    for profile in PROFILES:
        best, default = found[f"nab_{profile}"], found[f"nab_{profile}_at_default_threshold"]
        a, b = (run["nab"][profile] for run in runs)
        assert (best.mean_a, best.mean_b) == pytest.approx((a["score"], b["score"]))
        assert (default.mean_a, default.mean_b) == pytest.approx(
            (a["score_at_default_threshold"], b["score_at_default_threshold"])
        )
    lower, upper = best.interval
    assert lower < best.difference < upper


def test_the_interval_of_a_nab_score_is_that_of_a_mean_where_series_weigh_alike(
    rng: np.random.Generator,
) -> None:
    values = rng.uniform(0, 2, (2, 30))
    runs = [nab_run(**{f"{i:02}": gains(2, v, v) for i, v in enumerate(one)}) for one in values.tolist()]
    means = [run_of((50 * one).tolist()) for one in values]
    found, mean = compare(*runs)[0], only(compare(*means))
    assert found.interval == pytest.approx(mean.interval)
    assert found.b_better == mean.b_better


def test_a_run_without_gains_is_told_not_to_be_compared_by_nab_scores() -> None:
    old = {"protocol": "nab", "series": {"one": {"vus_pr": 0.4}}}
    with pytest.warns(DataWarning, match=r"^A has no nab_gains by series, so NAB scores are not compared"):
        assert only(compare(old, nab_run(one=gains(2, 1, 1)))).measure == "vus_pr"


def test_only_wanted_measures_are_compared() -> None:
    run = {"series": {"s.csv": {"f1": 0.5, "vus_pr": 0.4, "seconds": 3.0}}}
    assert [found.measure for found in compare(run, run)] == ["vus_pr", "f1"]
    assert [found.measure for found in compare(run, run, measures=["f1"])] == ["f1"]


@pytest.mark.parametrize(
    ("a", "b", "options", "reason"),
    [
        (run_of([1]), {"mean": {}}, {}, "B is not a run"),
        (run_of([1]), {"series": {"s.csv": 0.5}}, {}, "B is not a run"),
        ([], run_of([1]), {}, "A is not a run"),
        (run_of([1]), {"protocol": "evaluate", "series": {"else.csv": {}}}, {}, "share no series"),
        (run_of([1]), run_of([1], protocol="split"), {}, "protocols 'evaluate' and 'split'"),
        (run_of([1]), run_of([1], "f1"), {}, "no measure in common"),
        (run_of([None]), run_of([None]), {}, "no measure in common"),
        (run_of([1]), run_of([float("nan")]), {}, r"vus_pr of group/000\.csv must be a number or null"),
        (run_of([1]), run_of(["1"]), {}, "must be a number or null, got '1'"),
        (run_of([1]), run_of([1]), {"measures": ["vus"]}, "did you mean 'vus_pr'"),
        (run_of([1]), run_of([1]), {"measures": ["f1"]}, "no series has f1"),
        (run_of([1]), run_of([1]), {"n_resamples": 0}, "n_resamples must be at least 1"),
        (nab_run(s=gains(2, 1, 1)), nab_run(s=gains(4, 1, 1)), {}, "s has other windows in B"),
        (nab_run(s=gains(2, 1, 1)), nab_run(s={"nab_gains": [1]}), {}, "must be gains by profile"),
        (
            nab_run(s=gains(2, 1, 1)),
            nab_run(s={"nab_gains": {"standard": {"most": "2", "gained": 1}}}),
            {},
            "nab_gains most of s must be a number or null, got '2'",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(a: Any, b: Any, options: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        compare(a, b, **options)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"{", "is not JSON"), (b"\xff", "is not JSON"), (b"[1]", "is not a run"), (None, "cannot be read")],
)
def test_a_file_that_is_no_run_is_refused_by_name(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"run\.json {reason}"):
        read_run(path)


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Two files; the second run has a series more."""
    for name, values in (("a", [0.5, 0.5]), ("b", [0.6, 0.7, 0.8])):
        (tmp_path / f"{name}.json").write_text(json.dumps(run_of(values)))
    return [str(tmp_path / "a.json"), str(tmp_path / "b.json")]


def command(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(compare_command)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return CliRunner().invoke(app, arguments)


def test_the_command_prints_a_table_and_warns(runs: list[str]) -> None:
    done = command(*runs)
    assert done.exit_code == 0
    assert done.stderr == "warning: only in B, and left out: group/002.csv\n"
    assert done.stdout.splitlines()[:2] == [f"A {runs[0]}", f"B {runs[1]}"]
    cells = ["vus_pr", "2", "0.5000", "0.6500", "+0.1500", "[+0.1000,", "+0.2000]", "100.0%"]
    assert done.stdout.splitlines()[-1].split() == cells


def test_the_command_prints_json(runs: list[str]) -> None:
    answer = json.loads(command(*runs, "--json").stdout)
    assert (answer["a"], answer["b"]) == tuple(runs)
    found = answer["measures"][0]
    assert (found["measure"], found["n_series"], found["b_better"]) == ("vus_pr", 2, 1.0)
    assert found["interval"] == pytest.approx([0.1, 0.2])


def test_the_columns_of_the_table_stand_below_each_other() -> None:
    found = compare(run_of([0.5, 0.1]), run_of([0.6, 0.9]))
    found += compare(run_of([0.5, 100], "median_delay"), run_of([3, 4], "median_delay"))
    lines = table(found).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split("  ")[0] == "measure"
