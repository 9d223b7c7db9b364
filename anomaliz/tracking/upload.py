"""Uploads the record of a training and its bundle to MLflow: a run, a model, a version in the registry."""

import getpass
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import TrackingError
from anomaliz.tracking.model import log_model
from anomaliz.tracking.readings import Point, points, summary_points
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.registry import BUNDLE_SHA256, BUNDLE_VERSION, Registry
from anomaliz.tracking.store import connected, is_database
from anomaliz.training.report import report

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

UPLOAD = "upload"
"""Tag of a run that says whether it is complete."""
COMPLETE, STARTED = "complete", "started"
MODEL = "model_uri"
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Has the UI open with runs and models instead of traces and prompts."""
PARENT = "mlflow.parentRunId"
MOST_PARAMS, MOST_METRICS = 100, 1000
"""In one request."""
LONGEST_DIGEST = 36


@dataclass(frozen=True)
class Uploaded:
    """Where a training is found in MLflow."""

    run_id: str
    model_name: str
    model_version: str

    def __str__(self) -> str:
        return f"run {self.run_id}, version {self.model_version} of model {self.model_name}"


def upload(record: TrainingRecord, directory: Path, uri: str | None = None) -> Uploaded:
    """Upload a training whose bundle is in `directory`, to the store at `uri` or else the record's.

    Whatever is there of this training from an upload that was cut off is replaced; a complete one is left as
    it is. Raises TrackingError with the reason where it fails.
    """
    bundle = Bundle.load(directory)
    uri = uri or record.tracking_uri
    with connected(uri) as client:
        folder = Path(record.artifact_folder) if is_database(uri) else None
        experiment = _experiment(client, record.experiment_name, folder)
        run = _complete_run(client, experiment, bundle.version)
        if run is None:
            run = _Upload(client, experiment, record, bundle, directory).run()
        version = Registry(client, record.model_name).register(bundle, run.info.run_id, run.data.tags[MODEL])
        return Uploaded(run.info.run_id, record.model_name, version.number)


def _experiment(client: "MlflowClient", name: str, folder: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return client.create_experiment(name, None if folder is None else folder.as_uri(), EXPERIMENT_TAGS)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"experiment {name!r} is deleted: restore it with 'mlflow experiments restore', or set "
            "tracking.experiment_name"
        )
    return str(found.experiment_id)


def _complete_run(client: "MlflowClient", experiment: str, version: str) -> "Run | None":
    """Return the run of a bundle where it is complete; delete what an upload that was cut off left of it."""
    runs = client.search_runs([experiment], f"tags.{BUNDLE_VERSION} = '{version}'")
    for run in runs:
        if run.data.tags.get(UPLOAD) == COMPLETE:
            return run
    for run in runs:
        for model in client.search_logged_models([experiment], f"source_run_id = '{run.info.run_id}'"):
            client.delete_logged_model(model.model_id)
        client.delete_run(run.info.run_id)
    return None


@dataclass(frozen=True)
class _Upload:
    """One run on its way to MLflow."""

    client: "MlflowClient"
    experiment: str
    record: TrainingRecord
    bundle: Bundle
    directory: Path

    def run(self) -> "Run":
        """Create the run and everything in it; the tag that says so comes last."""
        run_id = self._create(f"{self.bundle.name} {self.bundle.version}", {UPLOAD: STARTED, **self._tags()})
        model = log_model(self.bundle, self.directory, run_id)
        self._log(run_id, points(self.bundle.metrics, self.record), self.record.params)
        self.client.log_inputs(run_id, [_dataset(self.bundle)])
        self._log_figures(run_id)
        self.client.log_artifacts(run_id, str(self.directory), "bundle")
        for variant in self.bundle.metrics["ablation"]:
            self._log_variant(run_id, variant)
        self._end(run_id)
        self.client.set_tag(run_id, MODEL, model)
        self.client.set_tag(run_id, UPLOAD, COMPLETE)
        return self.client.get_run(run_id)

    def _create(self, name: str, tags: dict[str, str]) -> str:
        common = {
            BUNDLE_VERSION: self.bundle.version,
            "mlflow.user": _user(),
            "mlflow.source.name": "anomaliz train",
            "mlflow.source.type": "LOCAL",
        }
        began = _milliseconds(self.record.began)
        return str(self.client.create_run(self.experiment, began, {**common, **tags}, name).info.run_id)

    def _end(self, run_id: str) -> None:
        self.client.set_terminated(run_id, "FINISHED", _milliseconds(self.record.ended))

    def _tags(self) -> dict[str, str]:
        tags = {
            BUNDLE_SHA256: self.bundle.sha256,
            "product_version": self.bundle.manifest.product_version,
            "mlflow.note.content": f"```\n{report(self.bundle)}\n```",
            "sweep": str(bool(self.bundle.metrics["ablation"])).lower(),
        }
        revision = self.record.revision
        if revision:
            tags["mlflow.source.git.commit"] = revision.commit
            tags["git_dirty"] = str(revision.dirty).lower()
        return tags

    def _log(self, run_id: str, found: Sequence[Point], params: dict[str, str]) -> None:
        from mlflow.entities import Metric, Param

        now = _milliseconds(self.record.ended)
        for some in _batches([Param(name, value) for name, value in params.items()], MOST_PARAMS):
            self.client.log_batch(run_id, params=some)
        for part in _batches([Metric(name, value, now, step) for name, value, step in found], MOST_METRICS):
            self.client.log_batch(run_id, metrics=part)

    def _log_figures(self, run_id: str) -> None:
        from anomaliz.visualization.dashboard import write_dashboard

        with tempfile.TemporaryDirectory() as folder:
            write_dashboard(self.bundle, Path(folder))
            self.client.log_artifacts(run_id, folder, "figures")

    def _log_variant(self, parent: str, variant: dict[str, Any]) -> None:
        """Log one variant of a sweep as a child: its settings, and its metrics over seeds."""
        sizes = {
            "models.lstm_autoencoder.units_2": str(variant["units_2"]),
            "data.window_size": str(variant["window_size"]),
        }
        name = f"units_2={variant['units_2']}, window={variant['window_size']}"
        run_id = self._create(name, {PARENT: parent})
        self._log(run_id, list(summary_points(variant["summary"])), {**self.record.params, **sizes})
        self._end(run_id)


def _dataset(bundle: Bundle) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = bundle.metadata["data"]
    columns = [{"type": "double", "name": feature, "required": True} for feature in bundle.features]
    facts = {name: data[name] for name in ("first", "last", "labelled", "sha256")}
    dataset = Dataset(
        name=data["name"],
        digest=data["sha256"][:LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": data["name"]}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": data["rows"], **facts}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _batches(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
