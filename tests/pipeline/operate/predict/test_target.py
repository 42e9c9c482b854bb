"""Predictions are in place whole or not at all, whenever a process dies and whoever else predicts."""

from pathlib import Path

import filelock
import pytest

from pipeline.operate.predict import target as module
from pipeline.operate.predict.target import Target, check_target, place_shards, staging
from preprocessing.errors import UserError


class KilledError(Exception):
    """Stands for a SIGKILL."""


def shard(folder: Path, content: str) -> str:
    file = folder / "written"
    file.write_text(content, encoding="utf-8")
    return str(file)


def contents(target: Target) -> list[str]:
    return [file.read_text("utf-8") for file in sorted(target.path.iterdir())]


def test_a_kill_between_the_two_renames_loses_no_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = Target(tmp_path / "out", "csv", folder=True)
    with staging(target) as folder:
        place_shards(target, folder, [shard(folder, "old")], None)
    rename = Path.rename

    def killed(path: Path, to: Path) -> Path:
        if path.name == "shards":
            raise KilledError
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        # A killed process does not tidy up.
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KilledError), staging(target) as folder:
            place_shards(target, folder, [shard(folder, "new")], None)
    assert not target.path.exists()
    with pytest.raises(UserError, match="is there already"):
        check_target(target, [], str(tmp_path / "in.csv"), overwrite=False)
    assert contents(target) == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_another_process_took_for_a_left_one_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = Target(tmp_path / "out", "csv", folder=True)
    acquire, taken = filelock.FileLock.acquire, list[Path]()

    def acquired(lock: filelock.BaseFileLock, *args: object) -> object:
        if not taken:
            # The other one comes between the folder and its lock.
            taken.append(Path(lock.lock_file).parent)
            module.clear(target)
        return acquire(lock, *args)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquired)
    with staging(target) as folder:
        assert folder != taken[0]
        module.clear(target)
        assert (folder / "shards").is_dir(), "its lock is held"
        place_shards(target, folder, [shard(folder, "new")], None)
    assert contents(target) == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
