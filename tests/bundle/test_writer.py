import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anomaliz.bundle.writer import replacing


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def fail(directory: Path) -> None:
    with replacing(directory) as new:
        (new / "half").write_text(str(1 // 0))


def write(directory: Path, content: str) -> None:
    with replacing(directory) as new:
        (new / "inner").mkdir()
        (new / "inner" / "file").write_text(content)


def test_a_new_directory_appears_whole(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "bundle", "one")
    assert (tmp_path / "deep" / "bundle" / "inner" / "file").read_text() == "one"
    assert names(tmp_path / "deep") == ["bundle"]


def test_an_old_directory_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    write(tmp_path / "bundle", "two")
    assert (tmp_path / "bundle" / "inner" / "file").read_text() == "two"
    assert names(tmp_path) == ["bundle"]


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "bundle")
    assert (tmp_path / "bundle" / "inner" / "file").read_text() == "one"
    assert names(tmp_path) == ["bundle"]


def test_a_kill_leaves_the_old_one_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    code = f"""
import time
from pathlib import Path
from anomaliz.bundle.writer import replacing
with replacing(Path({str(tmp_path / "bundle")!r})) as new:
    (new / "half").write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "bundle" / "inner" / "file").read_text() == "one"
    assert len(names(tmp_path)) == 2
    write(tmp_path / "bundle", "two")
    assert names(tmp_path) == ["bundle"]


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "0")
    code = f"""
from pathlib import Path
from anomaliz.bundle.writer import replacing
for i in range(30):
    with replacing(Path({str(tmp_path / "bundle")!r})) as new:
        (new / "inner").mkdir()
        (new / "inner" / "file").write_text(str(i))
"""
    seen = set()
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while process.poll() is None:
            seen.add((tmp_path / "bundle" / "inner" / "file").read_text())
            time.sleep(0.0005)
    assert process.returncode == 0
    assert "" not in seen
    assert len(seen) > 1
