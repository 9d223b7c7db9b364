import json
import logging
from collections.abc import Iterator

import pytest

from anomaliz.api.logs import LOGGERS, JsonFormatter, TextFormatter, configure
from anomaliz.api.request_log import REQUEST_ID
from anomaliz.config.settings import Logging


@pytest.fixture
def record() -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"name": "anomaliz.x", "levelname": "INFO", "msg": "seen %s", "args": ("it",)}
    )
    record.created = 0.25
    record.path = "/a\nb"
    record.share = float("nan")
    return record


@pytest.fixture
def request_id() -> Iterator[str]:
    token = REQUEST_ID.set("abc")
    yield "abc"
    REQUEST_ID.reset(token)


def test_json_is_one_object_a_line(record: logging.LogRecord, request_id: str) -> None:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "INFO",
        "logger": "anomaliz.x",
        "message": "seen it",
        "request_id": request_id,
        "path": "/a\nb",
        "share": None,
    }


def test_text_is_one_line_whatever_a_client_sent(record: logging.LogRecord) -> None:
    line = TextFormatter().format(record)
    assert line.startswith('1970-01-01T00:00:00.250+00:00 INFO anomaliz.x seen it path="/a\\nb"')
    assert "\n" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = logging.makeLogRecord(
            {"name": "x", "levelname": "ERROR", "exc_info": (type(error), error, error.__traceback__)}
        )
    assert "ValueError: broken" in formatter.format(record)


def test_configuring_takes_over_the_servers_records() -> None:
    loggers = [logging.getLogger(name) for name in (*LOGGERS, "uvicorn.access")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    try:
        configure(Logging(level="WARNING", format="json"))
        assert logging.getLogger("uvicorn.error").getEffectiveLevel() == logging.WARNING
        (handler,) = logging.getLogger("uvicorn").handlers
        assert isinstance(handler.formatter, JsonFormatter)
        assert not logging.getLogger("uvicorn.access").hasHandlers()
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
