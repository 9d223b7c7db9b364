import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from anomaliz.api.monitoring import Monitoring
from anomaliz.api.place import FolderPlace
from anomaliz.api.problems import ProblemError
from anomaliz.api.reload import BundleHolder
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import BundleError

Swap = Callable[[Path, Path], None]


@pytest.fixture
def monitoring() -> Monitoring:
    return Monitoring()


def counted(monitoring: Monitoring, result: str) -> float | None:
    return monitoring.registry.get_sample_value("anomaliz_bundle_reloads_total", {"result": result})


def test_a_new_bundle_takes_the_place_of_the_old_one(
    served_dir: Path, other_dir: Path, swap: Swap, monitoring: Monitoring
) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)
    assert holder.load() is True
    assert holder.load() is False
    old = holder.current()
    swap(other_dir, served_dir)
    holder.load_if_changed()
    assert holder.current().sha256 == Bundle.load(other_dir).sha256 != old.sha256
    assert counted(monitoring, "loaded") == 2
    assert counted(monitoring, "unchanged") == 1


def test_a_directory_that_did_not_change_is_left_alone(served_dir: Path, monitoring: Monitoring) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)
    for _ in range(3):
        holder.load_if_changed()
    assert counted(monitoring, "loaded") == 1
    assert counted(monitoring, "unchanged") is None


def test_a_bad_bundle_is_refused_logged_and_counted_once_until_it_changes(
    served_dir: Path, monitoring: Monitoring, caplog: pytest.LogCaptureFixture
) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)
    holder.load()
    old = holder.current()
    graph = (served_dir / "scoring.onnx").read_bytes()
    (served_dir / "scoring.onnx").write_bytes(graph[:-1])
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            holder.load_if_changed()
    assert holder.current() is old
    assert counted(monitoring, "refused") == 1
    (record,) = caplog.records
    assert "scoring.onnx differs from its hash" in vars(record)["reason"]
    assert vars(record)["kept_sha256"] == old.sha256
    # A copy that completes file by file, with its manifest first, is looked at again when it has.
    (served_dir / "scoring.onnx").write_bytes(graph)
    holder.load_if_changed()
    assert counted(monitoring, "unchanged") == 1


def test_a_bundle_that_is_signed_but_cannot_score_is_refused(
    served_dir: Path, monitoring: Monitoring, resigned: Callable[[Path], None]
) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)
    (served_dir / "scoring.onnx").write_bytes(b"not a graph")
    resigned(served_dir)
    with pytest.raises(BundleError, match="graph cannot be loaded"):
        holder.load()
    with pytest.raises(ProblemError) as refused:
        holder.current()
    assert refused.value.status == 503
    assert "graph cannot be loaded" in refused.value.detail


def test_a_bundle_that_vanishes_stays_in_service(served_dir: Path, monitoring: Monitoring) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)
    holder.load()
    served_dir.rename(served_dir.with_name("gone"))
    holder.load_if_changed()
    assert holder.current().features == ("cpu", "memory", "latency")


def test_a_link_to_another_bundle_is_a_change(
    served_dir: Path, other_dir: Path, tmp_path: Path, monitoring: Monitoring
) -> None:
    link, new = tmp_path / "link", tmp_path / "new"
    link.symlink_to(served_dir)
    holder = BundleHolder(FolderPlace(link), monitoring)
    holder.load()
    new.symlink_to(other_dir)
    os.replace(new, link)  # noqa: PTH105
    holder.load_if_changed()
    assert holder.current().sha256 == Bundle.load(other_dir).sha256


def test_the_poll_finds_a_new_bundle_and_ends_when_told(
    served_dir: Path, other_dir: Path, swap: Swap, monitoring: Monitoring
) -> None:
    holder = BundleHolder(FolderPlace(served_dir), monitoring)

    async def poll() -> int:
        async with holder.polling(0.01):
            await until(lambda: holder.bundle is not None)
            swap(other_dir, served_dir)
            await until(lambda: holder.current().profile.decision.threshold == 0.123)
        return len(asyncio.all_tasks())

    assert asyncio.run(poll()) == 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
