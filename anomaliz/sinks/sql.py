"""A table in any SQL database that SQLAlchemy has a dialect for."""

from collections.abc import Sequence
from threading import Lock
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from anomaliz.config.settings import Secret, Section
from anomaliz.core.errors import SourceError
from anomaliz.sinks.score_table import create, in_parts, is_absent, put, rows_of, score_table
from anomaliz.sinks.sink import Samples
from anomaliz.transport.database import Database

ZONED = ("postgresql", "clickhousedb")
"""Databases whose stamps have a zone. In all others they are UTC without saying so."""

MOST_ROWS = 50_000
"""At once: each is an object of Python, and a batch can have millions."""


class SqlSinkSettings(Section):
    """A table of a database."""

    type: Literal["sql"] = "sql"
    url: Secret = Field(
        description="As SQLAlchemy has it: `postgresql+psycopg://user:password@host/database`, `duckdb:///file`."
    )
    table: Annotated[str, Field(pattern=r"^([A-Za-z_]\w*\.)?[A-Za-z_]\w*$")] = Field(
        "anomaliz_scores", description="The table, with its schema where it is not the usual one."
    )
    create: bool = Field(True, description="Whether the table is made where it is not there.")
    timeout: Annotated[float, Field(gt=0)] = Field(60.0, description="Seconds until a write is given up.")


class SqlSink:
    """Each batch is one transaction. A row is found again by its series and stamp and replaced."""

    def __init__(self, settings: SqlSinkSettings) -> None:
        """Raise SourceError for a URL that cannot be read or has no driver; connects to nothing."""
        self._settings = settings
        self._database = Database(
            settings.url.get_secret_value(),
            SourceError,
            feature="writing SQL",
            extra="sources",
            timeout=settings.timeout,
        )
        self._table = score_table(settings.table)
        self._is_made = not settings.create
        # Some databases take one writer at a time, and all lose time by more.
        self._lock = Lock()

    def write(self, batch: Sequence[Samples]) -> None:
        """Put samples into the table; SourceError, with nothing written, where that is not possible."""
        if not any(np.isfinite(samples.values).any() for samples in batch):
            return
        self._prepare()
        with self._lock, self._database.transaction() as connection:
            for part in in_parts(batch, MOST_ROWS):
                put(connection, self._table, rows_of(part, zoned=self._database.backend in ZONED))

    def check(self) -> None:
        """Raise SourceError where the database cannot be reached, or has no such table and is to get none."""
        with self._database.transaction(writes=False) as connection:
            if not (self._settings.create and is_absent(connection, self._table)):
                connection.execute(self._table.select().limit(0)).all()

    def flush(self) -> None:
        """Do nothing: a batch is in the table when `write` returns."""

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()

    def _prepare(self) -> None:
        with self._lock:
            if not self._is_made:
                with self._database.transaction() as connection:
                    create(connection, self._table)
                self._is_made = True
