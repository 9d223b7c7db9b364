"""The watching process by itself."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anomaliz.tracking.sighting import Report, Task

if TYPE_CHECKING:
    from conftest import MlflowServer, Register

WITHOUT_MLFLOW = """
import sys
sys.modules["mlflow"] = None  # importing it raises ImportError
from anomaliz.tracking.watch import main
main()
"""


@contextmanager
def watching(task: Task, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = command or ("-m", "anomaliz.tracking.watch")
    with subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(task.to_line())
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def report_of(process: "subprocess.Popen[bytes]") -> Report:
    assert process.stdout is not None
    return Report.of_line(process.stdout.readline())


def test_it_reports_when_asked_and_ends_with_its_stdin(
    mlflow_server: "MlflowServer", register: "Register", bundle_dir: Path, tmp_path: Path
) -> None:
    uri = f"models:/asked-alone/{register(bundle_dir, 'asked-alone')}"
    absent = "models:/absent@champion"
    with watching(Task(mlflow_server.uri, tmp_path / "cache", (uri, absent), 0, asked=3)) as process:
        report = report_of(process)
        assert report.asked == 3
        found, missing = report.sightings
        assert (found.uri, found.version, missing.uri, missing.folder) == (uri, "1", absent, None)
        assert found.found().is_dir()
        assert process.stdin is not None
        process.stdin.write(b"4\n")
        process.stdin.flush()
        assert report_of(process).asked == 4
        process.stdin.close()
        assert process.wait(20) == 0


IMPORTED = """
import sys
import anomaliz.tracking.watch
print({"mlflow", "onnxruntime", "pandas"} & set(sys.modules))
"""


def test_it_is_small_before_it_looks() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_ends_it_is_its_last_report(tmp_path: Path) -> None:
    task = Task("http://127.0.0.1:9", tmp_path / "cache", ("models:/a@b",), 0)
    with watching(task, "-c", WITHOUT_MLFLOW) as process:
        (sighting,) = report_of(process).sightings
        assert sighting.reachable is False
        assert "needs the 'tracking' extra" in (sighting.message or "")
        assert process.wait(20) == 1
