"""The bundle as an MLflow model: a pyfunc from code, with the code that scores and the bundle inside it."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anomaliz
from anomaliz.bundle.bundle import Bundle

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

MODEL_NAME = "model"
"""Of the model among those of its run."""
SCORING_ROOMS = ("core", "metrics", "data", "preprocessing", "models", "detection", "bundle")
"""The package's folders that scoring imports from."""
REQUIREMENTS = ("mlflow", "numpy", "onnxruntime", "pandas", "pyarrow", "pydantic")
"""What scoring imports, and what serves it."""
MODEL_FILE = Path(__file__).with_name("bundle_model.py")


def log_model(bundle: Bundle, directory: Path, run_id: str) -> str:
    """Log the bundle in `directory` as a model of the run, at the store that MLflow is connected to.

    Returns the model's URI.
    """
    import mlflow

    with _scoring_code() as code, _import_path(), mlflow.start_run(run_id):
        logged = mlflow.pyfunc.log_model(
            name=MODEL_NAME,
            python_model=str(MODEL_FILE),
            artifacts={"bundle": str(directory)},
            code_paths=[str(code)],
            signature=signature(bundle),
            input_example=_example(bundle),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    return str(logged.model_uri)


def signature(bundle: Bundle) -> "ModelSignature":
    """Return what the model takes, rows in time order, and what it gives, a row for each."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    # Stamps are ISO text, with a zone or without, epoch numbers, or datetimes: no single type of MLflow's.
    stamp = ColSpec(AnyType(), "timestamp", required=False)  # type: ignore[no-untyped-call]
    features = [ColSpec("double", feature) for feature in bundle.features]
    answer = [ColSpec(kind, name) for name, kind in OUTPUT.items()]
    return ModelSignature(Schema([stamp, *features]), Schema([*answer]))


OUTPUT = {
    "score": "double",
    "anomaly": "boolean",
    "threshold": "double",
    "status": "string",
    "profile": "string",
    "rank_score": "double",
    "alert_score": "double",
    "alert": "boolean",
}
"""Columns of the model's answer and their types."""


def _example(bundle: Bundle) -> Any:
    import pandas as pd

    return pd.DataFrame(bundle.canary, columns=list(bundle.features))


@contextmanager
def _scoring_code() -> Iterator[Path]:
    """Give a folder with the part of the package that scoring needs."""
    package = Path(anomaliz.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / package.name
        copy.mkdir()
        shutil.copy(package / "__init__.py", copy)
        for room in SCORING_ROOMS:
            shutil.copytree(package / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
        yield copy


@contextmanager
def _import_path() -> Iterator[None]:
    """Take back what MLflow puts on the import path when it tries the model."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before
