"""The same definitions in Dagster, which runs in an environment of its own."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_stores import found

ROOT = Path(__file__).parents[2]
FUNCTION = """
import numpy as np
import pandas as pd


def ingest(start, end):
    times = pd.date_range(start, end, freq="1s", inclusive="left")
    seconds = (times - pd.Timestamp("2020-01-01", tz="UTC")).total_seconds().to_numpy()
    values = np.sin(seconds / 60) + 0.1 * np.sin(seconds * 12.9898)
    return pd.DataFrame({"timestamp": times, "value": values})
"""
DEFINITIONS = """
from anomaliz.pipelines.dagster import definitions

defs = definitions(["pipelines.yaml"])
"""
PIPELINE = {"query": "steady.py", "schedule": "*/5 * * * 1", "step": "1s", "train": {"window": "10m"}}


class Dagster:
    """Its command, in a folder with definitions."""

    def __init__(self, folder: Path) -> None:
        self.program = found("dagster/bin/dagster", "dagster")
        self.folder = folder
        (folder / "steady.py").write_text(FUNCTION)
        (folder / "definitions.py").write_text(DEFINITIONS)
        (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def define(self, *pipelines: dict[str, Any]) -> None:
        content = {
            "sources": {"functions": {"type": "python", "folder": "."}},
            "sinks": {"lines": {"type": "json_lines", "path": "scores.jsonl"}},
            "pipelines": list(pipelines),
        }
        (self.folder / "pipelines.yaml").write_text(yaml.safe_dump(content))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ANOMALIZ_")}
        ours = {"DAGSTER_HOME": str(self.folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [self.program, *arguments, "-f", "definitions.py"]
        return subprocess.run(
            command, cwd=self.folder, env=plain | ours, capture_output=True, text=True, timeout=120
        )


@pytest.fixture
def dagster(tmp_path: Path) -> Dagster:
    return Dagster(tmp_path)


@pytest.mark.slow
def test_a_pipeline_is_assets_and_schedules(dagster: Dagster) -> None:
    dagster.define({"name": "web.cpu", **PIPELINE})
    schedules = dagster.run("schedule", "list")
    assert schedules.returncode == 0, schedules.stderr
    assert "Schedule: web_cpu_score_schedule [RUNNING]\nCron Schedule: */5 * * * 1" in schedules.stdout
    assert "Schedule: web_cpu_train_schedule [RUNNING]\nCron Schedule: 0 3 * * *" in schedules.stdout

    scored = dagster.run("job", "execute", "-j", "web_cpu_score")
    assert scored.returncode == 0, scored.stderr
    lines = [json.loads(line) for line in (dagster.folder / "scores.jsonl").read_text().splitlines()]
    assert {line["labels"]["pipeline"] for line in lines} == {"web.cpu"}
    assert len([line for line in lines if line["labels"]["__name__"] == "anomaly_score"]) == 1


@pytest.mark.slow
def test_what_fails_is_one_sentence(dagster: Dagster) -> None:
    dagster.define({"name": "cpu", **PIPELINE, "query": "absent.py"})
    failed = dagster.run("job", "execute", "-j", "cpu_train")
    assert failed.returncode != 0
    assert "absent.py does not exist" in failed.stderr + failed.stdout

    dagster.define({"name": "a.b", **PIPELINE}, {"name": "a_b", **PIPELINE})
    refused = dagster.run("schedule", "list")
    said = refused.stderr + refused.stdout
    assert "pipelines a.b and a_b have one name in Dagster, a_b: rename one" in said
