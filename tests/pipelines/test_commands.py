"""`anomaliz pipelines …`, as processes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pipeline_site import STEP, TRAINED, Site, daily, stamp
from scripted_server import serving, status


def environment(site: Site) -> dict[str, str]:
    return os.environ | {
        "ANOMALIZ__PIPELINES__STORE": site.settings.pipelines.store.get_secret_value(),
        "ANOMALIZ__PIPELINES__FOLDER": str(site.settings.pipelines.folder),
    }


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "anomaliz.cli", "pipelines", *map(str, arguments)]


def run(site: Site, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env=environment(site),
        cwd=site.folder,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def now(site: Site) -> np.datetime64:
    """The site with data up to the present; returns the newest stamp that is known."""
    newest = np.datetime64("now", "ns")
    newest = newest - (newest - np.datetime64(0, "ns")) % STEP
    with sqlite3.connect(site.database) as connection:
        connection.execute("DELETE FROM samples")
    connection.close()
    n = 8 * 288
    site.insert(newest - np.arange(n)[::-1] * STEP, daily(n, seed=7))
    return newest


@pytest.mark.usefixtures("now")
def test_check_shows_the_frame_and_what_would_be_written(site: Site) -> None:
    said = run(site, "check", site.file).stdout
    assert "pipeline load" in said
    assert "1 series, 12 stamps, 100% of the points there" in said
    assert 'anomaly_score{host="a",metric="load",pipeline="load"}' in said
    assert not site.written.exists() or not site.written.read_text()


def test_check_names_what_is_wrong_and_fails(site: Site) -> None:
    site.define(query="SELECT nothing FROM nowhere WHERE t >= :start")
    done = run(site, "check", site.file, code=1)
    assert "error: " in done.stdout
    assert "nowhere" in done.stdout
    assert "1 of 1 pipelines cannot run" in done.stderr


@pytest.mark.usefixtures("now")
def test_check_names_a_query_that_gives_nothing(site: Site) -> None:
    query = json.loads(site.file.read_text())["pipelines"][0]["query"]
    site.define(query=None, queries={"load": query, "other": f"{query} AND host = 'none'"})
    said = run(site, "check", site.file).stdout
    assert "1 series, 12 stamps, 50% of the points there" in said
    assert "no data from the query of other: check it, or leave it out" in said


@pytest.mark.usefixtures("now")
def test_check_tries_the_bundle(site: Site, bundle_dir: Path) -> None:
    site.define(bundle="nowhere")
    done = run(site, "check", site.file, code=1)
    assert "error: nowhere is not a complete bundle" in done.stdout
    site.define(bundle=str(bundle_dir))
    done = run(site, "check", site.file, code=1)
    assert "the pipeline has one query: give a query for each of them, by its name" in done.stdout


def test_a_file_without_pipelines_is_nothing_to_check(site: Site) -> None:
    site.file.write_text("sources: {a: {type: prometheus}}")
    done = run(site, "check", site.file, code=1)
    assert done.stderr.startswith("error: ")
    assert "defines no pipelines: write 'pipelines:' and a list of them" in done.stderr


def test_check_says_no_data(site: Site) -> None:
    assert "no data" in run(site, "check", site.file).stdout


def test_score_trains_first_and_list_tells_how_far_it_came(site: Site, now: np.datetime64) -> None:
    assert "not trained yet" in run(site, "list", site.file).stdout
    said = run(site, "score", site.file, "load").stdout.splitlines()
    assert [line.split(",")[0] for line in said] == ["load: train ok", "load: score ok"]
    assert len(site.lines()) == 1
    assert f"{str(now)[:19]}Z" in run(site, "list", site.file).stdout


@pytest.mark.usefixtures("now")
def test_train_says_what_it_learnt_from(site: Site) -> None:
    assert "1 series, 2016 rows" in run(site, "train", site.file, "load").stdout


def test_an_unknown_name_gets_the_near_one(site: Site) -> None:
    done = run(site, "score", site.file, "laod", code=1)
    assert done.stderr == "error: no pipeline is called 'laod', did you mean 'load'?\n"


def test_backfill_writes_every_point_and_a_second_time_nothing(site: Site) -> None:
    asked = ("backfill", site.file, "load", "--from", "2026-03-09", "--to", "2026-03-09T12:00Z")
    done = run(site, *asked)
    assert "load: 144 points" in done.stdout
    assert "backfill load: 100%" in done.stderr
    before = site.written.read_bytes()
    assert list(site.lines()) == [stamp(TRAINED + i * STEP) for i in range(144)]
    run(site, *asked)
    assert site.written.read_bytes() == before


def test_a_backfill_that_the_server_refuses_fails_and_says_why_in_one_line(site: Site) -> None:
    with serving(status(400, "too old sample")) as server:
        definitions = json.loads(site.file.read_text())
        definitions["sinks"] = {"server": {"type": "remote_write", "url": server.url}}
        site.file.write_text(json.dumps(definitions))
        asked = ("backfill", site.file, "load", "--from", "2026-03-09", "--to", "2026-03-09T02:00")
        done = run(site, *asked, code=1)
    refused = [line for line in done.stderr.splitlines() if "refuse" in line]
    assert len(refused) == 2
    assert refused[0].endswith("refuses 120 samples, they are lost: HTTP 400 (too old sample)")
    assert refused[1].startswith("error: 120 samples are lost, since sink server refused them: HTTP 400 (")


def test_backfill_leaves_the_pipelines_own_progress_alone(site: Site) -> None:
    run(site, "backfill", site.file, "load", "--from", "2026-03-09", "--to", "2026-03-09T01:00")
    assert site.store.state("load")[0] is None
    assert site.store.model("load") is None


def test_backfill_is_causal(site: Site) -> None:
    asked = ("backfill", site.file, "load", "--from", "2026-03-09", "--to")
    run(site, *asked, "2026-03-09T06:00")
    short = site.lines()
    site.written.unlink()
    site.insert(TRAINED + np.arange(100, 120) * STEP + np.timedelta64(1, "s"), np.full(20, 900.0))
    run(site, *asked, "2026-03-09T12:00")
    whole = site.lines()
    assert {time: whole[time] for time in short} == short
    assert max(whole.values()) > 1


def test_backtest_tells_days_and_the_threshold_for_a_budget(site: Site, tmp_path: Path) -> None:
    site.insert(TRAINED + np.arange(100, 103) * STEP + np.timedelta64(1, "s"), np.full(3, 900.0))
    asked = ("backtest", site.file, "load", "--from", "2026-03-09", "--to", "2026-03-10", "--budget", "1")
    plot = tmp_path / "plot.png"
    result = json.loads(run(site, *asked, "--json", "--plot", plot).stdout)
    (day,) = result["days"]
    assert day["day"] == "2026-03-09"
    assert day["alerts"] >= 1
    assert day["scored"] == 288
    assert result["suggestion"]["alerts"] <= 1
    assert plot.read_bytes().startswith(b"\x89PNG")
    said = run(site, *asked).stdout
    assert "2026-03-09" in said
    assert f"score.threshold: {result['suggestion']['threshold']:.4f}" in said
    assert not site.written.exists()


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-03-10", "2026-03-09", "--to 2026-03-09 must be after --from 2026-03-10"),
        ("yesterday", "2026-03-09", "--from must be a time such as 2026-01-05T08:00Z, got 'yesterday'"),
        ("2126-03-09", "2126-03-10", "there is nothing to score from start to end"),
    ],
)
def test_bad_times_are_refused(site: Site, start: str, end: str, message: str) -> None:
    done = run(site, "backfill", site.file, "load", "--from", start, "--to", end, code=1)
    assert message in done.stderr


def test_schema_is_json(site: Site) -> None:
    assert "properties" in json.loads(run(site, "schema").stdout)


def test_killed_between_write_and_commit_it_neither_loses_nor_doubles(site: Site, now: np.datetime64) -> None:
    site.run("train", now)
    site.run("score", now - 3 * STEP)
    committed = site.store.state("load")[0]
    first = site.lines()
    already = site.written.stat().st_size
    lock = sqlite3.connect(site.folder / "state.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    process = subprocess.Popen(
        command("score", site.file, "load"), env=environment(site), cwd=site.folder, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 30
    while site.written.stat().st_size == already and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lock.rollback()
    lock.close()
    killed = site.lines()
    assert len(killed) > len(first)
    assert site.store.state("load")[0] == committed
    run(site, "score", site.file, "load")
    after = site.lines()
    assert {time: after[time] for time in killed} == killed
    stamps = [np.datetime64(time[:-1]) for time in after]
    assert {step / STEP for step in np.diff(np.array(stamps, "datetime64[ns]"))} == {1.0}
