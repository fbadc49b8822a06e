"""A file that is written is there whole or not at all."""

from __future__ import annotations

import threading

import pytest

from tinygrad_lite.graph import files
from tinygrad_lite.graph.files import write_whole


def test_a_new_file_and_a_changed_one(tmp_path):
    path = tmp_path / "picture.svg"
    write_whole(path, "größe")
    assert path.read_text(encoding="utf-8") == "größe"
    path.chmod(0o640)
    write_whole(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["picture.svg"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to("there.svg")
    write_whole(tmp_path / "link.svg", "new")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "there.svg").read_text() == "new"


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_beside(tmp_path, monkeypatch, error):
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail(*_):
        raise error

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(type(error)):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_six_writers_at_once(tmp_path):
    path = tmp_path / "page.html"
    texts = [str(i) * 200_000 for i in range(6)]

    def write(text):
        for _ in range(5):
            write_whole(path, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert path.read_text() in texts
    assert len(list(tmp_path.iterdir())) == 1
