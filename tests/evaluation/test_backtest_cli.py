"""The backtesting command, run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

PNG = b"\x89PNG"


def backtest(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anomaliz.cli", "backtest", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def server(shared: Path, tmp_path: Path) -> Path:
    """A few metrics of a real server around its first anomalies, without labels."""
    whole = pd.read_csv(shared / "asd" / "omi-3.csv.gz")
    path = tmp_path / "omi.csv"
    whole.loc[8000:9500, ["timestamp", "m05", "m11", "m16"]].to_csv(path, index=False)
    return path


def test_a_series_without_labels_is_told_and_drawn(server: Path, tmp_path: Path) -> None:
    done = backtest("--data", server, "--json", "b.json", "--plots", "plots", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["rows"] == {"all": 1501, "missing": 0, "fitted": 450, "judged": 1051}
    assert found["events"]
    assert all(event["start"] in done.stdout for event in found["events"])
    plots = sorted((tmp_path / "plots").iterdir())
    assert len(plots) == len(found["events"]) + 1
    assert all(plot.read_bytes().startswith(PNG) for plot in plots)


def test_a_wanted_budget_sets_the_threshold(server: Path, tmp_path: Path) -> None:
    done = backtest("--data", server, "--budget", 700, "--json", "-", "--train-ratio", 0.5, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    (budget,) = found["budgets"]
    assert (budget["alert_budget"], budget["in_use"]) == (700, True)
    assert budget["threshold"] == found["threshold"]
    assert found["rows"]["fitted"] == 750


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "absent.csv"], "absent.csv does not exist"),
        (["--data", "short.csv"], "short has 50 rows"),
        (["--data", "still.csv"], "still.csv: there must be a column 'timestamp'"),
        (["--data", "back.csv"], "back.csv: timestamp must increase"),
        (["--data", "mixed.csv"], "mixed.csv: column 'split' must have all train rows before"),
        (["--data", "short.csv", "--json", "short.csv"], "--json would overwrite short.csv"),
        (["--data", "short.csv", "--plots", "still.csv"], "still.csv is a file: give --plots another place"),
        (["--data", "short.csv", "--budget", "1"], "detection.threshold.alert_budget"),
        (["--data", "short.csv", "--json", "."], "is a folder: give --json a file"),
    ],
)
def test_an_error_is_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("timestamp,value\n" + "".join(f"{60 * i},{i}\n" for i in range(50)))
    (tmp_path / "still.csv").write_text("value\n1\n2\n")
    (tmp_path / "back.csv").write_text("timestamp,value\n60,1\n0,2\n")
    (tmp_path / "mixed.csv").write_text("timestamp,value,split\n0,1,test\n60,2,train\n")
    done = backtest(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["--data", "s.csv", "--train-ratio", "1"]])
def test_misuse_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    assert backtest(*arguments, cwd=tmp_path).returncode == 2
