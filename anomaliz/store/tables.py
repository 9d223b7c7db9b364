"""The tables of the store."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA = 1
"""Raised whenever a table changes."""

metadata = MetaData()

schema_version = Table("anomaliz_schema_version", metadata, Column("version", Integer, primary_key=True))

states = Table(
    "anomaliz_states",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("watermark", BigInteger, nullable=False, comment="Nanoseconds since the epoch, UTC."),
    Column("snapshot", BigInteger, nullable=False),
    Column("memory", LargeBinary, nullable=False),
    Column("model", Text, nullable=False),
    Column("written", LargeBinary, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("no_data", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
)

models = Table(
    "anomaliz_models",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column(
        "number", BigInteger, primary_key=True, autoincrement=False, comment="The newest has the highest."
    ),
    Column("version", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("facts", Text, nullable=False),
    Column("created", Float(53), nullable=False),
    UniqueConstraint("pipeline", "version"),
)

jobs = Table(
    "anomaliz_jobs",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("pipeline", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("arguments", Text, nullable=False, comment="JSON."),
    Column("status", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("progress", Float(53), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("updated", Float(53), nullable=False),
)

definitions = Table(
    "anomaliz_definitions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("content", Text, nullable=False, comment="YAML."),
)

reports = Table(
    "anomaliz_reports",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("content", Text, nullable=False, comment="JSON."),
)
