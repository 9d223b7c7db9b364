import json
import resource
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from anomaliz.core.errors import SourceError
from anomaliz.sinks.json_lines import JsonLinesSettings, JsonLinesSink
from anomaliz.sinks.sink import Samples


def samples(values: list[float], first: int = 0, name: str = "anomaly_score") -> Samples:
    times = np.datetime64("2026-01-05", "ns") + np.arange(first, first + len(values)) * np.timedelta64(
        60, "s"
    )
    return Samples({"i": "ä", "__name__": name}, times, np.array(values, dtype=np.float64))


def opened(path: Path) -> closing[JsonLinesSink]:
    return closing(JsonLinesSink(JsonLinesSettings(path=path)))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "scores.jsonl"


def test_each_sample_is_a_line(path: Path) -> None:
    with opened(path) as sink:
        sink.check()
        sink.write([samples([0.1, np.nan, 2]), samples([np.inf], name="expected")])
        sink.flush()
    labels = {"__name__": "anomaly_score", "i": "ä"}
    assert lines(path) == [
        {"time": "2026-01-05T00:00:00.000Z", "labels": labels, "value": 0.1},
        {"time": "2026-01-05T00:02:00.000Z", "labels": labels, "value": 2.0},
    ]


def test_what_was_written_is_not_written_again(path: Path) -> None:
    with opened(path) as sink:
        sink.write([samples([1, 2])])
        sink.write([samples([1, 2, 3])])
    with opened(path) as sink:
        sink.write([samples([2, 3, 4], first=1)])
    assert [line["value"] for line in lines(path)] == [1, 2, 3, 4]


def test_a_line_that_a_crash_cut_off_is_written_whole(path: Path) -> None:
    with opened(path) as sink:
        sink.write([samples([1, 2])])
    path.write_bytes(path.read_bytes()[:-10])
    with opened(path) as sink:
        sink.write([samples([1, 2, 3])])
    assert [line["value"] for line in lines(path)] == [1, 2, 3]


def test_two_sinks_of_one_file_see_each_other(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        one.write([samples([1, 2])])
        other.write([samples([1, 2, 3])])
        one.write([samples([3, 4], first=2)])
    assert [line["value"] for line in lines(path)] == [1, 2, 3, 4]


def test_nothing_is_no_line(path: Path) -> None:
    with opened(path) as sink:
        sink.write([])
        sink.write([samples([np.nan])])
    assert path.read_bytes() == b""


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be written: Is a directory; give another path"):
        opened(tmp_path)


def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="is a device or a pipe"):
        opened(Path("/dev/null"))


def test_a_full_disk_leaves_no_part_of_a_batch(path: Path) -> None:
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(path) as sink:
        sink.write([samples([1])])
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 150, unlimited[1]))
        try:
            with pytest.raises(SourceError, match=r"scores\.jsonl cannot be written"):
                sink.write([samples([2, 3, 4, 5], first=1)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert path.read_bytes() == before
        sink.write([samples([2], first=1)])
    assert [line["value"] for line in lines(path)] == [1, 2]
