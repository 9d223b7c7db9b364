import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anomaliz.bundle import writer
from anomaliz.bundle.writer import replacing
from anomaliz.core.errors import AnomalizError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def write(directory: Path, content: str) -> None:
    with replacing(directory) as new:
        (new / "inner").mkdir()
        (new / "inner" / "file").write_text(content)
        (new / "manifest.json").write_text("{}")


def content(directory: Path) -> str:
    return (directory / "inner" / "file").read_text()


def fail(directory: Path) -> None:
    with replacing(directory) as new:
        (new / "half").write_text(str(1 // 0))


def test_a_new_directory_appears_whole(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "bundle", "one")
    assert content(tmp_path / "deep" / "bundle") == "one"
    assert names(tmp_path / "deep") == ["bundle"]


def test_others_can_read_it_as_the_umask_says(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "bundle").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_old_bundle_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    write(tmp_path / "bundle", "two")
    assert content(tmp_path / "bundle") == "two"
    assert names(tmp_path) == ["bundle"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    write(tmp_path / "bundle", "one")
    assert content(tmp_path / "bundle") == "one"


def test_a_link_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "real", "one")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", "two")
    assert content(tmp_path / "real") == "two"
    assert (tmp_path / "link").is_symlink()


def test_somebody_elses_folder_or_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("one")
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(AnomalizError, match="holds something else than a bundle"):
        write(tmp_path / "thesis", "x")
    with pytest.raises(AnomalizError, match="notes is a file"):
        write(tmp_path / "notes", "x")
    assert (tmp_path / "thesis" / "chapter").read_text() == "one"


@pytest.mark.parametrize("place", ["file/bundle", "/proc/none/bundle"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(AnomalizError, match="cannot be written"):
        write(tmp_path / place, "x")


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "bundle")
    assert content(tmp_path / "bundle") == "one"
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
        write(tmp_path / "bundle", "meanwhile")  # leaves a running one alone
        assert len(names(tmp_path)) == 2
        process.send_signal(signal.SIGKILL)
    assert content(tmp_path / "bundle") == "meanwhile"
    write(tmp_path / "bundle", "two")
    assert names(tmp_path) == ["bundle"]


def test_without_a_swap_the_old_one_is_moved_aside(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "one")
    workspace = tmp_path / "workspace"
    (workspace / "new" / "inner").mkdir(parents=True)
    (workspace / "new" / "inner" / "file").write_text("two")
    writer._replaced_in_two_steps(workspace, tmp_path / "bundle")
    assert content(tmp_path / "bundle") == "two"
    assert content(workspace / "old") == "one"


def test_a_replacement_cut_off_between_its_two_steps_is_put_back(tmp_path: Path) -> None:
    write(tmp_path / ".bundle.training-x" / "old", "one")
    write(tmp_path / "other", "x")
    with replacing(tmp_path / "bundle"):
        assert content(tmp_path / "bundle") == "one"


def test_a_reader_always_finds_a_bundle(tmp_path: Path) -> None:
    write(tmp_path / "bundle", "0")
    code = f"""
from pathlib import Path
from anomaliz.bundle.writer import replacing
for i in range(30):
    with replacing(Path({str(tmp_path / "bundle")!r})) as new:
        (new / "manifest.json").write_text("{{}}")
        (new / "inner").mkdir()
        (new / "inner" / "file").write_text(str(i))
"""
    seen = set()
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while process.poll() is None:
            seen.add(content(tmp_path / "bundle"))
    assert process.returncode == 0
    assert "" not in seen
    assert len(seen) > 1
