"""Books with real sinks."""

import fcntl
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pipeline_site import TRAINED, Site

from anomaliz.config.loading import load_settings
from anomaliz.core.labels import NAME
from anomaliz.pipelines.books import Books
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.sinks.json_lines import JsonLinesSettings
from anomaliz.sinks.sink import Samples
from anomaliz.sources.prometheus import PrometheusSettings
from anomaliz.store.database import Store

BATCHES, WRITERS, STAMPS = 20, 8, 50


def test_pipelines_that_end_together_write_whole_lines_to_one_sink(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    sinks = {"lines": JsonLinesSettings(path=tmp_path / "scores.jsonl")}
    pipelines = tuple(
        Pipeline.model_validate({"name": f"p{i}", "query": "up", "schedule": "* * * * *"})
        for i in range(WRITERS)
    )
    definitions = Definitions(pipelines, {"prometheus": PrometheusSettings()}, sinks)
    books = Books(store, definitions, load_settings(environ={}, env_file=None))

    def write(pipeline: Pipeline) -> None:
        for batch in range(BATCHES):
            times = np.datetime64(0, "ns") + (batch * STAMPS + np.arange(STAMPS)) * np.timedelta64(1, "s")
            books.write(pipeline, [Samples({"pipeline": pipeline.name}, times, np.arange(STAMPS) * 1.0)])

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, pipelines))
    # What it takes for the file's end is where it looks for lines of others, and cuts when the disk is full.
    assert vars(books.sinks()["lines"])["_end"] == (tmp_path / "scores.jsonl").stat().st_size
    books.close()
    store.close()
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    keys = {(line["time"], line["labels"]["pipeline"]) for line in lines}
    assert len(lines) == len(keys) == BATCHES * WRITERS * STAMPS


SAMPLES = [Samples({NAME: "anomaly_score"}, np.array([TRAINED]), np.array([0.5]))]


def test_a_sink_that_is_defined_anew_is_closed_after_what_is_being_written_to_it(site: Site) -> None:
    site.books.write(site.pipeline, SAMPLES)
    (old,) = site.books.sinks().values()
    begun = threading.Event()

    def write() -> None:
        begun.set()
        later = [Samples({NAME: "anomaly_score"}, SAMPLES[0].times + 1_000_000, SAMPLES[0].values)]
        site.books.write(site.pipeline, later)

    with ThreadPoolExecutor(1) as pool, site.written.open("rb") as file:
        # The sink waits for the file, as for any slow disk.
        fcntl.flock(file, fcntl.LOCK_EX)
        writing = pool.submit(write)
        assert begun.wait(10)
        while not site.books._sinks._open["file"].lock.locked():
            threading.Event().wait(0.01)
        content = json.loads(site.file.read_text())
        content["sinks"]["file"]["path"] = str(site.folder / "other.jsonl")
        site.file.write_text(json.dumps(content))
        site.books.redefine(site.definitions)
        fcntl.flock(file, fcntl.LOCK_UN)
        writing.result(10)
    assert len(site.written.read_text().splitlines()) == 2
    site.books.write(site.pipeline, SAMPLES)
    assert len((site.folder / "other.jsonl").read_text().splitlines()) == 1
    assert old._file.closed
