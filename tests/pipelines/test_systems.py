"""Every type of system can be opened."""

from contextlib import closing
from pathlib import Path

import pytest

from anomaliz.pipelines.systems import SINK_TYPES, SOURCE_TYPES, open_sink, open_source

URLS = {"sql": {"url": "sqlite:///data.db"}}


@pytest.mark.parametrize("kind", SOURCE_TYPES)
def test_every_source_can_be_opened(kind: str) -> None:
    settings = SOURCE_TYPES[kind].model_validate({"type": kind, **URLS.get(kind, {})})
    with closing(open_source(settings)) as source:
        assert callable(source.read)


@pytest.mark.parametrize("kind", SINK_TYPES)
def test_every_sink_can_be_opened(kind: str, tmp_path: Path) -> None:
    given = {"json_lines": {"path": tmp_path / "scores.jsonl"}, **URLS}
    settings = SINK_TYPES[kind].model_validate({"type": kind, **given.get(kind, {})})
    with closing(open_sink("main", settings, tmp_path)) as sink:
        assert callable(sink.write)
    queues = [path.name for path in tmp_path.glob("queues/*")]
    assert queues == (["main"] if kind == "remote_write" else [])
