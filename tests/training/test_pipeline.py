import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import verify
from anomaliz.config.settings import Settings
from anomaliz.data.dataset import Dataset
from anomaliz.training.pipeline import train

STEP = np.timedelta64(300, "s").astype("timedelta64[ns]")


def wave(n: int = 700, **changes: object) -> Dataset:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(n)[:, np.newaxis] / np.array([9, 14])) + 0.05 * rng.standard_normal((n, 2))
    times = np.datetime64("2024-01-01", "ns") + np.arange(n) * STEP
    return Dataset(**{"values": values, "times": times, "features": ("a", "b"), "step": STEP, **changes})


@pytest.fixture(scope="module")
def quick(settings: Settings) -> Settings:
    training = settings.training.model_copy(update={"epochs": 1, "n_seeds": 2})
    return settings.model_copy(update={"training": training})


def scores(directory: Path, dataset: Dataset) -> np.ndarray:
    return Bundle.load(directory).score(dataset.values).surprise


def test_same_seed_same_weights_same_scores(tmp_path: Path, quick: Settings) -> None:
    for name in ("one", "two"):
        train(quick, wave(), tmp_path / name)
    one, two = (Bundle.load(tmp_path / name) for name in ("one", "two"))
    assert one.manifest.files["scoring.onnx"] == two.manifest.files["scoring.onnx"]
    np.testing.assert_array_equal(scores(tmp_path / "one", wave()), scores(tmp_path / "two", wave()))


def test_the_first_seed_ships_and_the_others_report(tmp_path: Path, quick: Settings) -> None:
    metrics = train(quick, wave(), tmp_path / "both").bundle.metrics
    assert metrics["seed"] == 42
    assert list(metrics["seeds"]) == ["42", "43"]
    one_seed = quick.model_copy(update={"training": quick.training.model_copy(update={"n_seeds": 1})})
    train(one_seed, wave(), tmp_path / "alone")
    np.testing.assert_array_equal(scores(tmp_path / "both", wave()), scores(tmp_path / "alone", wave()))


def test_test_rows_are_never_seen_in_training(tmp_path: Path, quick: Settings) -> None:
    split = np.array(["train"] * 500 + ["test"] * 200)
    other = wave(split=split)
    other.values[500:] = np.random.default_rng(1).normal(50, 9, (200, 2))
    train(quick, wave(split=split), tmp_path / "one")
    train(quick, other, tmp_path / "two")
    one, two = (verify(tmp_path / name).files for name in ("one", "two"))
    for name in ("scoring.onnx", "threshold.json", "normalizer.json"):
        assert one[name] == two[name]


def test_without_labels_the_alert_budget_decides(tmp_path: Path, quick: Settings) -> None:
    bundle = train(quick, wave(), tmp_path / "bundle").bundle
    assert bundle.profile.decision.chosen_by == "alert_budget"
    assert bundle.profile.decision.extrapolated
    assert bundle.metrics["summary"]["fused"]["f1"] is None
    assert bundle.metrics["summary"]["fused"]["false_alarm_rate"] is not None


@pytest.mark.filterwarnings("ignore::anomaliz.data.dataset.DataWarning")
def test_a_constant_feature_gives_a_bundle_without_nan(tmp_path: Path, quick: Settings) -> None:
    dataset = wave()
    dataset.values[:, 1] = 7
    train(quick, dataset, tmp_path / "bundle")
    for path in (tmp_path / "bundle").glob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)
    bundle = Bundle.load(tmp_path / "bundle")
    row = dataset.values[-30:].copy()
    assert np.isfinite(bundle.score(row, newest=1).score).all()
    row[-1, 1] = 9
    verdicts = bundle.score(row, newest=1)
    assert verdicts.anomaly[0]
    assert verdicts.contributions[0].argmax() == 1


def test_gaps_and_missing_values_train(tmp_path: Path, quick: Settings) -> None:
    dataset = wave(900)
    dataset.values[100:103] = np.nan
    dataset.values[200, 0] = np.nan
    bundle = train(quick, dataset.select(np.r_[0:400, 450:900]), tmp_path / "bundle").bundle
    assert np.isfinite(bundle.score_windows(bundle.canary[np.newaxis]).score).all()


@pytest.mark.slow
def test_a_sweep_reports_every_variant(tmp_path: Path, quick: Settings) -> None:
    one_seed = quick.model_copy(update={"training": quick.training.model_copy(update={"n_seeds": 1})})
    ablation = train(one_seed, wave(), tmp_path / "bundle", sweep=True).bundle.metrics["ablation"]
    assert {(row["units_2"], row["window_size"]) for row in ablation} == {
        (units, window) for units in (16, 32, 64) for window in (10, 20)
    }
    assert all(row["summary"]["fused"]["false_alarm_rate"] is not None for row in ablation)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_the_old_bundle(bundle_dir: Path, tmp_path: Path, how: signal.Signals) -> None:
    out = shutil.copytree(bundle_dir, tmp_path / "bundle")
    before = verify(out)
    command = [sys.executable, "-m", "anomaliz.training.cli", "--fast", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        # The forest is fitted, so the workers are at work on the networks.
        assert "isolation_forest" in process.stderr.readline()
        process.send_signal(how)
        said = process.stderr.read()
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in said
    assert verify(out) == before
    assert _workers_gone(process.pid)


def _workers_gone(session: int) -> bool:
    """Whether every process of the killed training's session ends within seconds."""
    for _ in range(100):
        listed = subprocess.run(["pgrep", "--session", str(session)], capture_output=True, check=False)
        if listed.returncode == 1:
            return True
        time.sleep(0.1)
    return False
