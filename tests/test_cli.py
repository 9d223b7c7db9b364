"""The command line, run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anomaliz import __version__
from anomaliz.bundle.bundle import Bundle

COMMANDS = (
    "train",
    "serve",
    "analyze",
    "detect",
    "explain",
    "compare",
    "evaluate",
    "backtest",
    "bundle",
    "config",
    "version",
)


def run(*arguments: object, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anomaliz.cli", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def normal(bundle: Bundle) -> dict[str, list[float]]:
    return dict(zip(bundle.features, bundle.canary.T.tolist(), strict=True))


@pytest.fixture
def strange(normal: dict[str, list[float]]) -> dict[str, list[float]]:
    return {**normal, "cpu": [*normal["cpu"][:-1], 0.99], "latency": [*normal["latency"][:-1], 180.0]}


@pytest.fixture
def series(bundle: Bundle, tmp_path: Path) -> Path:
    """Sixty normal rows with a spike of cpu in row 40."""
    rows = np.tile(bundle.canary, (6, 1))
    rows[40, 0] = 0.99
    times = np.datetime64("2024-01-01") + np.arange(60) * np.timedelta64(5, "m")
    lines = [f"{time}Z,{row[2]},{row[0]},{row[1]}" for time, row in zip(times.astype(str), rows, strict=True)]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["timestamp,latency,cpu,memory", *lines]) + "\n")
    return path


def test_help_names_every_verb() -> None:
    said = run("--help").stdout
    assert all(command in said for command in COMMANDS)


def test_version() -> None:
    assert run("version").stdout.strip() == __version__


def test_analyze_says_normal_in_a_sentence(bundle_dir: Path, normal: dict, tmp_path: Path) -> None:
    (tmp_path / "window.json").write_text(json.dumps(normal))
    done = run("analyze", "--bundle", bundle_dir, tmp_path / "window.json", "--fail-on-anomaly")
    assert done.returncode == 0
    assert done.stdout.startswith("normal: score 0.")


def test_analyze_of_an_anomaly_names_the_feature_and_can_fail(bundle_dir: Path, strange: dict) -> None:
    window = json.dumps(strange)
    done = run("analyze", "--bundle", bundle_dir, "-", stdin=window)
    assert done.returncode == 0
    assert "most in latency (180, expected " in done.stdout
    done = run("analyze", "--bundle", bundle_dir, "-", "--json", "--fail-on-anomaly", stdin=window)
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert answer["anomaly"] is True
    assert sum(part["contribution"] for part in answer["contributions"].values()) == pytest.approx(1)


def test_detect_writes_scores_and_a_plot(bundle_dir: Path, series: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "deep" / "scores.csv", tmp_path / "plot.png"
    done = run("detect", "--bundle", bundle_dir, series, "--out", out, "--plot", plot, "--fail-on-anomaly")
    assert done.returncode == 3
    assert "60 points, 51 scored" in done.stdout
    header, *lines = out.read_text().splitlines()
    readings = "score,threshold,anomaly,rank_score,alert_score,alert"
    assert header.startswith(f"timestamp,status,{readings},isolation_forest_surprise")
    assert len(lines) == 60
    assert lines[0].startswith("2024-01-01T00:00:00Z,warming_up,,")
    assert lines[40].split(",")[4] == "1"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_detect_reads_stdin_and_writes_stdout(bundle_dir: Path, series: Path) -> None:
    done = run("detect", "--bundle", bundle_dir, "-", "--out", "-", stdin=series.read_text())
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 61


def test_detect_as_json_is_the_answer_of_the_service(bundle_dir: Path, series: Path) -> None:
    answer = json.loads(run("detect", "--bundle", bundle_dir, series, "--json").stdout)
    assert len(answer["points"]) == 60
    assert answer["points"][0]["score"] is None
    assert any(event["peak"] == "2024-01-01T03:20:00Z" for event in answer["events"])


def test_compare_prints_and_draws_two_bundles(bundle_dir: Path, series: Path, tmp_path: Path) -> None:
    plot = tmp_path / "pair.png"
    done = run("compare", bundle_dir, bundle_dir, "--data", series, "--plot", plot)
    assert done.returncode == 0, done.stderr
    assert "60 points, 51 scored by both; their verdicts agree on 100.00%" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    answer = json.loads(run("compare", bundle_dir, bundle_dir, "--data", series, "--json").stdout)
    assert answer["agreement"]["share"] == 1


def test_bundle_show_verify_and_diff(bundle_dir: Path) -> None:
    shown = run("bundle", "show", bundle_dir).stdout
    assert "cpu, memory, latency" in shown
    assert json.loads(run("bundle", "show", bundle_dir, "--json").stdout)["window_size"] == 10
    assert "is whole: 17 files match" in run("bundle", "verify", bundle_dir).stdout
    assert run("bundle", "diff", bundle_dir, bundle_dir).stdout.strip() == "no difference"


def test_bundle_diff_names_what_differs(bundle_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    done = run("train", "--fast", "--profile", "basic", "--out", other)
    assert done.returncode == 0, done.stderr
    assert "fused" in done.stdout
    assert "settings.data.profile: realistic -> basic" in run("bundle", "diff", bundle_dir, other).stdout


def test_config_show_says_where_a_value_came_from(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("data: {window_size: 20}\n")
    lines = run("config", "show", "--config", tmp_path / "my.yaml").stdout.splitlines()
    found = next(line.split() for line in lines if line.startswith("data.window_size"))
    assert found == ["data.window_size", "20", "my.yaml"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyze", "--bundle", "absent", "-"], "error: absent is not a complete bundle"),
        (["detect", "--bundle", "absent", "series.csv"], "anomaliz train --out absent"),
        (["analyze", "absent.json", "--bundle", "{bundle}"], "absent.json cannot be read"),
        (["detect", "absent.csv", "--bundle", "{bundle}"], "absent.csv does not exist"),
        (["train", "--data", "absent.csv"], "absent.csv does not exist"),
        (["train", "--config", "absent.yaml"], "absent.yaml"),
        (["train", "--profile", "daily"], "data.profile"),
        (["train", "--out", "."], "holds something else than a bundle"),
        (["bundle", "verify", "absent"], "absent is not a complete bundle"),
        (["bundle", "verify", "models:/absent"], "models:/absent is not the URI of a bundle"),
        (["compare", "absent", "absent", "--data", "absent.csv"], "absent is not a complete bundle"),
        (["compare", "{bundle}", "{bundle}", "--data", "absent.csv"], "absent.csv does not exist"),
        (["serve", "--bundle", "models:/absent"], "artifact_dir cannot be 'models:/absent'"),
        (["serve", "--port", "70000"], "api.port"),
    ],
)
def test_an_error_is_one_sentence_and_exit_code_1(
    arguments: list[str], said: str, bundle_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run(*(argument.format(bundle=bundle_dir) for argument in arguments), cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("body", ["", "[]", '{"cpu": [1]}', '{"cpu": ["a"]}', "{" * 100_000])
def test_a_bad_window_is_one_sentence(bundle_dir: Path, body: str) -> None:
    done = run("analyze", "--bundle", bundle_dir, "-", stdin=body)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "timestamp"),
        ("timestamp,value\n2024-01-01,1\n2024-01-01,2\n", "timestamp"),
        ("timestamp,value\n2024-01-02,1\n2024-01-01,2\n", "timestamp"),
        ("timestamp,value\n2024-01-01T00:00:00,1\n2024-01-02T00:00:00Z,2\n", "zone"),
        ("timestamp,value\n2024-01-01,one\n2024-01-02,2\n", "value"),
        ("timestamp,value\n2024-01-01,\n2024-01-02,\n", "value"),
        ("timestamp,value\n2024-01-01,1\n2024-01-02,2\n", "give a longer series"),
    ],
)
def test_a_bad_series_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    done = run("train", "--data", "bad.csv", "--out", "bundle", cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "bundle").exists()


def test_a_warning_is_said_though_training_fails(tmp_path: Path) -> None:
    rows = "".join(f"{300 * i},{i},7\n" for i in range(60))
    (tmp_path / "short.csv").write_text("timestamp,value,constant\n" + rows)
    done = run("train", "--data", "short.csv", "--out", "bundle", cwd=tmp_path)
    warning, error = done.stderr.strip().splitlines()
    assert warning.startswith("warning: column 'constant' is constant")
    assert error.startswith("error: short leaves")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["analyze"],
        ["train", "--seeds", "0"],
        ["compare", "a"],
        ["compare", "a", "b", "--data", "series.csv", "--plot", "-"],
    ],
)
def test_misuse_is_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_training_without_its_extra_names_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['onnx'] = None; from anomaliz.training.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr == "error: Training needs the 'train' extra: pip install 'anomaliz[train]'\n"


def test_an_unknown_detector_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("detection: {members: [forest]}\n")
    done = run("train", "--config", "my.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "choose from isolation_forest, lstm_autoencoder, lstm_forecaster" in done.stderr


def test_a_plot_is_a_png(bundle_dir: Path, series: Path) -> None:
    done = run("detect", "--bundle", bundle_dir, series, "--plot", "plot.xyz")
    assert done.returncode == 1
    assert done.stderr == "error: plot.xyz must end in .png: figures are PNG files\n"


@pytest.mark.parametrize("arguments", [["--out", "-", "--json"], ["--plot", "-"]])
def test_two_things_on_one_stdout_are_misuse(bundle_dir: Path, series: Path, arguments: list[str]) -> None:
    done = run("detect", "--bundle", bundle_dir, series, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def test_the_command_line_imports_nothing_heavy_for_help() -> None:
    code = (
        "import sys, anomaliz.cli; "
        "heavy = {'tensorflow', 'sklearn', 'pandas', 'fastapi', 'onnxruntime'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
