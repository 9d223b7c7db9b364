"""The benchmark commands, run as a user runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from anomaliz.data.nab import Nab, NabFolder
from anomaliz.metrics.nab import NabSeries, best_nab_score, labels_of
from anomaliz.metrics.vus import buffer_of, vus_pr

SERIES = ("realTraffic/speed_6005.csv", "realAdExchange/exchange-3_cpc_results.csv")
FAST = {"ANOMALIZ__TRAINING__EPOCHS": "1"}


def run(*arguments: object, cwd: Path, module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **FAST, **variables},
    )


def nab(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, cwd=cwd, module="anomaliz.data.nab", **variables)


def anomaliz(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(*arguments, cwd=cwd, module="anomaliz.cli")


def plain(text: str) -> str:
    """Return what typer says without its box and line breaks."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def server(shared: Path, tmp_path: Path) -> Path:
    """The end of a real server's training part and the beginning of its test part."""
    whole = pd.read_csv(shared / "asd" / "omi-1.csv.gz")
    first = int((whole["split"] == "train").sum())
    path = tmp_path / "omi.csv"
    whole[first - 700 : first + 1500].to_csv(path, index=False)
    return path


def test_nab_by_its_own_rules(shared: Path, tmp_path: Path) -> None:
    options = ("--protocol", "nab", "--json", "run.json", "--jobs", 2)
    done = nab("--series", *SERIES, *options, cwd=tmp_path, ANOMALIZ_NAB_DIR=str(shared / "nab"))
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run.json").read_text())
    assert found["protocol"] == "nab"
    assert list(found["series"]) == list(SERIES)
    assert set(found["nab"]) == {"standard", "reward_low_FP_rate", "reward_low_FN_rate"}
    assert set(found["mean"]) == {"vus_pr", "auc_pr", "best_f1", "f1"}
    assert set(found["groups"]) == {"realTraffic", "realAdExchange"}
    assert all(path in done.stdout for path in (*SERIES, "reward_low_FN_rate"))
    assert set(found["series"][SERIES[0]]["detectors"]) == set(found["detectors"])
    last = done.stdout.splitlines()[-1].split()
    # Too short for the window detectors, one of the two does without them.
    assert (last[0], last[-1]) == ("window_fused", "1")
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert warned[0].startswith(f"warning: {SERIES[1]}: the series leaves")


def test_another_scorer_gets_the_same_from_the_readings(shared: Path, tmp_path: Path) -> None:
    done = nab(
        *("--series", *SERIES, "--protocol", "nab", "--json", "run.json", "--scores", ".", "--no-window"),
        cwd=tmp_path,
        ANOMALIZ_NAB_DIR=str(shared / "nab"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run.json").read_text())
    corpus = Nab(NabFolder(shared / "nab"))
    scored = []
    for path in SERIES:
        file, readings = corpus.read(path), pd.read_csv(tmp_path / path)
        labels = labels_of(len(readings), file.windows)
        vus = vus_pr(labels, readings["rank_score"].to_numpy(), buffer_of(file.values))
        assert found["series"][path]["vus_pr"] == pytest.approx(vus)
        scored.append(NabSeries(readings["alert_score"].to_numpy(), file.windows))
    assert found["nab"]["standard"]["score"] == pytest.approx(best_nab_score(scored)[0])


def test_nab_is_split_by_default(shared: Path, tmp_path: Path) -> None:
    options = ("--series", SERIES[0], "--json", "-", "--no-window")
    done = nab("--data-dir", shared / "nab", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["protocol"] == "split"
    assert next(iter(found["series"][SERIES[0]])) == "fused"
    assert found["mean"]["fused"]["f1"] == found["series"][SERIES[0]]["fused"]["f1"]


def test_nab_without_network_is_one_sentence(tmp_path: Path, free_port: int) -> None:
    done = nab(
        cwd=tmp_path, ANOMALIZ_NAB_URL=f"http://127.0.0.1:{free_port}", ANOMALIZ_NAB_DIR="", no_proxy="*"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert "--data-dir" in done.stderr


def test_all_and_some_series_are_misuse(tmp_path: Path) -> None:
    assert nab("--all", "--series", SERIES[0], cwd=tmp_path).returncode == 2


def test_evaluate_a_labelled_file_and_compare_the_run_with_itself(server: Path, tmp_path: Path) -> None:
    options = ("--json", "a.json", "--scores", "scores", "--plots", "plots")
    done = anomaliz("evaluate", "--data", server.with_name("om?.csv"), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["protocol"] == "evaluate"
    assert found["mean"]["vus_pr"] == found["series"]["omi.csv"]["vus_pr"]
    assert "isolation_forest" in found["detectors"]
    warning, ended = done.stderr.splitlines()
    assert warning.startswith("warning: omi.csv: column 'm02' is constant")
    assert ended.startswith("omi.csv: ")
    assert len((tmp_path / "scores" / "omi.csv").read_text().splitlines()) == 2201
    assert (tmp_path / "plots" / "omi.csv.png").is_file()
    compared = anomaliz("evaluate", "compare", "a.json", "a.json", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert "vus_pr" in compared.stdout


@pytest.mark.parametrize(
    "arguments", [("--data", "x.csv", "compare", "a.json", "a.json"), ("--no-window", "compare", "a", "b")]
)
def test_options_that_would_do_nothing_are_misuse(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = anomaliz("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for {arguments[0]}: is not for compare: leave it out" in plain(done.stderr)


def test_what_is_done_is_written_when_another_series_fails(server: Path, tmp_path: Path) -> None:
    whole = pd.read_csv(server)
    folder = tmp_path / "data"
    folder.mkdir()
    whole.to_csv(folder / "good.csv", index=False)
    for name in ("empty.csv", "empty too.csv"):
        gone = whole["split"] == "train"
        whole.assign(m03=whole["m03"].mask(gone)).to_csv(folder / name, index=False)
    options = ("--json", "a.json", "--scores", "scores", "--no-window")
    done = anomaliz("evaluate", "--data", "data/*.csv", *options, cwd=tmp_path)
    assert done.returncode == 1
    why = "column 'm03' has no values in the 700 training rows: drop it, or train on more rows"
    assert done.stderr.splitlines()[-1] == (f"error: 2 of 3 series failed: empty too.csv, empty.csv: {why}")
    found = json.loads((tmp_path / "a.json").read_text())
    assert list(found["series"]) == ["good.csv"]
    assert found["failed"] == {"empty too.csv": why, "empty.csv": why}
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["good.csv"]
    assert "good.csv" in done.stdout


def test_a_column_without_test_values_does_not_stop_the_run(server: Path, tmp_path: Path) -> None:
    whole = pd.read_csv(server)
    whole.assign(m01=whole["m01"].mask(whole["split"] == "test")).to_csv(server, index=False)
    done = anomaliz("evaluate", "--data", server, "--json", "-", "--no-window", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mean"]["vus_pr"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scores", "ow"), "--scores would overwrite ow/three.csv, which is read: give another folder"),
        (("--json", "ow/three.csv"), "--json would overwrite ow/three.csv, which is read: give another file"),
        (("--json", "ow/three.csv/x.json"), "ow/three.csv is a file: give --json another place"),
        (("--plots", "ow/three.csv"), "ow/three.csv is a file: give --plots another place"),
    ],
)
def test_input_stays_as_it_is(server: Path, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "ow").mkdir()
    path = server.rename(tmp_path / "ow" / "three.csv")
    before = path.read_bytes()
    done = anomaliz("evaluate", "--data", "ow/*.csv", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"error: {said}\n")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scores", "data"), f"--scores would overwrite data/{SERIES[0]}"),
        (("--json", "labels/combined_windows.json"), "--json would overwrite labels/combined_windows.json"),
    ],
)
def test_files_of_nab_stay_as_they_are(
    shared: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    for name in (f"data/{SERIES[0]}", "labels/combined_windows.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(shared / "nab" / name, tmp_path / name)
    done = nab("--series", SERIES[0], "--data-dir", ".", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr.partition(",")[0]) == (1, f"error: {said}")


def test_stamps_that_repeat_are_told_of_and_taken(shared: Path, tmp_path: Path) -> None:
    path = "realTraffic/speed_t4013.csv"
    file = Nab(NabFolder(shared / "nab")).read(path)
    labels = labels_of(len(file.times), file.windows).astype(int)
    frame = pd.DataFrame({"timestamp": file.times, "value": file.values[:, 0], "label": labels})
    frame.to_csv(tmp_path / "s.csv", index=False)
    done = anomaliz("evaluate", "--data", "s.csv", "--json", "-", "--no-window", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: s.csv: 1 stamp is not later than the one before")
    assert json.loads(done.stdout)["mean"]["vus_pr"] > 0


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("--labels", "x"), 2), (("--data", "none*.csv"), 1), (("compare",), 2)]
)
def test_misuse_is_told_without_a_traceback(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    done = anomaliz("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_series_that_cannot_be_scored_is_named_in_one_sentence(server: Path, tmp_path: Path) -> None:
    lines = server.read_text().splitlines()
    server.write_text("\n".join([lines[0], *lines[695:720]]) + "\n")
    done = anomaliz("evaluate", "--data", "omi.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: omi.csv: ")
    assert len(done.stderr.splitlines()) == 1
