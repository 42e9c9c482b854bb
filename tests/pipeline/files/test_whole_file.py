"""Files that are written whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.files.whole_file import DRAFT_PREFIX, write_whole


def test_the_content_is_there_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "Käse\n")
    write_whole(tmp_path / "b", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"K\xc3\xa4se\n"
    assert (tmp_path / "b").read_bytes() == b"\x00\xff"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b"]


def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_whole(tmp_path / "new", "x")
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode
    usual.chmod(0o640)
    write_whole(usual, "x")
    assert stat.S_IMODE(usual.stat().st_mode) == 0o640


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_the_check_refuses_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ValueError("not now")

    (tmp_path / "a").write_text("old")
    with pytest.raises(ValueError, match="not now"):
        write_whole(tmp_path / "a", "new", check=refuse)
    assert (tmp_path / "a").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_two_that_write_at_once_are_never_seen_half(tmp_path: Path) -> None:
    file = tmp_path / "a"
    texts = [letter * 100_000 for letter in "xy"]
    write_whole(file, texts[0])
    failures: list[OSError] = []

    def write(text: str) -> None:
        try:
            for _ in range(50):
                write_whole(file, text)
        except OSError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=[text]) for text in texts]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(file.read_text())
    for writer in writers:
        writer.join()
    assert failures == []
    assert seen <= set(texts)


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.files.whole_file import DRAFT_PREFIX, write_whole
write_whole(Path(sys.argv[1]), "half", check=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_what_a_killed_writer_left_goes_with_the_next_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a")], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert [each.name.startswith(DRAFT_PREFIX) for each in tmp_path.iterdir()] == [True]
    write_whole(tmp_path / "b", "whole")
    assert [each.name for each in tmp_path.iterdir()] == ["b"]
