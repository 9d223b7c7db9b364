"""The model that MLflow serves. MLflow copies this file into the model and runs it there, beside `code/`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import AnomalizError, DataError
from anomaliz.core.types import Flags
from anomaliz.core.verdict import Status
from anomaliz.data.tabular import series_from_frame
from anomaliz.detection.profile import WINDOW_PROFILE
from anomaliz.detection.series_profile import SERIES_PROFILE


class BundleModel(PythonModel):
    """Scores rows in time order with the bundle among the model's artifacts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle, which checks every file's hash."""
        self._bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Return a row for each of the input's: its score, and what follows from it; null is not scored."""
        try:
            return _answers(self._bundle, model_input)
        except AnomalizError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from error


def _answers(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        raise DataError("the input must have one row or more")
    values, times = series_from_frame(frame, bundle.features)
    rows = np.arange(len(values))
    if times is not None:
        values, times, rows = bundle.regularise(values, times)
    # As the service judges the newest row, though the rows before it may not have the history for that.
    series = bundle.has_history(len(values), times)
    verdicts = bundle.score(values, times, profile=SERIES_PROFILE if series else WINDOW_PROFILE)
    scored = verdicts.scored[rows]
    columns = {
        "score": verdicts.score[rows],
        "anomaly": _where(scored, verdicts.anomaly[rows]),
        "threshold": verdicts.threshold,
        "status": [Status(status).name for status in verdicts.status[rows]],
        "profile": verdicts.profile,
        "rank_score": None if verdicts.rank_score is None else verdicts.rank_score[rows],
        "alert_score": None if verdicts.alert_score is None else verdicts.alert_score[rows],
        "alert": None if verdicts.alert is None else _where(scored, verdicts.alert[rows]),
    }
    answers = pd.DataFrame(columns, index=frame.index, dtype=object)
    return answers.where(answers.notna(), None)  # JSON has no NaN


def _where(scored: Flags, flags: Flags) -> list[bool | None]:
    return [flag if known else None for flag, known in zip(flags.tolist(), scored, strict=True)]


set_model(BundleModel())
