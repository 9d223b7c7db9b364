"""The applications that are compared: ours beside a constant, and the Keras and scikit-learn path."""

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from anomaliz.api.main import create_app
from benchmarks.reference import Reference


class Window(BaseModel):
    """A window of the default bundle."""

    cpu: list[float]
    memory: list[float]
    latency: list[float]


def with_constant() -> FastAPI:
    """Return the service with one more endpoint, that parses the same body and answers a constant."""
    app = create_app()

    @app.post("/constant")
    async def constant(_: Window) -> dict[str, Any]:
        return {"anomaly": False, "score": 0.1}

    return app


def keras_and_sklearn() -> FastAPI:
    """Return a service as one writes it without a scoring graph: both libraries in the handler."""
    app = FastAPI()
    reference = Reference(Path(os.environ["ANOMALIZ_ARTIFACT_DIR"]))

    @app.post("/predict")
    def predict(window: Window) -> dict[str, Any]:
        return reference.analyze([window.cpu, window.memory, window.latency], reference.predict)

    @app.post("/predict_on_batch")
    def predict_on_batch(window: Window) -> dict[str, Any]:
        return reference.analyze([window.cpu, window.memory, window.latency], reference.predict_on_batch)

    return app
