"""What a run in MLflow shows of a training, and that no training has two."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE, METRICS_FILE, digest, verify
from anomaliz.core.errors import TrackingError
from anomaliz.tracking.recording import upload_entry
from anomaliz.tracking.spool import Spool
from anomaliz.tracking.upload import Uploaded, upload

SWEPT = [(16, 10), (32, 10), (64, 10), (16, 20), (32, 20), (64, 20)]


def runs_of(client: Any, experiment: str) -> list[Any]:
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def files_of(client: Any, run_id: str, path: str) -> set[str]:
    return {Path(file.path).name for file in client.list_artifacts(run_id, path)}


@pytest.fixture
def uploaded(record: Any, bundle_dir: Path) -> Uploaded:
    return upload(record, bundle_dir)


def test_a_run_has_settings_metrics_data_revision_and_files(
    uploaded: Uploaded, record: Any, client: Any, bundle: Bundle, tmp_path: Path
) -> None:
    run = client.get_run(uploaded.run_id)
    assert (run.info.status, run.info.start_time, run.info.end_time) == (
        "FINISHED",
        1_700_000_000_000,
        1_700_000_090_000,
    )
    assert run.data.params == record.params

    metrics = run.data.metrics
    seed = bundle.metrics["seed"]
    fused = bundle.metrics["test"]["fused"]
    by_seed = client.get_metric_history(uploaded.run_id, "fused/f1")
    assert [(point.step, point.value) for point in by_seed] == [(seed, fused["f1"])]
    assert metrics["fused/f1_mean"] == bundle.metrics["summary"]["fused"]["f1"]["mean"]
    assert metrics["fused/f1_std"] == 0
    assert metrics["series_profile/pr_auc"] == bundle.metrics["series"]["pr_auc"]
    for detector in ("lstm_autoencoder", "lstm_forecaster"):
        losses = client.get_metric_history(uploaded.run_id, f"{detector}/validation_loss")
        assert [point.value for point in losses] == bundle.metrics["learning_curves"][detector]
        assert [point.step for point in losses] == list(range(1, len(losses) + 1))
    assert metrics["system/duration_seconds"] == 90
    assert metrics["system/peak_memory_megabytes"] > 10

    dataset = run.inputs.dataset_inputs[0].dataset
    data = bundle.metadata["data"]
    profile = json.loads(dataset.profile)
    assert dataset.name == data["name"]
    assert data["sha256"].startswith(dataset.digest)
    assert profile["sha256"] == data["sha256"]
    assert (profile["num_rows"], profile["first"], profile["last"]) == (3000, data["first"], data["last"])

    assert run.data.tags["mlflow.source.git.commit"] == record.revision.commit
    assert run.data.tags["git_dirty"] == "true"
    assert files_of(client, uploaded.run_id, "figures") == {
        "roc_curves.png",
        "metrics_comparison.png",
        "seed_stability.png",
        "comparison_summary.png",
    }
    folder = client.download_artifacts(uploaded.run_id, "bundle", str(tmp_path))
    assert verify(Path(folder)).version == bundle.version


def test_a_training_uploaded_twice_has_one_run_and_one_version(
    uploaded: Uploaded, record: Any, client: Any, bundle_dir: Path, name: str
) -> None:
    assert upload(record, bundle_dir) == uploaded
    assert [run.info.run_id for run in runs_of(client, name)] == [uploaded.run_id]
    assert len(client.search_model_versions(f"name = '{name}'")) == 1


def test_a_sweep_is_a_parent_with_a_child_for_each_variant(
    record: Any, client: Any, bundle: Bundle, bundle_dir: Path, tmp_path: Path, name: str
) -> None:
    directory = Path(shutil.copytree(bundle_dir, tmp_path / "swept"))
    summary = bundle.metrics["summary"]
    variants = [{"units_2": units, "window_size": window, "summary": summary} for units, window in SWEPT]
    content = json.dumps({**bundle.metrics, "ablation": variants}).encode()
    (directory / METRICS_FILE).write_bytes(content)
    manifest = json.loads((directory / MANIFEST_FILE).read_text())
    manifest["files"][METRICS_FILE] = digest(content)
    (directory / MANIFEST_FILE).write_text(json.dumps(manifest))

    parent = upload(record, directory)
    runs = {run.info.run_id: run for run in runs_of(client, name)}
    children = [run for run in runs.values() if run.data.tags.get("mlflow.parentRunId") == parent.run_id]
    assert len(runs) == 1 + len(SWEPT) == 1 + len(children)
    sizes = {
        (run.data.params["models.lstm_autoencoder.units_2"], run.data.params["data.window_size"])
        for run in children
    }
    assert sizes == {(str(units), str(window)) for units, window in SWEPT}
    assert {run.data.metrics["fused/f1_mean"] for run in children} == {summary["fused"]["f1"]["mean"]}
    assert {run.info.status for run in children} == {"FINISHED"}
    assert upload(record, directory) == parent
    assert len(runs_of(client, name)) == 1 + len(SWEPT)


UPLOAD = """
import sys
from pathlib import Path
from anomaliz.tracking.recording import upload_entry
from anomaliz.tracking.spool import Spool
upload_entry(Spool(Path(sys.argv[1])).entries()[0])
"""


@pytest.mark.slow
def test_a_server_killed_in_the_middle_leaves_the_entry_and_half_a_run_that_sync_replaces(
    record: Any, client: Any, mlflow_server: Any, bundle_dir: Path, tmp_path: Path, name: str, until: Any
) -> None:
    spool = Spool(tmp_path / "spool")
    entry = spool.put(record, bundle_dir)
    before = set(mlflow_server.artifacts.rglob("*.png"))
    command = [sys.executable, "-c", UPLOAD, str(spool.directory)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            until(lambda: set(mlflow_server.artifacts.rglob("*.png")) - before, "the first figure")
            mlflow_server.kill()
            said = process.stderr.read()
            assert process.wait() != 0
        finally:
            mlflow_server.start()
    assert "TrackingError: MLflow at http://127.0.0.1" in said
    assert spool.entries() == [entry]
    half = runs_of(client, name)
    assert [run.data.tags["upload"] for run in half] == ["started"]

    uploaded = upload_entry(entry)
    runs = runs_of(client, name)
    assert [(run.info.run_id, run.data.tags["upload"]) for run in runs] == [(uploaded.run_id, "complete")]
    assert half[0].info.run_id != uploaded.run_id
    experiment = client.get_experiment_by_name(name).experiment_id
    assert len(client.search_logged_models([experiment])) == 1
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    assert spool.entries() == []


def test_a_deleted_experiment_is_a_sentence_that_says_what_to_do(
    uploaded: Uploaded, record: Any, client: Any, bundle_dir: Path, name: str
) -> None:
    assert uploaded.model_name == name
    client.delete_experiment(client.get_experiment_by_name(name).experiment_id)
    with pytest.raises(TrackingError, match="is deleted: restore it with 'mlflow experiments restore'"):
        upload(record, bundle_dir)


def test_a_database_takes_runs_and_the_folder_beside_it_their_files(
    record: Any, bundle_dir: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlruns.db"
    uploaded = upload(replace(record, tracking_uri=uri), bundle_dir)
    run = MlflowClient(uri).get_run(uploaded.run_id)
    assert run.info.artifact_uri.startswith((tmp_path / "mlruns").as_uri())
    assert (tmp_path / "mlruns" / uploaded.run_id / "artifacts" / "bundle" / MANIFEST_FILE).is_file()
