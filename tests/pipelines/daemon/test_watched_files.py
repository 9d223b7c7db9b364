import os
from pathlib import Path

from anomaliz.pipelines.daemon.watched_files import WatchedFiles


def test_only_another_content_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("pipelines: []")
    watched = WatchedFiles([file])
    assert not watched.changed()
    os.utime(file, ns=(1, 1))
    assert not watched.changed()
    file.write_text("pipelines: [1]")
    assert watched.changed()
    assert not watched.changed()


def test_a_change_of_the_same_length_and_age_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1")
    os.utime(file, ns=(1, 1))
    watched = WatchedFiles([file])
    new = tmp_path / "new"
    new.write_text("a: 2")
    os.utime(new, ns=(1, 1))
    new.rename(file)
    assert watched.changed()


def test_files_that_come_and_go_are_changes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    watched = WatchedFiles([tmp_path])
    (tmp_path / "notes.txt").write_text("no definition")
    assert not watched.changed()
    (tmp_path / "b.yml").write_text("b: 1")
    assert watched.changed()
    for file in tmp_path.glob("*.y*ml"):
        file.unlink()
    assert watched.changed()
    assert not watched.changed()


def test_a_link_to_another_folder_is_a_change(tmp_path: Path) -> None:
    """As Kubernetes swaps a mounted config map."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(f"a: {name}")
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "one")
    watched = WatchedFiles([link])
    new = tmp_path / "next"
    new.symlink_to(tmp_path / "two")
    new.rename(link)
    assert watched.changed()
