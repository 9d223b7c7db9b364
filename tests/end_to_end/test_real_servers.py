"""Train on real server metrics, serve them with a real process, post real windows."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from anomaliz.data.dataset import Dataset
from anomaliz.data.tabular import read_dataset
from anomaliz.metrics.classification import roc_auc

AIM = 0.75
BATCH = 512


@contextmanager
def serving(bundle: Path, port: int) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "uvicorn", "anomaliz.api.main:app", "--port", str(port)]
    environment = {"ANOMALIZ_ARTIFACT_DIR": str(bundle), "PATH": ""}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait_until_ready(client)
                yield client
        finally:
            process.terminate()


def _wait_until_ready(client: httpx.Client) -> None:
    for _ in range(100):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("the service did not become ready in 10 s")


def windows_of(test: Dataset, window_size: int) -> list[dict[str, list[float]]]:
    columns = test.values.T
    return [
        {
            feature: columns[i, end - window_size + 1 : end + 1].tolist()
            for i, feature in enumerate(test.features)
        }
        for end in range(window_size - 1, len(test))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("server", ["omi-2", "omi-3"])
def test_labelled_incidents_score_higher_than_the_rest(
    shared: Path, tmp_path: Path, free_port: int, server: str
) -> None:
    data, bundle = shared / "asd" / f"{server}.csv.gz", tmp_path / server
    command = [sys.executable, "-m", "anomaliz.training.cli", "--fast", "--json"]
    done = subprocess.run(
        [*command, "--data", str(data), "--out", str(bundle)], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["decision"]["chosen_by"] == "alert_budget"
    dataset = read_dataset(data)
    assert dataset.split is not None
    test = dataset.select(dataset.split == "test")
    with serving(bundle, free_port) as client:
        windows = windows_of(test, 10)
        assert client.post("/analyze", json=windows[0]).json()["status"] == "ok"
        answers = []
        for start in range(0, len(windows), BATCH):
            answer = client.post("/analyze/batch", json={"windows": windows[start : start + BATCH]})
            assert answer.status_code == 200, answer.text
            answers += answer.json()["results"]
    assert test.labels is not None
    scores = np.array([answer["score"] for answer in answers])
    assert roc_auc(test.labels[9:], scores) > AIM
