"""The database with the state of pipelines: SQLite beside the service, or a PostgreSQL that several share."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.core.errors import ConfigError, MissingExtraError, StoreError
from anomaliz.store.job import UNFINISHED, Job, JobStatus, ModelEntry, StoredModel
from anomaliz.store.state import PipelineState, Totals
from anomaliz.transport.database import Database

if TYPE_CHECKING:
    import sqlalchemy as sa

SYSTEMS = ("sqlite", "postgresql")
PATIENCE = 30.0
"""Seconds."""
MODELS_KEPT = 3
JOBS_KEPT = 100
"""Of each pipeline."""
PREPARING = 0x616E6F6D
"""Key of the lock under which PostgreSQL's tables are made."""
TOTALS = tuple(Totals.__dataclass_fields__)


class Store:
    """States, models, jobs, definitions and reports. Threads and processes may share a database.

    Each method is one transaction. Every fault of the database is a StoreError, and none names its password.
    """

    def __init__(self, url: str, *, timeout: float = PATIENCE) -> None:
        """Connect, and make the tables where there are none; ConfigError for another kind of database.

        `timeout` is the longest time of a transaction, with the wait for those of others.
        """
        try:
            from anomaliz.store import tables
        except ImportError:
            raise MissingExtraError.of("the store of pipelines", "pipelines") from None
        self._tables = tables
        self._database = Database(
            url, StoreError, feature="the store of pipelines", extra="pipelines", timeout=timeout
        )
        self.name = self._database.name
        if self._database.backend not in SYSTEMS or self.name.endswith(("///", "/:memory:")):
            raise ConfigError(
                f"{self.name} cannot keep the state of pipelines: give sqlite:///PATH or postgresql://...",
                field="store",
            )
        self._prepare()

    @property
    def engine(self) -> "sa.Engine":
        """The database, for the schedule, which has a table of its own in it."""
        return self._database.engine

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()

    def state(self, pipeline: str) -> tuple[PipelineState | None, int]:
        """Return a pipeline's state and its revision; None and 0 where it has none."""
        row = self._row(self._tables.states, pipeline)
        return (None, 0) if row is None else (_state(row), row["revision"])

    def commit(self, pipeline: str, state: PipelineState, revision: int) -> int:
        """Replace the state of that `revision` (0: there is none yet) and return the new revision.

        Raises StoreError, with nothing changed, where the database has another revision: somebody else
        runs the pipeline.
        """
        states = self._tables.states
        values = {**_columns(state), "revision": revision + 1}
        with self._writing() as connection:
            if revision:
                known = (states.c.pipeline == pipeline) & (states.c.revision == revision)
                change = states.update().where(known).values(values)
            else:
                insert = self._insert(states).values(pipeline=pipeline, **values)
                change = insert.on_conflict_do_nothing()
            if connection.execute(change.returning(states.c.revision)).first() is None:
                raise StoreError(f"pipeline {pipeline} is run by another process too: stop one of them")
        return revision + 1

    def totals(self, pipeline: str) -> Totals | None:
        """Return what a pipeline has counted, None where it has no state; unlike `state` it reads little."""
        states = self._tables.states
        query = states.select().with_only_columns(*(states.c[name] for name in TOTALS))
        with self._reading() as connection:
            row = connection.execute(query.where(states.c.pipeline == pipeline)).first()
        return None if row is None else Totals(*row)

    def model(self, pipeline: str) -> StoredModel | None:
        """Return a pipeline's newest model, None where it has none."""
        models = self._tables.models
        newest = (
            models.select().where(models.c.pipeline == pipeline).order_by(models.c.number.desc()).limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(newest).mappings().first()
        if row is None:
            return None
        return StoredModel(row["version"], row["created"], row["facts"], bytes(row["content"]))

    def models(self, pipeline: str) -> Sequence[ModelEntry]:
        """Return what models of a pipeline are kept, the newest first."""
        models = self._tables.models
        columns = models.c.version, models.c.created, models.c.facts
        query = models.select().with_only_columns(*columns).where(models.c.pipeline == pipeline)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(models.c.number.desc())).all()
        return [ModelEntry(*row) for row in rows]

    def add_model(self, pipeline: str, version: str, content: bytes, facts: str) -> None:
        """Make a model the newest of a pipeline, and keep the newest three. The same one may come twice."""
        models = self._tables.models
        ours = models.c.pipeline == pipeline
        numbers = models.select().with_only_columns(models.c.number).where(ours)
        with self._writing() as connection:
            self._lock(connection)
            connection.execute(models.delete().where(ours & (models.c.version == version)))
            known = sorted(connection.execute(numbers).scalars())
            number = known[-1] + 1 if known else 1
            values = {"version": version, "content": content, "facts": facts, "created": time.time()}
            connection.execute(models.insert().values(pipeline=pipeline, number=number, **values))
            old = known[: len(known) + 1 - MODELS_KEPT] if len(known) >= MODELS_KEPT else []
            connection.execute(models.delete().where(ours & models.c.number.in_(old)))

    def add_job(self, pipeline: str, kind: str, arguments: Mapping[str, Any]) -> Job:
        """Note a job that waits to be run; the oldest finished ones of the pipeline are forgotten."""
        now = time.time()
        job = Job(uuid.uuid4().hex, pipeline, kind, dict(arguments), "queued", "", 0.0, now, now)
        jobs = self._tables.jobs
        with self._writing() as connection:
            values = {**vars(job), "arguments": json.dumps(job.arguments)}
            connection.execute(jobs.insert().values(values))
            connection.execute(jobs.delete().where(jobs.c.number.in_(self._old_jobs(pipeline))))
        return job

    def update_job(self, id: str, status: JobStatus, message: str = "", progress: float = 0.0) -> None:
        """Say how a job stands; one that is not known stays unknown."""
        jobs = self._tables.jobs
        values = {"status": status, "message": _text(message), "progress": progress, "updated": time.time()}
        with self._writing() as connection:
            connection.execute(jobs.update().where(jobs.c.id == id).values(values))

    def fail_unfinished(self, message: str) -> None:
        """End all jobs that are not finished: those of a process that is gone."""
        jobs = self._tables.jobs
        values = {"status": "failed", "message": _text(message), "updated": time.time()}
        with self._writing() as connection:
            connection.execute(jobs.update().where(jobs.c.status.in_(UNFINISHED)).values(values))

    def job(self, id: str) -> Job | None:
        """Return a job, None where it is not known."""
        jobs = self._tables.jobs
        with self._reading() as connection:
            row = connection.execute(jobs.select().where(jobs.c.id == id)).mappings().first()
        return None if row is None else _job(row)

    def jobs(self, pipeline: str, limit: int = JOBS_KEPT) -> Sequence[Job]:
        """Return the newest jobs of a pipeline, the newest first."""
        jobs = self._tables.jobs
        query = jobs.select().where(jobs.c.pipeline == pipeline).order_by(jobs.c.number.desc()).limit(limit)
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def put_definition(self, name: str, text: str) -> None:
        """Keep the definition of a pipeline, in the place of an earlier one."""
        self._put(self._tables.definitions, name, text)

    def definitions(self) -> Mapping[str, str]:
        """Return the definitions that were put here, by name."""
        definitions = self._tables.definitions
        with self._reading() as connection:
            rows = connection.execute(definitions.select().order_by(definitions.c.name)).mappings()
            return {row["name"]: row["content"] for row in rows}

    def delete_definition(self, name: str) -> None:
        """Forget a definition, if there is one."""
        definitions = self._tables.definitions
        with self._writing() as connection:
            connection.execute(definitions.delete().where(definitions.c.name == name))

    def put_report(self, pipeline: str, report: Mapping[str, Any]) -> None:
        """Keep the newest report of a pipeline; whatever JSON holds, and NaN."""
        self._put(self._tables.reports, pipeline, json.dumps(report))

    def report(self, pipeline: str) -> Mapping[str, Any] | None:
        """Return the newest report of a pipeline, None where there is none."""
        row = self._row(self._tables.reports, pipeline)
        return None if row is None else json.loads(row["content"])

    def forget(self, pipeline: str) -> None:
        """Delete what is kept of a pipeline, its definition aside."""
        tables = self._tables
        with self._writing() as connection:
            for table in (tables.states, tables.models, tables.jobs, tables.reports):
                connection.execute(table.delete().where(table.c.pipeline == pipeline))

    def _prepare(self) -> None:
        """Make the tables where there are none; StoreError where a newer version made them."""
        with self._reading() as connection:
            found = self._schema(connection)
        if found is None:
            found = self._create()
        if found > self._tables.SCHEMA:
            raise StoreError(
                f"{self.name} was made by a newer Anomaliz (schema {found}, this one knows "
                f"{self._tables.SCHEMA}): install that version, or name another database in pipelines.store"
            )

    def _create(self) -> int:
        versions = self._tables.schema_version
        with self._writing() as connection:
            self._lock(connection)
            # Another process may have been faster.
            found = self._schema(connection)
            if found is None:
                found = self._tables.SCHEMA
                self._tables.metadata.create_all(connection)
                connection.execute(versions.insert().values(version=found))
        return found

    def _schema(self, connection: "sa.Connection") -> int | None:
        versions = self._tables.schema_version
        if not connection.dialect.has_table(connection, versions.name):
            return None
        return max(connection.execute(versions.select()).scalars(), default=None)

    def _put(self, table: "sa.Table", key: str, content: str) -> None:
        """Insert or replace a row of a key and a content."""
        (name,) = table.primary_key
        insert = self._insert(table).values({name.name: key, "content": content})
        replaced = insert.on_conflict_do_update(index_elements=[name], set_={"content": content})
        with self._writing() as connection:
            connection.execute(replaced)

    def _row(self, table: "sa.Table", key: str) -> "sa.RowMapping | None":
        (name,) = table.primary_key
        with self._reading() as connection:
            return connection.execute(table.select().where(name == key)).mappings().first()

    def _old_jobs(self, pipeline: str) -> "sa.Select[tuple[int]]":
        jobs = self._tables.jobs
        query = jobs.select().with_only_columns(jobs.c.number)
        finished = (jobs.c.pipeline == pipeline) & jobs.c.status.not_in(UNFINISHED)
        return query.where(finished).order_by(jobs.c.number.desc()).offset(JOBS_KEPT)

    def _insert(self, table: "sa.Table") -> Any:
        """Return an insertion that may say what happens where the key is there already."""
        if self._database.backend == "sqlite":
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
        return insert(table)

    def _lock(self, connection: "sa.Connection") -> None:
        """Keep others from doing the same until the end of the transaction, as SQLite always does."""
        if self._database.backend == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({PREPARING})")

    @contextmanager
    def _reading(self) -> Iterator["sa.Connection"]:
        with self._database.transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator["sa.Connection"]:
        with self._database.transaction() as connection:
            yield connection


def _state(row: "sa.RowMapping") -> PipelineState:
    return PipelineState(
        watermark=np.datetime64(row["watermark"], "ns"),
        snapshot=np.datetime64(row["snapshot"], "ns"),
        memory=bytes(row["memory"]),
        model=row["model"],
        written=bytes(row["written"]),
        totals=Totals(**{name: row[name] for name in TOTALS}),
    )


def _columns(state: PipelineState) -> dict[str, Any]:
    return {
        "watermark": _nanoseconds(state.watermark),
        "snapshot": _nanoseconds(state.snapshot),
        "memory": state.memory,
        "model": state.model,
        "written": state.written,
        **{name: int(getattr(state.totals, name)) for name in TOTALS},
    }


def _nanoseconds(stamp: np.datetime64) -> int:
    return int(stamp.astype("datetime64[ns]").astype(np.int64))


def _job(row: "sa.RowMapping") -> Job:
    values = {name: row[name] for name in Job.__dataclass_fields__}
    return Job(**{**values, "arguments": json.loads(row["arguments"])})


def _text(message: str) -> str:
    """Return a message as a database takes it: PostgreSQL has no NUL."""
    return message.replace("\0", "").encode("utf-8", "replace").decode()
