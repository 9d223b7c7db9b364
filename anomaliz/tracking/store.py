"""The connection to an MLflow store: bounded in time, quiet, and its errors one sentence."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anomaliz.config.refusal import masked
from anomaliz.core.errors import AnomalizError, ConfigError, MissingExtraError, TrackingError
from anomaliz.core.suggestion import suggestion

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECONDS = 15
"""For one answer of a server or a database. MLflow's own 120, seven times retried, are many minutes."""
SERVERS = ("http", "https", "databricks")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
LONGEST_REASON = 200
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
"""What MLflow reads while we use it, where the user has not set it."""
FAULTS = {
    "Connection refused": "cannot be reached (connection refused)",
    "Failed to resolve": "cannot be reached (its host is unknown)",
    "NameResolutionError": "cannot be reached (its host is unknown)",
    "No route to host": "cannot be reached (no route to its host)",
    "timed out": "does not answer in time",
    "Connection aborted": "cannot be reached (it closed the connection)",
    "Connection reset": "cannot be reached (it closed the connection)",
    "CERTIFICATE_VERIFY_FAILED": "has a certificate that is not trusted",
    "unable to open database file": "cannot be opened",
    "database or disk is full": "has no room left on its disk",
    "No space left on device": "finds no space left on the disk",
}
"""What a text that MLflow raises says in a few words, by what it contains."""


@contextmanager
def connected(uri: str) -> Iterator["MlflowClient"]:
    """Give a client of the store at `uri`, which is where MLflow's own functions go too in the block.

    Raises MissingExtraError without MLflow, ConfigError for a `uri` that can be none, and TrackingError, in
    one sentence, for whatever MLflow fails with in the block.
    """
    require_store(uri)
    with _environment(), _one_sentence(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's speak to who wrote the code, not to who runs it
        import mlflow

        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if is_database(uri):
            _connect(uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        yield mlflow.MlflowClient(uri, uri)


def require_store(uri: str) -> None:
    """Raise MissingExtraError without MLflow, and ConfigError for a `uri` that no store of MLflow has."""
    if find_spec("mlflow") is None:
        raise MissingExtraError.of("MLflow", "tracking")
    scheme = _scheme(uri)
    if scheme in ("", "file"):
        raise ConfigError(
            f"tracking.tracking_uri is the folder {uri}, and MLflow needs a server or a database: "
            "give http://HOST:5000 or sqlite:///mlruns.db",
            field="tracking.tracking_uri",
        )
    if scheme in (*SERVERS, *DATABASES):
        return  # the search for plugins takes a while
    known = [*SERVERS, *DATABASES, *(plugin.name for plugin in entry_points(group="mlflow.tracking_store"))]
    if scheme not in known:
        advice = suggestion(scheme, known) or ": give http://HOST:5000 or sqlite:///mlruns.db"
        raise ConfigError(
            f"tracking.tracking_uri begins with {scheme!r}, which is no store of MLflow{advice}",
            field="tracking.tracking_uri",
        )


def require_existing(uri: str) -> None:
    """Raise TrackingError where the store is a file that is not there: to look must not make one."""
    require_store(uri)
    if _scheme(uri) == "sqlite" and not Path(urlsplit(uri).path.removeprefix("/")).exists():
        raise TrackingError(f"{uri} is not there: 'anomaliz train --logger mlflow' makes it")


def is_database(uri: str) -> bool:
    """Whether clients of the store at `uri` write a database themselves, and the files of runs too."""
    return _scheme(uri) in DATABASES


def _scheme(uri: str) -> str:
    # SQLAlchemy's names may say the driver: postgresql+psycopg.
    return "databricks" if uri == "databricks" else urlsplit(uri).scheme.partition("+")[0]


def _connect(uri: str) -> None:
    """Open the database once: MLflow would try ten times, with longer and longer pauses, before it fails."""
    import sqlalchemy

    waits = _scheme(uri) in ("postgresql", "mysql")
    arguments = {"connect_timeout": SECONDS} if waits else {}
    engine = sqlalchemy.create_engine(uri, connect_args=arguments)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        yield
    finally:
        # MLflow writes variables of its own, too.
        for name in [name for name in os.environ if name.startswith("MLFLOW_") and name not in before]:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _one_sentence(uri: str) -> Iterator[None]:
    try:
        yield
    except AnomalizError:
        raise
    except Exception as error:  # of MLflow, requests, SQLAlchemy and the disk, which share no class
        raise TrackingError(f"MLflow at {masked(uri)} {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return what went wrong as the end of a sentence that begins with the store."""
    text = str(error)
    status = _status(error)
    if isinstance(error, ImportError):
        return f"needs the package {error.name!r}: pip install it"
    if status in (401, 403):
        return (
            f"refuses this client ({status}): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
            "or MLFLOW_TRACKING_TOKEN"
        )
    for part, said in FAULTS.items():
        if part in text:
            return said
    return f"failed ({gist(error)})"


def gist(error: Exception) -> str:
    """Return what an error says, which may fill pages, as one short line without passwords."""
    text = str(error).removeprefix(f"{getattr(error, 'error_code', '')}: ")
    line = masked(re.sub(r"\s+", " ", text).strip()).rstrip(".")
    return f"{line[: LONGEST_REASON - 1]}…" if len(line) > LONGEST_REASON else line or type(error).__name__


def _status(error: Any) -> int | None:
    """Return the HTTP status in an error of MLflow's or of requests', if it has one."""
    if hasattr(error, "get_http_status_code"):
        return int(error.get_http_status_code())
    return getattr(getattr(error, "response", None), "status_code", None)
