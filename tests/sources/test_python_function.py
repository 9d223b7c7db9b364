"""Reading what a user's function returns."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from anomaliz.core.errors import DataError, SourceError
from anomaliz.core.labels import NAME
from anomaliz.sources.python_function import PythonFunctionSettings, PythonFunctionSource
from anomaliz.sources.readings import Readings, joined

START = np.datetime64("2026-01-01T00:05", "ns")
END = np.datetime64("2026-01-01T00:20", "ns")
STEP = np.timedelta64(5, "m")
INGEST = """
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
from rates import RATE

LOADED = "at module level"


def stamps(start, end):
    return pd.date_range(start, end, freq="5min", inclusive="left")


def ingest(start, end):
    print("asked for", start.isoformat(), end.isoformat())
    times = stamps(start, end)
    return pd.DataFrame({"timestamp": times, "sales": RATE * times.minute, "shop": "north", "how": LOADED})


def indexed(start, end):
    times = stamps(start, end)
    return pd.DataFrame({"sales": 1.0}, index=times)


def nothing(start, end):
    return pd.DataFrame()


def failing(start, end):
    return 1 / 0


def deeper(start, end):
    return pd.DataFrame({"a": [1]})["b"]


def text(start, end):
    return "text"


def mixed(start, end):
    return pd.DataFrame({"timestamp": stamps(start, end), "x": [1, "a", object()]})


def other_table(start, end):
    return pd.DataFrame({"when": stamps(start, end), "x": 1})


def leaving(start, end):
    sys.exit("bye")


def crashing(start, end):
    os.abort()


def hanging(start, end):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(__file__).with_name("child").write_text(str(child.pid))
    child.wait()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(INGEST)
    (tmp_path / "rates.py").write_text("RATE = 2.0\n")
    (tmp_path / "torn.py").write_text("import os\n\n\ndef ingest(:\n")
    (tmp_path / "lost.py").write_text("import nosuchpackage\n")
    return tmp_path


def read(folder: Path, query: str, **settings: object) -> Readings:
    source = PythonFunctionSource(PythonFunctionSettings(folder=folder, **settings))  # type: ignore[arg-type]
    source.check()
    return joined(source.read(query, START, END, STEP))


def test_a_function_is_called_with_the_times(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = read(folder, "shop.py", chunk_rows=2)
    assert found.labels == ({NAME: "sales", "shop": "north", "how": "at module level"},)
    assert found.values[:, 0].tolist() == [10, 20, 30]
    printed = "shop.py printed: asked for 2026-01-01T00:05:00+00:00 2026-01-01T00:20:00+00:00"
    assert printed in caplog.messages


def test_an_index_may_hold_the_stamps(folder: Path) -> None:
    assert read(folder, "shop.py:indexed").values.tolist() == [[1.0]] * 3


def test_an_empty_frame_is_no_data(folder: Path) -> None:
    assert not read(folder, "shop.py:nothing").has_data


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("shop.py:failing", "shop.py, line 33: ZeroDivisionError: division by zero"),
        ("shop.py:deeper", "shop.py, line 37: KeyError: 'b'"),
        ("shop.py:text", "shop.py: text returned a str: return a pandas DataFrame"),
        ("shop.py:leaving", "shop.py, line 53: SystemExit: bye"),
        ("torn.py", "torn.py, line 4: SyntaxError: invalid syntax"),
        ("lost.py", "lost.py, line 1: ModuleNotFoundError: No module named 'nosuchpackage'"),
        ("rates.py", "rates.py: there is no function ingest(start, end); it has none"),
        ("rates.py:RATE", "rates.py: there is no function RATE(start, end); it has none"),
        ("none.py", "none.py does not exist in "),
        ("shop.py:mixed", "shop.py: mixed returned a frame with a column of mixed types"),
        ("shop.py:crashing", "shop.py: its process ended with status -6 before crashing returned"),
    ],
)
def test_a_fault_is_one_sentence_with_its_place(folder: Path, query: str, message: str) -> None:
    with pytest.raises(SourceError) as raised:
        read(folder, query)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_table_that_is_none_of_samples_is_named(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"shop\.py: of what other_table returns, there is no column of stamps"
    ):
        read(folder, "shop.py:other_table")


def test_a_function_that_hangs_is_stopped_with_all_that_it_started(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"shop\.py: it took longer than 5 s"):
        read(folder, "shop.py:hanging", timeout=5.0)
    child = int((folder / "child").read_text())
    until = time.monotonic() + 10
    while alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(child)


def test_a_function_ends_with_the_process_that_waits_for_it(folder: Path) -> None:
    waiting = (
        "import sys, pathlib, numpy as np; from anomaliz.sources.python_function import *; "
        "settings = PythonFunctionSettings(folder=pathlib.Path(sys.argv[1]), timeout=600); "
        "source = PythonFunctionSource(settings); "
        "start = np.datetime64('2026-01-01', 'ns'); step = np.timedelta64(300, 's'); "
        "list(source.read('shop.py:hanging', start, start + step, step))"
    )
    reader = subprocess.Popen([sys.executable, "-c", waiting, str(folder)])
    until = time.monotonic() + 30
    while not ((folder / "child").is_file() and (folder / "child").read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    child = int((folder / "child").read_text())
    assert alive(child)
    reader.kill()
    reader.wait()
    while alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


@pytest.mark.parametrize("query", ["../shop.py", "more/../../shop.py"])
def test_nothing_outside_the_folder_is_run(folder: Path, query: str) -> None:
    (folder / "more").mkdir()
    with pytest.raises(DataError, match="must name a file in"):
        read(folder / "more", query)


def test_a_folder_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="none does not exist: check folder"):
        read(tmp_path / "none", "shop.py")
