"""The connection to a store: what it refuses, how long it waits, what it says."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anomaliz.core.errors import ConfigError, TrackingError
from anomaliz.tracking.store import connected, require_existing, require_store


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with the status that its path begins with."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()
        self.wfile.write(b"no")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ask(uri: str) -> None:
    with connected(uri) as client:
        client.get_experiment_by_name("any")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mlruns", "is the folder mlruns, and MLflow needs a server or a database: give http://HOST:5000"),
        ("file:///tmp/mlruns", "is the folder"),
        ("htttp://host", "begins with 'htttp', which is no store of MLflow, did you mean 'http'"),
        ("mongodb://host", "no store of MLflow: give http://HOST:5000 or sqlite:///mlruns.db"),
    ],
)
def test_an_address_that_can_be_no_store_is_refused(uri: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        require_store(uri)
    assert refused.value.field == "tracking.tracking_uri"


@pytest.mark.parametrize(
    "uri", ["https://host:5000", "sqlite:///a.db", "postgresql+psycopg://ada:b@db/mlflow", "databricks"]
)
def test_an_address_that_can_be_a_store_is_not(uri: str) -> None:
    require_store(uri)


def test_to_look_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="is not there: 'anomaliz train --logger mlflow' makes it"):
        require_existing(f"sqlite:///{tmp_path}/absent.db")


def test_a_server_that_is_down_is_said_at_once(free_port: int) -> None:
    began = time.monotonic()
    with pytest.raises(TrackingError) as failed:
        ask(f"http://127.0.0.1:{free_port}")
    said = f"MLflow at http://127.0.0.1:{free_port} cannot be reached (connection refused)"
    assert str(failed.value) == said
    assert time.monotonic() - began < 20


def test_a_server_that_never_answers_is_waited_for_as_long_as_the_user_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    began = time.monotonic()
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(TrackingError, match="does not answer in time"),
    ):
        ask(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert 1 < time.monotonic() - began < 12


@pytest.mark.parametrize("status", [401, 403])
def test_bad_credentials_are_named_with_their_variables(refusing: str, status: int) -> None:
    with pytest.raises(
        TrackingError, match=rf"refuses this client \({status}\): set MLFLOW_TRACKING_USERNAME"
    ):
        ask(f"{refusing}/{status}")


def test_a_server_of_another_kind_is_a_sentence(refusing: str) -> None:
    with pytest.raises(TrackingError, match=r"failed \(.*404.*\)$"):
        ask(f"{refusing}/404")


def test_a_database_that_cannot_be_opened_is_said_at_once_and_not_tried_ten_times() -> None:
    began = time.monotonic()
    with pytest.raises(TrackingError, match="cannot be opened"):
        ask("sqlite:////dev/null/absent.db")
    assert time.monotonic() - began < 10


def test_a_password_is_not_repeated(free_port: int) -> None:
    with pytest.raises(TrackingError) as failed:
        ask(f"http://ada:hidden@127.0.0.1:{free_port}")
    assert "hidden" not in str(failed.value)


def test_the_environment_is_as_before(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = dict(os.environ)
    with pytest.raises(TrackingError):
        ask(f"http://127.0.0.1:{free_port}")
    assert dict(os.environ) == before


WITHOUT_MLFLOW = """
import sys
sys.modules["mlflow"] = None  # as where it is not installed
from anomaliz.cli import main
sys.argv = ["anomaliz", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ("bundle", "promote", "1"),
        ("bundle", "rollback"),
        ("bundle", "show", "models:/anomaliz@champion"),
        ("serve",),
        ("train", "--logger", "mlflow"),
    ],
)
def test_without_the_extra_its_name_is_said_before_anything_is_done(
    command: tuple[str, ...], variables: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MLFLOW, *command],
        env=variables("models:/anomaliz@champion"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: MLflow needs the 'tracking' extra: pip install 'anomaliz[tracking]'\n"
    assert not list(tmp_path.iterdir())
