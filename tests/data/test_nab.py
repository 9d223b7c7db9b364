"""NAB's series, from a folder and from a server that can fail."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from anomaliz.core.errors import ConfigError, DataError
from anomaliz.data import nab_cache
from anomaliz.data.nab import ALIASES, WINDOWS_FILE, Nab, NabFolder, find
from anomaliz.data.nab_cache import NabCache
from anomaliz.metrics.nab import labels_of

CPU_ASG = ALIASES["cpu_asg"]
STEPS_BACK = "realKnownCause/machine_temperature_system_failure.csv"
REPEATS = "realKnownCause/ec2_request_latency_system_failure.csv"


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, or a `page` for everything; of the next `cuts` answers it sends the first half."""

    cuts = 0
    page: bytes | None = None
    asked: tuple[str, ...] = ()

    def do_GET(self) -> None:
        type(self).asked += (self.path,)
        if self.page:
            return self._send(self.page, len(self.page))
        if not type(self).cuts:
            return super().do_GET()
        type(self).cuts -= 1
        content = (Path(self.directory) / self.path[1:]).read_bytes()
        return self._send(content[: len(content) // 2], len(content))

    def _send(self, content: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        self.handler = type("OwnHandler", (Handler,), {})
        super().__init__(("127.0.0.1", 0), partial(self.handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(nab_cache, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(shared / "nab") as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(server: Server, tmp_path: Path) -> NabCache:
    return NabCache(tmp_path / "cache", server.url)


@pytest.fixture
def nab(shared: Path) -> Nab:
    return Nab(NabFolder(shared / "nab"))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def write_nab(folder: Path, windows: object, **series: str) -> Nab:
    """Make a small corpus whose series lie in the group `g`."""
    (folder / "labels").mkdir(parents=True)
    (folder / WINDOWS_FILE).write_text(windows if isinstance(windows, str) else json.dumps(windows))
    (folder / "data" / "g").mkdir(parents=True)
    for name, text in series.items():
        (folder / "data" / "g" / f"{name}.csv").write_text(text)
    return Nab(NabFolder(folder))


def test_every_series_keeps_its_rows(shared: Path, nab: Nab) -> None:
    assert len(nab.paths) == 32
    for path in nab.paths:
        lines = (shared / "nab" / "data" / path).read_text().splitlines()[1:]
        file = nab.read(path)
        assert file.values.shape == (len(lines), 1)
        assert len(file.times) == len(lines)
        assert file.values[-1, 0] == float(lines[-1].split(",")[1])


@pytest.mark.parametrize(("path", "backward", "repeated"), [(STEPS_BACK, 1, 0), (REPEATS, 0, 11)])
def test_stamps_stand_as_they_are_in_the_file(nab: Nab, path: str, backward: int, repeated: int) -> None:
    apart = np.diff(nab.read(path).times)
    assert (apart < np.timedelta64(0)).sum() == backward
    assert (apart == np.timedelta64(0)).sum() == repeated


def test_windows_are_rows_of_the_file(shared: Path, nab: Nab) -> None:
    file = nab.read(CPU_ASG)
    ((first, last),) = json.loads((shared / "nab" / WINDOWS_FILE).read_text())[CPU_ASG]
    inside = file.times[labels_of(len(file.times), file.windows)]
    assert inside[0] == np.datetime64(first)
    assert inside[-1] == np.datetime64(last)


def test_aliases_and_paths_name_a_series_once(nab: Nab) -> None:
    assert nab.resolve(["cpu_asg", STEPS_BACK, CPU_ASG]) == [CPU_ASG, STEPS_BACK]


def test_an_unknown_series_has_a_near_match(nab: Nab) -> None:
    with pytest.raises(DataError, match="did you mean 'cpu_asg'"):
        nab.resolve(["cpu_asgg"])


def test_a_folder_with_some_series_has_those(shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "nab" / "labels", tmp_path / "labels")
    (tmp_path / "data" / "realKnownCause").mkdir(parents=True)
    shutil.copy(shared / "nab" / "data" / CPU_ASG, tmp_path / "data" / CPU_ASG)
    assert Nab(NabFolder(tmp_path)).paths == [CPU_ASG]


def test_a_folder_without_series_says_so(tmp_path: Path) -> None:
    nab = write_nab(tmp_path, {"g/one.csv": []})
    with pytest.raises(DataError, match=r"no series of .* is there"):
        _ = nab.paths


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give the folder with NAB's data and labels"):
        Nab(find(tmp_path))


@pytest.mark.parametrize(
    "windows", ["{", "[]", {"g/one.csv": None}, {"g/one.csv": ["2020"]}, {"../one.csv": []}, {"/one.csv": []}]
)
def test_windows_that_are_none_are_refused(tmp_path: Path, windows: object) -> None:
    with pytest.raises(DataError, match="get it from NAB again"):
        write_nab(tmp_path, windows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp,height\n2020-01-01,1\n", "column 'value'"),
        ("timestamp,value\n2020-01-01,high\n", "must be numbers, got 'high' in row 0"),
        ("<html>", "must have a column 'timestamp', and commas between columns: get it from NAB again"),
        ("timestamp,value\nnever,1\n", "timestamp must be ISO-8601"),
        ("timestamp,value\n2021-01-01,1\n", "no row lies in the window"),
        ("", "must have a column 'timestamp'"),
    ],
)
def test_a_bad_file_is_named_with_its_place_and_fault(tmp_path: Path, text: str, said: str) -> None:
    nab = write_nab(tmp_path, {"g/one.csv": [["2020-01-01", "2020-01-02"]]}, one=text)
    with pytest.raises(DataError, match=rf"^{tmp_path}/data/g/one\.csv") as caught:
        nab.read("g/one.csv")
    assert said in str(caught.value)


def test_a_download_gives_the_same_series(server: Server, cache: NabCache, nab: Nab) -> None:
    downloaded = Nab(cache)
    assert downloaded.paths == nab.paths
    one, other = downloaded.read(STEPS_BACK), nab.read(STEPS_BACK)
    assert (one.values == other.values).all()
    assert (one.times == other.times).all()
    assert one.windows == other.windows
    assert server.handler.asked == (f"/{WINDOWS_FILE}", f"/data/{STEPS_BACK}")


def test_a_file_is_downloaded_once_and_read_offline(server: Server, cache: NabCache) -> None:
    first = cache.read(f"data/{CPU_ASG}")
    assert cache.read(f"data/{CPU_ASG}") == first
    assert len(server.handler.asked) == 1
    assert NabCache(cache.directory, "http://127.0.0.1:9").read(f"data/{CPU_ASG}") == first


def test_a_checksum_lies_beside_each_file(cache: NabCache) -> None:
    content = cache.read(WINDOWS_FILE)
    assert files(cache.directory) == {WINDOWS_FILE, f"{WINDOWS_FILE}.sha256"}
    recorded = (cache.directory / f"{WINDOWS_FILE}.sha256").read_text()
    assert recorded == f"{hashlib.sha256(content).hexdigest()}  combined_windows.json\n"


def test_a_changed_file_is_refused(cache: NabCache) -> None:
    cache.read(WINDOWS_FILE)
    (cache.directory / WINDOWS_FILE).write_text("{}")
    with pytest.raises(DataError, match="differs from its checksum: delete it"):
        cache.read(WINDOWS_FILE)


LOGIN = b"<html><body>Welcome to our network: log in, please.</body></html>"


@pytest.mark.parametrize("name", [WINDOWS_FILE, f"data/{CPU_ASG}"])
def test_a_page_in_place_of_a_file_is_not_kept(server: Server, cache: NabCache, name: str) -> None:
    server.handler.page = LOGIN
    with pytest.raises(DataError, match=rf"^what {server.url}/{name} sends (is not|must).*--data-dir$"):
        cache.read(name)
    assert not files(cache.directory)
    server.handler.page = None
    assert cache.read(name)


@pytest.mark.parametrize("name", [WINDOWS_FILE, f"data/{CPU_ASG}"])
def test_a_page_that_was_kept_is_named_with_its_place(cache: NabCache, name: str) -> None:
    path = cache.place(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(LOGIN)
    path.with_name(f"{path.name}.sha256").write_text(hashlib.sha256(LOGIN).hexdigest())
    with pytest.raises(DataError, match=rf"^{path} .*: delete it, and it is downloaded again$"):
        cache.read(name)


def test_a_file_without_a_checksum_is_downloaded_again(cache: NabCache) -> None:
    content = cache.read(WINDOWS_FILE)
    (cache.directory / f"{WINDOWS_FILE}.sha256").unlink()
    (cache.directory / WINDOWS_FILE).write_text("half")
    assert cache.read(WINDOWS_FILE) == content


def test_a_connection_that_is_cut_is_tried_again(shared: Path, server: Server, cache: NabCache) -> None:
    server.handler.cuts = nab_cache.ATTEMPTS - 1
    assert cache.read(f"data/{CPU_ASG}") == (shared / "nab" / "data" / CPU_ASG).read_bytes()


def test_an_interrupted_download_goes_on_where_it_was(shared: Path, server: Server, cache: NabCache) -> None:
    cache.read(WINDOWS_FILE)
    server.handler.cuts = nab_cache.ATTEMPTS
    with pytest.raises(DataError, match=r"cannot be downloaded \(the connection was cut\)"):
        cache.read(f"data/{CPU_ASG}")
    assert files(cache.directory) == {WINDOWS_FILE, f"{WINDOWS_FILE}.sha256"}
    server.handler.asked = ()
    cache.read(WINDOWS_FILE)
    assert cache.read(f"data/{CPU_ASG}") == (shared / "nab" / "data" / CPU_ASG).read_bytes()
    assert server.handler.asked == (f"/data/{CPU_ASG}",)


def test_no_network_is_one_sentence_with_the_way_out(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nab_cache, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError, match=r"refused.*give NAB's folder with --data-dir"):
        Nab(NabCache(tmp_path, f"http://127.0.0.1:{free_port}"))


def test_a_file_that_the_server_lacks_is_asked_for_once(server: Server, cache: NabCache) -> None:
    with pytest.raises(DataError, match="HTTP 404"):
        cache.read("data/none.csv")
    assert len(server.handler.asked) == 1


def test_the_environment_says_where_the_files_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANOMALIZ_NAB_DIR", raising=False)
    monkeypatch.delenv("ANOMALIZ_NAB_URL", raising=False)
    assert find() == NabCache(nab_cache.DIRECTORY, nab_cache.BASE_URL)
    monkeypatch.setenv("ANOMALIZ_NAB_URL", "http://mirror/nab/")
    assert find() == NabCache(nab_cache.DIRECTORY, "http://mirror/nab")
    monkeypatch.setenv("ANOMALIZ_NAB_DIR", str(tmp_path))
    assert find() == NabFolder(tmp_path)
    assert find(tmp_path / "given") == NabFolder(tmp_path / "given")


def test_another_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANOMALIZ_NAB_DIR", raising=False)
    monkeypatch.setenv("ANOMALIZ_NAB_URL", "file:///etc")
    with pytest.raises(ConfigError, match="must begin with http"):
        find()
