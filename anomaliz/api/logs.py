"""Structured logs: one JSON object, or one line of text, for each record."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from anomaliz.api.request_log import REQUEST_ID
from anomaliz.config.settings import Logging

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
LOGGERS = ("anomaliz", "uvicorn", "asyncio")
QUIET = ("apscheduler", "distributed")
"""What they tell that is no warning is told by ours."""


def configure(settings: Logging) -> None:
    """Write the service's and uvicorn's records to standard error; the service alone logs requests."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(settings.level)
        logger.propagate = False
    for name in QUIET:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(max(logging.WARNING, logging.getLevelName(settings.level)))
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request id, and what `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return to_json(fields, fallback=str, inf_nan_mode="null").decode()


class TextFormatter(logging.Formatter):
    """The same for people: `time LEVEL logger message key=value …`, a traceback on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        # Values are written as JSON, so that no client's line break starts a line.
        pairs = [f"{key}={to_json(value, fallback=str).decode()}" for key, value in _extra(record).items()]
        line = " ".join([_time(record), record.levelname, record.name, record.getMessage(), *pairs])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    fields = {key: value for key, value in vars(record).items() if key not in STANDARD}
    request_id = REQUEST_ID.get()
    return fields if request_id is None else {"request_id": request_id, **fields}
