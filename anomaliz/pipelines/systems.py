"""The systems that pipelines read and write, by the `type` of their settings."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field

from anomaliz.sinks.json_lines import JsonLinesSettings, JsonLinesSink
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Sink
from anomaliz.sources.prometheus import PrometheusSettings, PrometheusSource
from anomaliz.sources.python_function import PythonFunctionSettings, PythonFunctionSource
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings, RedisTimeSeriesSource
from anomaliz.sources.source import Source
from anomaliz.sources.sql import SqlSettings, SqlSource
from anomaliz.sources.table_files import TableFilesSettings, TableFilesSource

SourceSettings: TypeAlias = Annotated[
    PrometheusSettings | RedisTimeSeriesSettings | SqlSettings | TableFilesSettings | PythonFunctionSettings,
    Field(discriminator="type"),
]
SinkSettings: TypeAlias = Annotated[RemoteWriteSettings | JsonLinesSettings, Field(discriminator="type")]


def open_source(settings: SourceSettings) -> Source:
    """Return the system that `settings` describe; SourceError where they cannot be used."""
    match settings:
        case PrometheusSettings():
            return PrometheusSource(settings)
        case RedisTimeSeriesSettings():
            return RedisTimeSeriesSource(settings)
        case SqlSettings():
            return SqlSource(settings)
        case TableFilesSettings():
            return TableFilesSource(settings)
        case PythonFunctionSettings():
            return PythonFunctionSource(settings)


def open_sink(name: str, settings: SinkSettings, folder: Path) -> Sink:
    """Return the sink called `name`, whose queue lies in `folder`; SourceError where it cannot be used."""
    match settings:
        case RemoteWriteSettings():
            return RemoteWriteSink(settings, folder / "queues" / name)
        case JsonLinesSettings():
            return JsonLinesSink(settings)
