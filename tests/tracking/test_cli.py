"""Training with tracking, and the commands of tracking, run as a user runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import verify
from anomaliz.config.settings import Settings
from anomaliz.core.errors import TrackingError
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.recording import Recording
from anomaliz.tracking.spool import Spool

TINY = "data: {n_points: 1500}\ntraining: {n_seeds: 1, epochs: 2, workers: 1}\n"


OURS = ("ANOMALIZ_", "MLFLOW_")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `anomaliz` in a folder of its own, with these settings of `tracking`."""

    def call(*arguments: object, **tracking: object) -> subprocess.CompletedProcess[str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        variables = {f"ANOMALIZ__TRACKING__{key.upper()}": str(value) for key, value in tracking.items()}
        return subprocess.run(
            [sys.executable, "-m", "anomaliz.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**plain, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.mark.slow
def test_a_server_that_is_down_costs_no_training_and_sync_uploads_it_later(
    run: Any, mlflow_server: Any, client: Any, tmp_path: Path, free_port: int, name: str
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    down = f"http://127.0.0.1:{free_port}"
    options = ("--logger", "mlflow", "--experiment", name, "--tracking-uri", down, "--json")
    done = run("train", "--config", "tiny.yaml", "--fast", "--out", "artifacts/v1", *options, model_name=name)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["tracking"] is None
    assert verify(tmp_path / "artifacts" / "v1").version == answer["version"]
    entry = Path("artifacts", ".spool", answer["version"])
    assert done.stderr.splitlines()[-1] == (
        f"warning: the run is not recorded: MLflow at {down} cannot be reached (connection refused); "
        f"it is kept in {entry}, and 'anomaliz tracking sync' uploads it"
    )
    assert (tmp_path / entry).is_dir()

    done = run("tracking", "sync")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: 1 of 1 runs are not uploaded and stay in artifacts/.spool"

    done = run("tracking", "sync", "--tracking-uri", mlflow_server.uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{answer['version']}: run ")
    assert done.stdout.endswith(f", version 1 of model {name}\n")
    assert client.get_model_version(name, "1").tags["bundle_version"] == answer["version"]
    assert run("tracking", "sync").stdout == "nothing to upload in artifacts/.spool\n"


def test_bundles_are_listed_promoted_and_rolled_back(
    run: Any, mlflow_server: Any, record: TrainingRecord, bundle_dir: Path, bundle: Bundle, name: str
) -> None:
    from anomaliz.tracking.upload import upload

    upload(record, bundle_dir)
    tracking = {"tracking_uri": mlflow_server.uri, "model_name": name}
    done = run("bundle", "promote", bundle.version, **tracking)
    said = f"models:/{name}@champion is version 1 (bundle {bundle.version})"
    assert (done.stdout, done.stderr) == (f"{said}; new\n", "")
    assert run("bundle", "promote", "1", **tracking).stdout == f"{said}; as before\n"

    listed = run("bundle", "list", "--folder", bundle_dir.parent, **tracking)
    assert listed.stderr == ""
    assert listed.stdout.splitlines()[1].split()[:4] == [bundle.version, str(bundle_dir), "1", "champion"]
    answer = json.loads(run("bundle", "list", "--folder", bundle_dir.parent, "--json", **tracking).stdout)
    assert answer["registry"] == "ok"
    assert answer["bundles"][0]["aliases"] == ["champion"]
    assert answer["bundles"][0]["metrics"]["f1"] == bundle.metrics["summary"]["fused"]["f1"]["mean"]

    done = run("bundle", "rollback", **tracking)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: alias 'champion' of model {name} named no other version before: "
        "name one with 'anomaliz bundle promote'\n"
    )


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:///absent.db"])
def test_local_bundles_are_listed_where_the_registry_cannot_be_asked(
    run: Any, bundle_dir: Path, bundle: Bundle, tmp_path: Path, uri: str
) -> None:
    done = run("bundle", "list", "--folder", bundle_dir.parent, tracking_uri=uri)
    assert done.returncode == 0
    assert bundle.version in done.stdout
    assert done.stderr.startswith("warning: only local bundles are listed: ")
    assert uri in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_bundle_anywhere_says_how_to_make_one(run: Any) -> None:
    done = run("bundle", "list")
    assert done.stdout.startswith("no bundle in artifacts, none registered: 'anomaliz train")


def test_a_wrong_address_is_refused_before_anything_is_trained(run: Any, tmp_path: Path) -> None:
    done = run("train", "--logger", "mlflow", "--tracking-uri", "htttp://host:5000")
    assert done.returncode == 1
    assert done.stderr.startswith("error: tracking.tracking_uri begins with 'htttp'")
    assert not (tmp_path / "artifacts").exists()


def test_an_unreadable_entry_stops_no_other(run: Any, tmp_path: Path) -> None:
    (tmp_path / "artifacts" / ".spool" / "broken").mkdir(parents=True)
    done = run("tracking", "sync")
    assert done.returncode == 1
    assert (
        "warning: broken is not uploaded: artifacts/.spool/broken/record.json cannot be read" in done.stderr
    )


def test_a_spool_without_room_is_passed_by(
    tracking_settings: Callable[..., Settings], bundle: Bundle, bundle_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    recording = Recording.begin(tracking_settings(spool_dir=str(tmp_path / "file" / "spool")))
    assert recording.finish(bundle.version, bundle_dir).model_version == "1"


def test_neither_room_nor_server_is_one_sentence_with_both_causes(
    tracking_settings: Callable[..., Settings],
    bundle: Bundle,
    bundle_dir: Path,
    tmp_path: Path,
    free_port: int,
) -> None:
    (tmp_path / "file").touch()
    settings = tracking_settings(
        spool_dir=str(tmp_path / "file" / "spool"), tracking_uri=f"http://127.0.0.1:{free_port}"
    )
    with pytest.raises(TrackingError) as failed:
        Recording.begin(settings).finish(bundle.version, bundle_dir)
    said = str(failed.value)
    assert "cannot be reached (connection refused); nor can it be kept for later" in said
    assert said.endswith("make room for tracking.spool_dir and train again to record it")


def test_a_recorded_training_leaves_the_spool_empty(
    tracking_settings: Callable[..., Settings], bundle: Bundle, bundle_dir: Path, client: Any, name: str
) -> None:
    settings = tracking_settings()
    uploaded = Recording.begin(settings).finish(bundle.version, bundle_dir)
    assert Spool(settings.tracking.spool_dir).entries() == []
    assert client.get_model_version(name, uploaded.model_version).run_id == uploaded.run_id


IMPORTS = """
import sys
import anomaliz, anomaliz.cli, anomaliz.training.cli, anomaliz.tracking.cli, anomaliz.tracking.recording
import anomaliz.tracking.catalogue, anomaliz.tracking.model, anomaliz.training.pipeline
print([name for name in ("mlflow", "tensorflow", "matplotlib", "sqlalchemy") if name in sys.modules])
"""


def test_no_import_of_ours_imports_mlflow() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
