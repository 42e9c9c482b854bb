"""The push as readers of the serving folder see it. No TensorFlow."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.pusher import push as push_module
from components.pusher.push import newest_version, next_version, push, staging

MakeModel = Callable[..., Path]
FilesIn = Callable[[Path], dict[str, bytes]]

# Stands in the middle of a push until its stdin is closed.
STANDING_PUSH = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("push", sys.argv[1])
push = importlib.util.module_from_spec(spec)
spec.loader.exec_module(push)
with push.staging(Path(sys.argv[2])) as folder:
    (folder / "saved_model.pb").write_bytes(b"half")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def standing_push(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    base = tmp_path / "serving"
    base.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", STANDING_PUSH, push_module.__file__, str(base)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    with process:
        yield process, base / name
        process.kill()


def versions(base: Path) -> list[str]:
    return sorted((entry.name for entry in base.iterdir() if entry.name.isdecimal()), key=int)


def test_a_first_push_makes_the_folder_and_copies_every_byte(
    tmp_path: Path, make_model: MakeModel, files_in: FilesIn
) -> None:
    model = make_model()
    before = int(time.time())
    version, new = push(model, tmp_path / "some" / "serving")
    assert new
    assert before <= int(version.name) <= time.time()
    assert files_in(version) == files_in(model)
    assert [entry.name for entry in version.parent.iterdir()] == [version.name]


def test_the_same_model_is_not_pushed_twice(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    first, _ = push(make_model("one"), base)
    again, new = push(make_model("two"), base)
    assert (again, new) == (first, False)
    assert versions(base) == [first.name]


@pytest.mark.parametrize("change", ["content of the same size", "one file more", "one file less"])
def test_any_difference_makes_a_new_version(tmp_path: Path, make_model: MakeModel, change: str) -> None:
    base = tmp_path / "serving"
    first, _ = push(make_model("one", b"weights", assets=2), base)
    changed = {
        "content of the same size": lambda: make_model("two", b"WEIGHTS", assets=2),
        "one file more": lambda: make_model("two", b"weights", assets=3),
        "one file less": lambda: make_model("two", b"weights", assets=1),
    }[change]()
    second, new = push(changed, base)
    assert new
    assert int(second.name) > int(first.name)


def test_going_back_to_an_older_model_is_a_new_version(
    tmp_path: Path, make_model: MakeModel, files_in: FilesIn
) -> None:
    base, old = tmp_path / "serving", make_model("old", b"old")
    push(old, base)
    push(make_model("new", b"new"), base)
    last, new = push(old, base)
    assert new
    assert versions(base)[-1] == last.name
    assert files_in(last) == files_in(old)


def test_versions_grow_even_past_one_from_the_future(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    future = str(int(time.time()) + 10_000)
    (base / future).mkdir(parents=True)
    (base / future / "saved_model.pb").write_bytes(b"another")
    version, _ = push(make_model(), base)
    assert int(version.name) == int(future) + 1
    assert (base / future / "saved_model.pb").read_bytes() == b"another"


def test_version_names_are_compared_as_numbers() -> None:
    assert newest_version(["9", "10", "notes.txt", ".pushing-x", "²"]) == "10"
    assert newest_version(["readme"]) is None
    assert next_version([str(2**40)]) == 2**40 + 1


def test_a_file_with_a_number_for_a_name_is_left_alone(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    base.mkdir()
    taken = base / str(int(time.time()) + 1000)
    taken.write_text("a note")
    version, _ = push(make_model(), base)
    assert int(version.name) == int(taken.name) + 1
    assert taken.read_text() == "a note"


def test_a_reader_never_sees_half_a_model(tmp_path: Path, make_model: MakeModel, files_in: FilesIn) -> None:
    base = tmp_path / "serving"
    base.mkdir()
    models = [make_model(f"model-{i}", f"weights {i}".encode() * 50_000, assets=20) for i in range(8)]
    complete = set(files_in(models[0]))
    sizes = {name: len(content) for name, content in files_in(models[0]).items()}
    looks, incomplete = 0, []
    done = threading.Event()

    def read() -> None:
        nonlocal looks
        while not done.is_set():
            for version in versions(base):
                seen = {str(p.relative_to(base / version)) for p in (base / version).rglob("*") if p.is_file()}
                looks += 1
                if seen != complete or any((base / version / n).stat().st_size != sizes[n] for n in complete):
                    incomplete.append((version, sorted(complete - seen)))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for model in models:
            push(model, base)
        done.set()
        reading.result()
    assert looks > len(models)
    assert incomplete == []
    assert len(versions(base)) == len(models)


def test_pushes_at_the_same_moment_all_arrive(tmp_path: Path, make_model: MakeModel, files_in: FilesIn) -> None:
    base = tmp_path / "serving"
    models = [make_model(f"model-{i}", f"weights {i}".encode()) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pushed = [version for version, _ in pool.map(lambda model: push(model, base), models)]
    assert len(set(pushed)) == len(models)
    assert [files_in(version) for version in pushed] == [files_in(model) for model in models]
    assert sorted(entry.name for entry in base.iterdir()) == sorted(version.name for version in pushed)


def test_a_failed_copy_leaves_nothing_and_keeps_the_error(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    first, _ = push(make_model("one"), base)
    large = make_model("two", bytes(4 * 2**20))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))  # as a full disk: a write fails half-way
    try:
        with pytest.raises(OSError, match="File too large"):
            push(large, base)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [entry.name for entry in base.iterdir()] == [first.name]


def test_a_serving_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path, make_model: MakeModel) -> None:
    (tmp_path / "serving").write_text("not a folder")
    with pytest.raises(OSError, match="serving"):
        push(make_model(), tmp_path / "serving")


def test_what_a_killed_push_left_is_removed_by_the_next(
    standing_push: tuple["subprocess.Popen[str]", Path], make_model: MakeModel
) -> None:
    process, left_over = standing_push
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left_over / "saved_model.pb").exists()
    version, _ = push(make_model(), left_over.parent)
    assert [entry.name for entry in left_over.parent.iterdir()] == [version.name]


def test_a_push_that_is_still_running_is_left_alone(
    standing_push: tuple["subprocess.Popen[str]", Path], make_model: MakeModel
) -> None:
    process, in_use = standing_push
    assert process.poll() is None
    push(make_model(), in_use.parent)
    assert (in_use / "saved_model.pb").read_bytes() == b"half"


def test_a_reused_process_number_does_not_keep_a_left_over(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    base.mkdir()
    with staging(base) as mine:
        host, pid, start, moment = mine.name.rsplit("-", maxsplit=3)
    left_over = base / f"{host}-{pid}-{int(start) + 1}-{moment}"
    left_over.mkdir()
    push(make_model(), base)
    assert not left_over.exists()


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (25, False)])
def test_another_hosts_folder_is_kept_for_a_day(tmp_path: Path, make_model: MakeModel, hours: int, kept: bool) -> None:
    base = tmp_path / "serving"
    foreign = base / ".pushing-another-host.4026531836-12-345-678"
    foreign.mkdir(parents=True)
    moment = time.time() - hours * 3600
    os.utime(foreign, (moment, moment))
    push(make_model(), base)
    assert foreign.exists() == kept


def test_a_folder_with_a_similar_name_is_nobodys_left_over(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    (base / ".pushing-by-hand").mkdir(parents=True)
    push(make_model(), base)
    assert (base / ".pushing-by-hand").exists()


def test_staging_folders_have_no_numeric_name(tmp_path: Path) -> None:
    with staging(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".")
    assert not folder.exists()
