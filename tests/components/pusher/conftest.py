"""A folder that looks like a SavedModel: the pusher moves bytes and loads nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    def make(name: str = "model", content: bytes = b"weights", assets: int = 1) -> Path:
        folder = tmp_path / name / "Format-Serving"
        (folder / "variables").mkdir(parents=True)
        (folder / "assets").mkdir()
        (folder / "saved_model.pb").write_bytes(b"graph of " + content)
        (folder / "variables" / "variables.index").write_bytes(b"index")
        (folder / "variables" / "variables.data-00000-of-00001").write_bytes(content)
        for i in range(assets):
            (folder / "assets" / f"vocabulary-{i}").write_bytes(b"a\nb\n")
        return folder

    return make


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of each file but the manifest, by its path."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "assets.extra/champion/manifest.json"}


@pytest.fixture(name="files_in")
def files_in_fixture() -> Callable[[Path], dict[str, bytes]]:
    return files_in
