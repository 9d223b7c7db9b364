"""The systems that pipelines read and write, by the `type` of their settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import BaseModel, Discriminator, Tag

from anomaliz.sinks.json_lines import JsonLinesSettings, JsonLinesSink
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Sink
from anomaliz.sinks.sql import SqlSink, SqlSinkSettings
from anomaliz.sources.prometheus import PrometheusSettings, PrometheusSource
from anomaliz.sources.python_function import PythonFunctionSettings, PythonFunctionSource
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings, RedisTimeSeriesSource
from anomaliz.sources.source import Source
from anomaliz.sources.sql import SqlSettings, SqlSource
from anomaliz.sources.table_files import TableFilesSettings, TableFilesSource


def _type(given: Any) -> Any:
    return given.get("type") if isinstance(given, Mapping) else getattr(given, "type", None)


SourceSettings: TypeAlias = Annotated[
    Annotated[PrometheusSettings, Tag("prometheus")]
    | Annotated[RedisTimeSeriesSettings, Tag("redis_timeseries")]
    | Annotated[SqlSettings, Tag("sql")]
    | Annotated[TableFilesSettings, Tag("files")]
    | Annotated[PythonFunctionSettings, Tag("python")],
    Discriminator(_type),
]
SinkSettings: TypeAlias = Annotated[
    Annotated[RemoteWriteSettings, Tag("remote_write")]
    | Annotated[SqlSinkSettings, Tag("sql")]
    | Annotated[JsonLinesSettings, Tag("json_lines")],
    Discriminator(_type),
]


def _by_type(union: Any) -> Mapping[str, type[BaseModel]]:
    tagged = (get_args(option) for option in get_args(get_args(union)[0]))
    return {tag.tag: model for model, tag in tagged}


SOURCE_TYPES = _by_type(SourceSettings)
SINK_TYPES = _by_type(SinkSettings)


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
        case SqlSinkSettings():
            return SqlSink(settings)
        case JsonLinesSettings():
            return JsonLinesSink(settings)
