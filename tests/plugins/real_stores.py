"""Real Redis, PostgreSQL and S3 on loopback, started for the tests that need them.

Their programs are looked for in the folder ANOMALIZ_TEST_BIN, on PATH and where Debian puts PostgreSQL's;
without them a test skips.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_servers import PATIENCE, port

MODULE = "redistimeseries.so"


def folders() -> list[Path]:
    named = [os.environ.get("ANOMALIZ_TEST_BIN", ""), *os.environ["PATH"].split(os.pathsep)]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [Path(name) for name in named if name] + debian


def found(name: str, install: str) -> Path:
    """Return the path of a program or library; skip the test without it."""
    for folder in folders():
        if (folder / name).is_file():
            return folder / name
    pytest.skip(f"{name} is absent: run .ci/services {install}, and set ANOMALIZ_TEST_BIN to its folder")


def answers(on: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", on)) == 0


@contextmanager
def running(
    command: list[str], on: int, log: Path, *, stop: int = signal.SIGTERM, **options: object
) -> Iterator[None]:
    """Run a server until the end of the block, from the moment that it accepts connections."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, **options) as process,  # type: ignore[call-overload]
    ):
        try:
            _wait(lambda: answers(on), process, log)
            yield
        finally:
            process.send_signal(stop)
            process.wait(PATIENCE)


def _wait(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if ready():
            return
        time.sleep(0.02)
    pytest.fail(f"{process.args} did not start: {log.read_text()[-1000:]}")


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[int]:
    """Run a Redis and yield its port."""
    server, on = found("redis-server", "redis"), port()
    libraries = os.pathsep.join([str(server.parent), os.environ.get("LD_LIBRARY_PATH", "")])
    command = [str(server), "--port", str(on), "--bind", "127.0.0.1", "--save", "", *options]
    with running(command, on, folder / "log", env={**os.environ, "LD_LIBRARY_PATH": libraries}, cwd=folder):
        yield on


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a Redis with time series that all tests share."""
    module = found(MODULE, "redis")
    with running_redis(tmp_path_factory.mktemp("redis"), "--loadmodule", str(module)) as on:
        yield on


@pytest.fixture(scope="session")
def plain_redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a Redis that knows no time series and wants the password `sesame`."""
    folder = tmp_path_factory.mktemp("plain-redis")
    with running_redis(folder, "--requirepass", "sesame") as on:
        yield on


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """SQLAlchemy URL of a PostgreSQL whose own zone is not UTC."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is absent: pip install 'psycopg[binary]'")
    initdb, server = found("initdb", "postgresql"), found("postgres", "postgresql")
    # It refuses to run as root, and another user cannot look into root's temporary folders.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="anomaliz-postgresql-") as name:
        folder, on = Path(name), port()
        shutil.chown(folder, user)
        data = str(folder / "data")
        subprocess.run(
            [initdb, "-D", data, "-U", "anomaliz", "-A", "trust", "--no-sync", "-E", "UTF8"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "timezone": "Europe/Berlin",
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        command = [str(server), "-D", data, "-p", str(on), *settings]
        with running(command, on, folder / "log", stop=signal.SIGINT, user=user, cwd=folder):
            yield f"postgresql+psycopg://anomaliz:sesame@127.0.0.1:{on}/postgres"


@pytest.fixture
def new_postgresql_database(postgresql: str) -> str:
    """SQLAlchemy URL of a database without tables."""
    import psycopg

    name = f"new_{secrets.token_hex(8)}"
    with psycopg.connect(postgresql.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgresql.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """SQLAlchemy URL of a MariaDB, which calls itself MySQL."""
    if importlib.util.find_spec("pymysql") is None:
        pytest.skip("pymysql is absent: pip install pymysql")
    install, server = found("mariadb-install-db", "mariadb"), found("mariadbd", "mariadb")
    with tempfile.TemporaryDirectory(prefix="anomaliz-mariadb-") as name:
        folder, on = Path(name), port()
        common = ["--no-defaults", f"--datadir={folder / 'data'}"]
        user = pwd.getpwuid(os.getuid()).pw_name
        quick = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--user={user}"]
        subprocess.run([install, *common, *quick], cwd=folder, check=True, capture_output=True)
        options = [
            f"--user={user}",
            "--bind-address=127.0.0.1",
            f"--port={on}",
            f"--socket={folder / 'socket'}",
        ]
        command = [
            str(server),
            *common,
            *options,
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        with running(command, on, folder / "log", cwd=folder):
            yield f"mysql+pymysql://root@127.0.0.1:{on}/mysql"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an S3 service."""
    for package in ("moto.server", "flask", "s3fs"):
        if importlib.util.find_spec(package) is None:
            pytest.skip("an S3 service is absent: pip install 'moto[server,s3]' s3fs")
    on = port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(on)]
    with running(command, on, tmp_path_factory.mktemp("s3") / "log"):
        yield f"http://127.0.0.1:{on}"
