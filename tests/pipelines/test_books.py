import fcntl
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pipeline_site import TRAINED, Site

from anomaliz.core.labels import NAME
from anomaliz.sinks.sink import Samples

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
        while not site.books._writers[old]:
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
