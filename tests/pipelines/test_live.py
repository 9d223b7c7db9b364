"""A pipeline over time: what is scored, written and remembered, whatever the source and the clock do."""

import json
import sqlite3

import numpy as np
import pytest
from pipeline_site import QUERY, START, STEP, TRAINED, Site, daily, stamp

from anomaliz.core.errors import AnomalizError, SourceError, StoreError
from anomaliz.pipelines.scoring import MOST_STAMPS
from anomaliz.pipelines.work import work

HOUR = np.timedelta64(1, "h").astype("timedelta64[ns]")


@pytest.fixture
def trained(site: Site) -> Site:
    site.run("train", TRAINED)
    return site


def test_the_first_run_scores_the_newest_point_alone(trained: Site) -> None:
    outcome = trained.run("score", TRAINED)
    assert (outcome.report.status, outcome.report.points) == ("ok", 1)
    assert list(trained.lines()) == [stamp(TRAINED - STEP)]


def test_a_point_is_written_with_its_labels_and_all_that_is_said_of_it(trained: Site) -> None:
    trained.run("score", TRAINED)
    lines = [json.loads(line) for line in trained.written.read_text().splitlines()]
    labels = {"host": "a", "metric": "load", "pipeline": "load"}
    names = ["anomaly", "anomaly_score", "expected", "expected_lower", "expected_upper"]
    assert sorted(line["labels"].pop("__name__") for line in lines) == names
    assert all(line["labels"] == labels for line in lines)


def test_a_run_goes_on_where_the_last_one_stopped(trained: Site) -> None:
    trained.run("score", TRAINED)
    trained.run("score", TRAINED + 6 * STEP)
    assert list(trained.lines()) == [stamp(TRAINED + i * STEP) for i in range(-1, 6)]


def test_nothing_is_written_twice_within_a_step(trained: Site) -> None:
    trained.run("score", TRAINED)
    again = trained.run("score", TRAINED + np.timedelta64(1, "m"))
    assert (again.report.status, again.report.points, again.report.samples) == ("ok", 0, 0)


def test_many_small_runs_write_what_one_large_run_writes(site: Site) -> None:
    site.run("train", TRAINED)
    site.run("score", TRAINED)
    at_once = work(site.books.task("score", site.pipeline, TRAINED + 12 * STEP))
    for i in range(1, 13):
        site.run("score", TRAINED + i * STEP)
    large = {
        (one.labels["__name__"], stamp(time)): value
        for one in at_once.samples
        for time, value in zip(one.times, one.values.tolist(), strict=True)
    }
    assert len(large) == 12 * 5
    for (name, time), value in large.items():
        assert site.lines(name)[time] == value


def test_an_anomaly_reaches_one_and_counts_once_however_long_it_lasts(site: Site) -> None:
    site.run("train", TRAINED)
    times = TRAINED + np.arange(6) * STEP
    with sqlite3.connect(site.database) as connection:
        connection.execute(
            "DELETE FROM samples WHERE metric_timestamp >= ?", (str(TRAINED)[:19].replace("T", " "),)
        )
    connection.close()
    site.insert(times, np.array([50.0, 51, 190, 191, 190, 50]))
    for i in range(7):
        site.run("score", TRAINED + i * STEP)
    scores = site.lines()
    anomalous = [score >= 1 for score in scores.values()]
    assert anomalous[:3] == [False, False, False]
    assert all(anomalous[3:6])
    assert [value == 1 for value in site.lines("anomaly").values()] == anomalous
    state, _ = site.store.state("load")
    assert state is not None
    assert state.totals.events == 1


def without(site: Site, *times: np.datetime64) -> list[tuple[str, ...]]:
    """Take the samples at these times out of the database, and return them."""
    texts = [str(time)[:19].replace("T", " ") for time in times]
    places = ",".join("?" * len(texts))
    with sqlite3.connect(site.database) as connection:
        rows = connection.execute(
            f"SELECT * FROM samples WHERE metric_timestamp IN ({places})", texts
        ).fetchall()
        connection.execute(f"DELETE FROM samples WHERE metric_timestamp IN ({places})", texts)
    connection.close()
    return rows


def put_back(site: Site, rows: list[tuple[str, ...]]) -> None:
    with sqlite3.connect(site.database) as connection:
        connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
    connection.close()


def test_a_point_that_comes_late_is_scored_late_and_once(trained: Site) -> None:
    late = TRAINED + 2 * STEP
    rows = without(trained, late)
    for i in range(5):
        trained.run("score", TRAINED + i * STEP)
    assert stamp(late) not in trained.lines()
    put_back(trained, rows)
    for i in range(5, 8):
        trained.run("score", TRAINED + i * STEP)
    assert sorted(trained.lines()) == [stamp(TRAINED + i * STEP) for i in range(-1, 7)]


def test_a_point_that_comes_later_than_lateness_is_left_to_backfill(trained: Site) -> None:
    late = TRAINED + 2 * STEP
    rows = without(trained, late)
    for i in range(9):
        trained.run("score", TRAINED + i * STEP)
    put_back(trained, rows)
    trained.run("score", TRAINED + 9 * STEP)
    assert stamp(late) not in trained.lines()


def test_no_data_is_said_and_counted_and_never_written_as_normal(trained: Site) -> None:
    trained.run("score", TRAINED)
    gone = [TRAINED + i * STEP for i in range(24)]
    rows = without(trained, *gone)
    for i, hours in ((12, 1.0), (24, 2.0)):
        report = trained.run("score", TRAINED + i * STEP).report
        assert (report.status, report.points, report.samples) == ("no_data", 0, 0)
        assert report.data_age == pytest.approx(3600 * hours + 300)
    state, _ = trained.store.state("load")
    assert state is not None
    assert state.totals.no_data == 2
    assert len(trained.lines()) == 1
    put_back(trained, rows)
    back = trained.run("score", TRAINED + 24 * STEP)
    assert (back.report.status, back.report.points) == ("ok", 24)


def test_a_pipeline_whose_samples_always_come_late_begins_with_the_newest_there_is(trained: Site) -> None:
    last = TRAINED + 8 * STEP
    for i in range(3):
        now = last + i * STEP
        rows = without(trained, *(now - late * STEP for late in range(1, 6)))
        report = trained.run("score", now).report
        put_back(trained, rows)
        # The newest point of a run is six steps old when the run begins.
        assert (report.status, report.points) == ("no_data", 1)
        assert report.data_age == pytest.approx(6 * 300)
    assert list(trained.lines()) == [stamp(last + (i - 6) * STEP) for i in range(3)]


def test_a_missing_newest_point_is_no_data_though_others_are_scored(trained: Site) -> None:
    trained.run("score", TRAINED)
    without(trained, TRAINED + 2 * STEP)
    report = trained.run("score", TRAINED + 3 * STEP).report
    assert (report.status, report.points) == ("no_data", 2)


def test_a_source_that_is_down_is_no_data_and_what_was_missed_is_scored_after(trained: Site) -> None:
    trained.run("score", TRAINED)
    away = trained.database.rename(trained.folder / "away.db")
    report = trained.run("score", TRAINED + STEP).report
    assert report.status == "no_data"
    assert "no such table" in report.message or "cannot" in report.message
    away.replace(trained.database)
    assert trained.run("score", TRAINED + 3 * STEP).report.points == 3


def test_data_older_than_the_limit_are_no_data(trained: Site) -> None:
    trained.define(max_data_age="20m", score={"lateness": 0})
    trained.run("score", TRAINED)
    without(trained, *[TRAINED + i * STEP for i in range(3, 40)])
    report = trained.run("score", TRAINED + 12 * STEP).report
    assert (report.status, report.points) == ("no_data", 3)


def test_no_data_is_written_where_it_is_to_alert(trained: Site) -> None:
    trained.define(alert_on_no_data=True)
    trained.run("score", TRAINED)
    without(trained, *[TRAINED + i * STEP for i in range(12)])
    trained.run("score", TRAINED + STEP)
    assert list(trained.lines("no_data").values()) == [0.0, 1.0]


def test_the_clock_may_go_back(trained: Site) -> None:
    trained.run("score", TRAINED + 6 * STEP)
    back = trained.run("score", TRAINED - 24 * HOUR)
    assert (back.report.status, back.report.samples) == ("ok", 0)
    trained.run("score", TRAINED + 8 * STEP)
    assert list(trained.lines()) == [stamp(TRAINED + i * STEP) for i in (5, 6, 7)]


def test_nothing_is_lost_when_the_clock_was_ahead_for_a_while(trained: Site) -> None:
    trained.run("score", TRAINED)
    without(trained, *[TRAINED + i * STEP for i in range(6, 288)])
    ahead = trained.run("score", TRAINED + 400 * 24 * HOUR)
    assert (ahead.report.status, ahead.report.points) == ("no_data", 6)
    trained.insert(TRAINED + np.arange(6, 12) * STEP, daily(6, seed=3))
    assert trained.run("score", TRAINED + 12 * STEP).report.points == 6


def test_a_gap_longer_than_a_job_is_left_behind(trained: Site) -> None:
    trained.run("score", TRAINED)
    without(trained, *[TRAINED + i * STEP for i in range(288)])
    after = TRAINED + (2 * MOST_STAMPS) * STEP
    history = np.arange(-300, 3)
    trained.insert(after + history * STEP, daily(len(history), seed=4))
    report = trained.run("score", after + 3 * STEP).report
    assert report.points > 0
    assert stamp(after + 2 * STEP) in trained.lines()


def test_series_may_come_and_go(trained: Site) -> None:
    trained.run("score", TRAINED)
    trained.insert(TRAINED + np.arange(2) * STEP, daily(2, seed=5), host="new")
    assert trained.run("score", TRAINED + STEP).report.points == 1
    without(trained, TRAINED + STEP)
    trained.insert(TRAINED + np.arange(1, 2) * STEP, np.array([50.0]), host="new")
    # Only the series that nobody was trained on has a sample: it is warming up, and that is no data yet.
    report = trained.run("score", TRAINED + 2 * STEP).report
    assert report.points == 0
    assert trained.lines(host="new") == {}


def test_a_new_model_takes_over_without_a_gap(trained: Site) -> None:
    trained.run("score", TRAINED)
    before = trained.store.model("load")
    trained.run("train", TRAINED + 100 * STEP)
    after = trained.store.model("load")
    assert before is not None
    assert after is not None
    assert before.version != after.version
    trained.run("score", TRAINED + 3 * STEP)
    assert list(trained.lines()) == [stamp(TRAINED + i * STEP) for i in range(-1, 3)]


def test_a_model_that_finds_most_of_the_present_anomalous_is_not_taken(trained: Site) -> None:
    trained.insert(TRAINED + np.arange(288, 600) * STEP, np.full(312, 5000.0))
    trained.define(
        train={"periods": [{"start": "2026-03-02", "end": "2026-03-12"}], "exclude": []},
        data_range=[0, 100],
    )
    with pytest.raises(AnomalizError, match=r"can score none|anomalous"):
        trained.run("train", TRAINED + 600 * STEP)


def test_nothing_is_committed_when_a_sink_takes_nothing(trained: Site) -> None:
    trained.written.mkdir()
    with pytest.raises(SourceError, match=r"scores\.jsonl"):
        trained.run("score", TRAINED)
    assert trained.store.state("load")[0] is None
    trained.written.rmdir()
    assert trained.run("score", TRAINED).report.points == 1


def test_two_daemons_notice_each_other(trained: Site) -> None:
    task = trained.books.task("score", trained.pipeline, TRAINED)
    trained.run("score", TRAINED)
    with pytest.raises(StoreError, match="load"):
        trained.books.finish(task, work(task))
    assert len(trained.lines()) == 1


def test_expected_values_are_written_ahead_and_each_stamp_once(trained: Site) -> None:
    trained.define(prediction_horizon="15m")
    for i in range(5):
        trained.run("score", TRAINED + i * STEP)
    assert list(trained.lines("expected")) == [stamp(TRAINED + i * STEP) for i in range(-1, 7)]
    assert list(trained.lines("expected_lower")) == list(trained.lines("anomaly_score"))
    known = daily(8 * 288, seed=1)[7 * 288 :]
    expected = np.array(list(trained.lines("expected").values())[1:])
    assert np.abs(expected - known[:7]).max() < 6


def test_a_threshold_of_ones_own_scales_the_anomaly_score(trained: Site) -> None:
    task = trained.books.task("score", trained.pipeline, TRAINED)
    usual = next(one for one in work(task).samples if one.labels["__name__"] == "anomaly_score")
    model = trained.store.model("load")
    assert model is not None
    trained.define(score={"threshold": 0.5})
    other = next(
        one
        for one in work(trained.books.task("score", trained.pipeline, TRAINED)).samples
        if one.labels["__name__"] == "anomaly_score"
    )
    assert usual.values[0] > 0
    assert other.values[0] != usual.values[0]


def test_names_follow_the_template(trained: Site) -> None:
    trained.define(score={"names": "site_{pipeline}_{series}", "write": ["anomaly_score"]})
    trained.run("score", TRAINED)
    assert len(trained.lines("site_load_anomaly_score")) == 1
    assert len(trained.written.read_text().splitlines()) == 1


def test_history_is_read_once(trained: Site) -> None:
    script = trained.folder / "ingest.py"
    asked = trained.folder / "asked"
    script.write_text(
        "import sqlite3\nimport pandas as pd\n"
        "def ingest(start, end):\n"
        f"    open({str(asked)!r}, 'a').write(f'{{start.isoformat()}}\\n')\n"
        f"    with sqlite3.connect({str(trained.database)!r}) as connection:\n"
        "        return pd.read_sql(\n"
        "            'SELECT metric_timestamp AS timestamp, metric_value AS load FROM samples'\n"
        "            ' WHERE metric_timestamp >= ? AND metric_timestamp < ?', connection,\n"
        "            params=[str(start)[:19], str(end)[:19]])\n"
    )
    content = json.loads(trained.file.read_text())
    content["sources"] = {"script": {"type": "python", "folder": str(trained.folder)}}
    content["pipelines"][0]["query"] = "ingest.py"
    trained.file.write_text(json.dumps(content))
    trained.books.redefine(trained.definitions)
    trained.run("train", TRAINED)
    trained.run("score", TRAINED)
    first = len(asked.read_text().splitlines())
    trained.run("score", TRAINED + STEP)
    later = asked.read_text().splitlines()[first:]
    assert len(later) == 1
    assert np.datetime64(later[0][:19]) >= TRAINED - 5 * STEP


def test_what_was_read_for_an_old_model_is_not_kept(trained: Site) -> None:
    folder = trained.settings.pipelines.folder / "context"
    trained.run("score", TRAINED)
    (before,) = folder.iterdir()
    trained.run("train", TRAINED + 50 * STEP)
    trained.run("score", TRAINED + STEP)
    (after,) = folder.iterdir()
    assert before != after


def test_a_damaged_file_of_what_was_read_is_read_again(trained: Site) -> None:
    trained.run("score", TRAINED)
    (file,) = (trained.settings.pipelines.folder / "context").glob("*.npz")
    file.write_bytes(file.read_bytes()[:1000])
    assert trained.run("score", TRAINED + STEP).report.points == 1


def test_a_late_point_is_written_with_all_that_is_said_of_it(trained: Site) -> None:
    rows = without(trained, TRAINED + 2 * STEP)
    for i in range(5):
        trained.run("score", TRAINED + i * STEP)
    put_back(trained, rows)
    trained.run("score", TRAINED + 5 * STEP)
    for name in ("expected", "expected_lower", "expected_upper", "anomaly"):
        assert trained.lines(name).keys() == trained.lines().keys()


def test_expected_values_follow_a_changed_horizon_and_each_stamp_has_one(trained: Site) -> None:
    trained.run("score", TRAINED)
    for i, horizon in enumerate(("15m", "15m", "10m", 0, 0, 0, 0, "5m"), start=1):
        trained.define(prediction_horizon=horizon)
        trained.run("score", TRAINED + i * STEP)
    # `lines` fails where a stamp has two.
    assert sorted(trained.lines("expected")) == [stamp(TRAINED + i * STEP) for i in range(-1, 9)]


def test_of_a_series_that_appears_no_expected_value_is_left_out(site: Site) -> None:
    site.insert(START + np.arange(7 * 288 - 200) * STEP, daily(7 * 288 - 200, seed=3), host="b")
    site.define(prediction_horizon="15m")
    site.run("train", TRAINED)
    site.run("score", TRAINED)
    site.insert(TRAINED + np.arange(3, 20) * STEP, daily(17, seed=3), host="b")
    for i in range(1, 20):
        site.run("score", TRAINED + i * STEP)
    scored = site.lines(host="b").keys()
    assert scored
    assert scored <= site.lines("expected", host="b").keys()


def of_metric(name: str) -> str:
    """Return a query for the samples of a metric, under the name that all have."""
    return QUERY.replace("metric_name,", "'load' AS metric_name,") + f" AND metric_name = '{name}'"


def test_a_pipeline_that_reads_something_else_waits_for_a_model_and_leaves_no_stamp_out(site: Site) -> None:
    site.insert(START + np.arange(8 * 288) * STEP, 1000 * daily(8 * 288, seed=6), metric="other")
    site.define(query=of_metric("load"))
    site.run("train", TRAINED)
    site.run("score", TRAINED + 2 * STEP)
    site.define(query=of_metric("other"))
    assert "waits for its first training" in site.run("score", TRAINED + 3 * STEP).report.message
    site.run("train", TRAINED + 3 * STEP)
    report = site.run("score", TRAINED + 4 * STEP).report
    assert (report.points, report.anomalies) == (2, 0)
    assert sorted(site.lines()) == [stamp(TRAINED + i * STEP) for i in (1, 2, 3)]


def test_a_pipeline_whose_step_changes_goes_on_with_the_next_stamp_of_the_new_grid(trained: Site) -> None:
    trained.run("score", TRAINED + STEP)
    trained.define(step="10m", train={"window": "6d"})
    trained.run("train", TRAINED + STEP)
    trained.run("score", TRAINED + 2 * STEP)
    trained.run("score", TRAINED + 6 * STEP)
    assert sorted(trained.lines()) == [stamp(TRAINED + i * STEP) for i in (0, 2, 4)]


def test_renamed_features_are_learnt_and_scored_anew(site: Site) -> None:
    site.define(query=None, queries={"a": of_metric("load")}, detectors="series")
    site.run("train", TRAINED)
    site.run("score", TRAINED)
    site.define(query=None, queries={"b": of_metric("load")}, detectors="series")
    assert site.books.lacks_model(site.pipeline)
    site.run("train", TRAINED)
    site.run("score", TRAINED + STEP)
    assert sorted(site.lines()) == [stamp(TRAINED - STEP), stamp(TRAINED)]


def test_what_only_judges_otherwise_keeps_model_and_memory(trained: Site) -> None:
    trained.run("score", TRAINED)
    trained.define(direction="above", score={"threshold": 0.4}, jitter=10, prediction_horizon="5m")
    assert not trained.books.lacks_model(trained.pipeline)


def test_a_pipeline_whose_samples_always_come_late_begins_all_the_same(trained: Site) -> None:
    rows = without(trained, *[TRAINED + i * STEP for i in range(288)])
    first = trained.run("score", TRAINED + 2 * STEP).report
    assert (first.status, first.points) == ("no_data", 1)
    assert "score.delay" in first.message
    put_back(trained, rows[:3])
    trained.run("score", TRAINED + 4 * STEP)
    assert sorted(trained.lines()) == [stamp(TRAINED + i * STEP) for i in range(-1, 3)]


def test_catching_up_is_not_said_to_be_without_data(trained: Site) -> None:
    trained.define(max_data_age="1h")
    trained.run("score", TRAINED)
    many = MOST_STAMPS + 12
    trained.insert(TRAINED + np.arange(288, many) * STEP, daily(many - 288, seed=7))
    reports = [trained.run("score", TRAINED + many * STEP).report for _ in range(2)]
    assert [(one.status, one.points) for one in reports] == [("ok", MOST_STAMPS), ("ok", 12)]
    assert "the next run goes on" in reports[0].message
    assert len(trained.lines()) == many + 1


def test_nothing_after_a_long_gap_is_left_out(trained: Site) -> None:
    trained.run("score", TRAINED)
    without(trained, *[TRAINED + i * STEP for i in range(288)])
    begins, ends = MOST_STAMPS + 100, 2 * MOST_STAMPS + 300
    trained.insert(TRAINED + np.arange(begins, ends) * STEP, daily(ends - begins, seed=8))
    points = [trained.run("score", TRAINED + ends * STEP).report.points for _ in range(2)]
    # After a gap longer than its memory, a model needs some rows before it can say something.
    assert points[0] > 1500
    assert points[1] == 200
    assert stamp(TRAINED + (begins + 400) * STEP) in trained.lines()


def test_a_pipeline_that_was_never_trained_says_whether_there_are_data(site: Site) -> None:
    site.define(alert_on_no_data=True)
    waiting = site.run("score", TRAINED).report
    assert (waiting.status, waiting.points, waiting.data_age) == ("ok", 0, 300)
    assert waiting.message == "nothing scored: pipeline load waits for its first training"
    report = site.run("score", TRAINED + 30 * 24 * HOUR).report
    assert (report.status, report.message) == ("no_data", "no data")
    assert list(site.lines("no_data").values()) == [0.0, 1.0]
    assert site.lines() == {}
