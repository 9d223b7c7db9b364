"""The process that a user's `ingest` function runs in: `ALIVE FILE FUNCTION START END FOLDER`.

It writes `answer.arrow`, or `fault.json` with the reason why there is none. It imports no more of the
house, so that it starts as fast as the user's own imports allow.
"""

import importlib.util
import inspect
import json
import os
import signal
import sys
import threading
import traceback
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

ANSWER, FAULT = "answer.arrow", "fault.json"
MODULE = "anomaliz_ingest"


class FaultError(Exception):
    """What is wrong with the file, in words."""


def main(alive: str, file: str, function: str, start: str, end: str, folder: str) -> int:
    """Call `function` of `file` for the stamps `start` to `end`, ISO-8601, and write what it returns.

    The descriptor `alive` is at its end when the process that started this one is gone.
    """
    threading.Thread(target=_end_with, args=(int(alive),), daemon=True).start()
    try:
        found = _function(_module(Path(file)), function)
        answer = found(datetime.fromisoformat(start), datetime.fromisoformat(end))
        _write(answer, function, Path(folder) / ANSWER)
    except FaultError as fault:
        return _fail(folder, str(fault), None)
    except BaseException as error:  # SystemExit too: whatever the user's code raises ends here
        line = _line(error, Path(file))
        return _fail(folder, f"{type(error).__name__}: {error}".strip(": "), line)
    return 0


def _end_with(alive: int) -> None:
    """Wait until nobody waits for us, then end with all that the function has started."""
    os.read(alive, 1)
    os.killpg(0, signal.SIGKILL)


def _module(file: Path) -> ModuleType:
    # Helpers lie beside the file.
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(MODULE, file)
    if spec is None or spec.loader is None:
        raise FaultError("it is not a Python file: name it .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, name: str) -> Any:
    function = getattr(module, name, None)
    if not callable(function):
        others = [key for key, value in vars(module).items() if inspect.isfunction(value) and key[0] != "_"]
        known = f"it has {', '.join(others)}" if others else "it has none"
        raise FaultError(f"there is no function {name}(start, end); {known}")
    return function


def _write(answer: Any, function: str, path: Path) -> None:
    import pandas as pd
    import pyarrow
    from pyarrow import feather

    if not isinstance(answer, pd.DataFrame):
        raise FaultError(f"{function} returned a {type(answer).__name__}: return a pandas DataFrame")
    if isinstance(answer.index, pd.DatetimeIndex):
        answer = answer.rename_axis(str(answer.index.name or "timestamp")).reset_index()
    try:
        feather.write_feather(pyarrow.Table.from_pandas(answer, preserve_index=False), str(path))
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise FaultError(f"{function} returned a frame with a column of mixed types ({error})") from None


def _line(error: BaseException, file: Path) -> int | None:
    """Return the last line of the user's file that the error came through."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return lines[-1] if lines else None


def _fail(folder: str, reason: str, line: int | None) -> int:
    reason = " ".join(reason.split())
    (Path(folder) / FAULT).write_text(json.dumps({"reason": reason, "line": line}))
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
