"""The record of a training: what is known of it beside its bundle."""

import resource
import sys
from dataclasses import asdict, dataclass
from typing import Self

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from anomaliz.config.keys import KEYS
from anomaliz.config.loading import shown_values
from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError
from anomaliz.tracking.revision import Revision

LONGEST_VALUE = 500
"""Characters of a parameter: what every release of MLflow takes."""


@dataclass(frozen=True)
class TrainingRecord:
    """A training as plain data, which can wait on disk until it is uploaded."""

    bundle_version: str
    tracking_uri: str
    artifact_folder: str
    """Absolute, for the files of runs where the store is a database."""
    experiment_name: str
    model_name: str
    params: dict[str, str]
    """Every setting by its dotted key, without secrets."""
    began: float
    """Seconds since the epoch."""
    ended: float
    peak_memory: float
    """Of the training command's own process, in MiB."""
    worker_peak_memory: float
    """Of the largest of its processes, in MiB."""
    revision: Revision | None

    @classmethod
    def of(
        cls, bundle_version: str, settings: Settings, began: float, ended: float, revision: Revision | None
    ) -> Self:
        """Return the record of the training that ends now."""
        tracking = settings.tracking
        return cls(
            bundle_version=bundle_version,
            tracking_uri=tracking.tracking_uri,
            artifact_folder=str(tracking.artifact_folder.absolute()),
            experiment_name=tracking.experiment_name,
            model_name=tracking.model_name,
            params=params_of(settings),
            began=began,
            ended=ended,
            peak_memory=_peak_memory(resource.RUSAGE_SELF),
            worker_peak_memory=_peak_memory(resource.RUSAGE_CHILDREN),
            revision=revision,
        )

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Return the record that `to_json` wrote; raises AnomalizError for anything else."""
        try:
            return TypeAdapter(cls).validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "record"
            raise AnomalizError(f"a wrong {field} ({first['msg']})") from None

    def to_json(self) -> bytes:
        return to_json(asdict(self), indent=2)


def params_of(settings: Settings) -> dict[str, str]:
    """Return every setting that is no secret as text of bounded length, by its dotted key."""
    values = shown_values(settings)
    return {dotted: _bounded(value) for dotted, value in values.items() if not KEYS[dotted].is_secret}


def _bounded(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _peak_memory(whose: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(whose).ru_maxrss * unit / 2**20
