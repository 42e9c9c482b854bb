"""How much a run writes, and the sentence of a full disk."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from pipeline.config.loader import LoadedConfig, load
from pipeline.results import space
from pipeline.results.space import file_system, in_words, needed, shortage, when_full

PENGUINS = Path(__file__).resolve().parents[3] / "data/penguins/pipeline.yaml"


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfig:
    (tmp_path / "birds.csv").write_bytes(b"x" * 2_000_000)
    return load(PENGUINS, [f"root={tmp_path}/root", f"data.path={tmp_path}/birds.csv", "data.prepare=null"])


def test_a_first_run_is_told_by_the_size_of_its_table(loaded):
    need = needed(loaded, loaded.root())
    assert need is not None
    assert need.bytes == 5_000_000 + 3 * 2_000_000
    assert "2 MB of the table" in need.why


def test_a_later_run_is_told_by_the_newest_outputs_of_what_runs(loaded):
    root = loaded.root()
    for name, size in (("ExampleGen/examples/3", 10), ("ExampleGen/examples/12", 700), ("Trainer/model/15", 90)):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep/file").write_bytes(b"x" * size)
    (root / "runs/20260101T000000Z").mkdir(parents=True)
    # A root that was never filled says too little.
    assert needed(loaded, root).bytes == 11_000_000
    (root / "Trainer/model/16").mkdir()
    with (root / "Trainer/model/16/big").open("wb") as big:
        big.truncate(50_000_000)
    assert needed(loaded, root).bytes == 5_000_000 + 700 + 50_000_000
    shutil.rmtree(root / "Trainer/model/16")
    assert needed(loaded, root, ["Trainer", "Pusher"]).bytes == 5_000_000 + 90
    # What never ran: then the table is all that there is to go by.
    assert needed(loaded, root, ["Trainer", "Evaluator"]).bytes == 11_000_000


def test_what_vanishes_meanwhile_and_what_was_pushed_by_hand_do_not_count(loaded, monkeypatch):
    root = loaded.root()
    for name in ("Trainer/model/15/kept", "Trainer/model/15/vanishes", "Rollback/pushed_model/17/file"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * 90)
    walk = os.walk

    def beside_another(folder):
        for found in walk(folder):
            (root / "Trainer/model/15/vanishes").unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(os, "walk", beside_another)
    assert space.newest_outputs(root) == {"Trainer": 90}


def test_a_table_elsewhere_says_nothing(tmp_path):
    loaded = load(PENGUINS, [f"root={tmp_path}/root", "data.path=gs://bucket/birds.csv", "data.prepare=null"])
    assert needed(loaded, loaded.root()) is None
    assert shortage(loaded, loaded.root()) == ""


def test_too_little_space_is_a_warning_before_the_run(loaded, monkeypatch):
    assert shortage(loaded, loaded.root()) == ""
    few = space.FileSystem(Path("/mnt/small"), free=1_000, total=2_000_000)
    monkeypatch.setattr(space, "file_system", lambda _: few)
    warning = shortage(loaded, loaded.root())
    assert "1 kB free on the file system at /mnt/small" in warning
    assert "about 11 MB" in warning


def test_a_full_disk_is_told_with_its_file_system_and_what_a_run_needs(loaded, tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "root/half"))
    place = file_system(tmp_path).place
    assert tmp_path.is_relative_to(place)
    assert place == Path("/") or os.path.ismount(place)
    said = when_full(full, loaded, loaded.root())
    assert f" free on the file system at {place}; a run from nothing writes about 11 MB" in said


def test_sizes_in_words():
    assert [in_words(each) for each in (0, 999, 1_500, 20_000_000, 3 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "20 MB",
        "3 TB",
    ]
