"""The bundle as an MLflow model, served by MLflow's own command, beside the service."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from anomaliz.api.main import create_app
from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE, verify
from anomaliz.config.loading import load_settings
from anomaliz.data.synthetic import make_synthetic
from anomaliz.tracking.model import OUTPUT, SCORING_ROOMS
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.upload import upload

DAY = 300
"""Rows, five minutes apart: more than a day, so that the series profile judges."""


@pytest.fixture(scope="module")
def model(
    mlflow_server: Any, bundle_dir: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of the model that a training registered, downloaded by its name in the registry."""
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    folder = tmp_path_factory.mktemp("model")
    overrides = {"tracking.tracking_uri": mlflow_server.uri, "tracking.model_name": "scored"}
    settings = load_settings(overrides=overrides, environ={}, env_file=None)
    uploaded = upload(TrainingRecord.of(bundle.version, settings, 0.0, 1.0, None), bundle_dir)
    client = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    source = client.get_model_version("scored", uploaded.model_version).source
    return Path(download_artifacts(source, dst_path=str(folder), tracking_uri=mlflow_server.uri))


@dataclass
class Scorer:
    """`mlflow models serve`."""

    client: httpx.Client

    def post(self, columns: dict[str, list[Any]]) -> httpx.Response:
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return self.client.post(
            "/invocations", json={"dataframe_split": {"columns": [*columns], "data": rows}}
        )

    def score(self, columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
        response = self.post(columns)
        assert response.status_code == 200, response.text
        predictions: list[dict[str, Any]] = response.json()["predictions"]
        return predictions


@pytest.fixture(scope="module")
def scorer(
    model: Path, mlflow_environment: dict[str, str], find_port: Callable[[], int], until: Any
) -> Iterator[Scorer]:
    port = find_port()
    command = ["models", "serve", "--model-uri", str(model), "--env-manager", "local", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *command],
        cwd=model,
        env=mlflow_environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            until(lambda: pings(client, process), "the start of 'mlflow models serve'", 120)
            yield Scorer(client)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def pings(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return client.get("/ping").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def service(bundle_dir: Path) -> Iterator[TestClient]:
    settings = load_settings(
        overrides={"artifact_dir": str(bundle_dir), "api.reload_seconds": 0}, environ={}, env_file=None
    )
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def columns() -> dict[str, list[Any]]:
    """A day and more of a synthetic series, with stamps, and an odd last row."""
    series = make_synthetic("realistic", 1000, 3, 10)
    values = series.values[:DAY].copy()
    values[-1, 0] = 0.97
    stamps = [f"{np.datetime_as_string(stamp, 's')}Z" for stamp in series.times[:DAY]]
    return {"timestamp": stamps, **dict(zip(series.features, values.T.tolist(), strict=True))}


def without_stamps(columns: dict[str, list[Any]], rows: int) -> dict[str, list[Any]]:
    return {name: values[-rows:] for name, values in columns.items() if name != "timestamp"}


@pytest.mark.parametrize(("rows", "profile"), [(10, "window"), (40, "window"), (DAY, "series")])
def test_the_newest_row_scores_as_analyze_does(
    scorer: Scorer, service: TestClient, columns: dict[str, list[Any]], rows: int, profile: str
) -> None:
    window = without_stamps(columns, rows)
    answer = service.post("/analyze", json=window).json()
    scored = scorer.score(window)
    assert len(scored) == rows
    assert set(scored[-1]) == set(OUTPUT)
    assert scored[-1]["score"] == pytest.approx(answer["score"], abs=1e-6)
    assert scored[-1]["anomaly"] is answer["anomaly"] is True
    for name in ("status", "profile", "threshold", "rank_score", "alert_score", "alert"):
        assert scored[-1][name] == (
            pytest.approx(answer[name], abs=1e-6) if isinstance(answer[name], float) else answer[name]
        )
    assert scored[-1]["profile"] == profile


def test_stamps_may_be_text_with_a_zone_or_epoch_seconds(
    scorer: Scorer, service: TestClient, columns: dict[str, list[Any]]
) -> None:
    body = {"timestamps" if name == "timestamp" else name: values for name, values in columns.items()}
    answer = service.post("/analyze", json=body).json()
    epochs = [int(np.datetime64(stamp[:-1], "s").astype(int)) for stamp in columns["timestamp"]]
    for stamps in (columns["timestamp"], epochs):
        newest = scorer.score({**columns, "timestamp": stamps})[-1]
        assert newest["score"] == pytest.approx(answer["score"], abs=1e-6)


def test_a_gap_in_time_gives_no_row_of_its_own(scorer: Scorer, columns: dict[str, list[Any]]) -> None:
    gapped = {name: values[:100] + values[120:150] for name, values in columns.items()}
    scored = scorer.score(gapped)
    assert len(scored) == 130
    assert [row["status"] for row in scored[100:109]] == ["warming_up"] * 9


def test_a_row_that_is_not_scored_is_null_and_no_anomaly(
    scorer: Scorer, columns: dict[str, list[Any]]
) -> None:
    first = scorer.score(without_stamps(columns, 12))[0]
    assert first["status"] == "warming_up"
    assert first["score"] is None
    assert first["anomaly"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timestamp": ["never"] * 12}, "timestamp must be ISO-8601 text or epoch seconds"),
        ({"cpu": [[]] * 12}, "cpu"),
    ],
)
def test_rows_that_cannot_be_scored_are_a_bad_request(
    scorer: Scorer, columns: dict[str, list[Any]], change: dict[str, list[Any]], said: str
) -> None:
    response = scorer.post({**without_stamps(columns, 12), **change})
    assert response.status_code == 400
    assert said in response.json()["message"]


def test_no_rows_are_a_bad_request(scorer: Scorer, columns: dict[str, list[Any]]) -> None:
    response = scorer.post({name: [] for name in without_stamps(columns, 1)})
    assert response.status_code == 400
    assert "one row or more" in response.json()["message"]


def test_the_model_holds_the_bundle_whole_the_code_that_scores_and_no_pickle(
    model: Path, bundle: Bundle
) -> None:
    manifests = list(model.rglob(MANIFEST_FILE))
    assert len(manifests) == 1
    assert verify(manifests[0].parent).version == bundle.version
    assert {path.name for path in (model / "code" / "anomaliz").iterdir()} == {"__init__.py", *SCORING_ROOMS}
    assert not [path for path in model.rglob("*") if path.suffix in (".pkl", ".pickle", ".pyc")]
    assert "loader_module: mlflow.pyfunc.loaders.code_model" in (model / "MLmodel").read_text()


def test_the_requirements_are_those_of_scoring_pinned(model: Path) -> None:
    lines = (model / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert names == {"mlflow", "numpy", "onnxruntime", "pandas", "pyarrow", "pydantic"}


LOAD = """
import sys, json, mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
import anomaliz, pandas as pd
example = json.load(open(f"{sys.argv[1]}/input_example.json"))
scores = model.predict(pd.DataFrame(example["data"], columns=example["columns"]))["score"]
print(json.dumps([anomaliz.__file__, scores.iloc[-1], sorted({n.split(".")[0] for n in sys.modules})]))
"""


def test_the_model_runs_by_its_own_code_and_without_the_training_libraries(
    model: Path, mlflow_environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(model)],
        cwd=model.parent,
        env=mlflow_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    where, score, modules = json.loads(done.stdout.splitlines()[-1])
    assert Path(where) == model / "code" / "anomaliz" / "__init__.py"
    assert 0 <= score <= 1
    assert not {"tensorflow", "keras", "sklearn", "onnx", "matplotlib", "fastapi_offline"} & set(modules)
