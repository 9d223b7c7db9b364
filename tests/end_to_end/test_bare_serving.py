"""The service in an environment that has neither TensorFlow nor scikit-learn."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

from anomaliz.bundle.bundle import Bundle

BLOCKED = ("tensorflow", "keras", "sklearn", "skops", "onnx", "matplotlib", "mlflow", "langgraph")

SERVE = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None  # importing it raises ImportError
from pathlib import Path
from anomaliz.api.serve import serve
from anomaliz.config import load_settings
serve(load_settings(overrides={{"artifact_dir": sys.argv[1], "api.port": int(sys.argv[2])}}))
"""


def test_load_ready_analyze_and_detect(bundle_dir: Path, bundle: Bundle, free_port: int) -> None:
    window = dict(zip(bundle.features, bundle.canary.T.tolist(), strict=True))
    records = [dict(zip(bundle.features, row, strict=True)) for row in bundle.canary.tolist()]
    command = [sys.executable, "-c", SERVE, str(bundle_dir), str(free_port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            started = (json.loads(line) for line in process.stderr)
            next(line for line in started if "running on" in line["message"])
            with httpx.Client(base_url=f"http://127.0.0.1:{free_port}") as client:
                assert client.get("/readyz").status_code == 200
                assert client.post("/analyze", json=window).json()["status"] == "ok"
                assert client.post("/detect", json=records).json()["points"][-1]["status"] == "ok"
        finally:
            process.terminate()
