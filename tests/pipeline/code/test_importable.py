"""Dotted paths are checked without importing anything."""

import importlib.machinery
import sys
from pathlib import Path

import pytest

from pipeline.code.importable import find_module, why_not_importable


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that breaks when it is imported."""
    folder = tmp_path / "lib/crystal_models"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (folder / "deep/__init__.py").write_text("from .tabnet import build as exported\n")
    (folder / "deep/tabnet.py").write_text(
        "raise RuntimeError('imported')\n"
        "try:\n    import fast as engine\nexcept ImportError:\n    engine = None\n"
        "def build(inputs, head, params):\n    inner = 1\n"
        "class Builder: ...\n"
        "first, (second, *rest) = 1, (2, 3)\n"
        "annotated: int\nassigned: int = 1\n"
        "if True:\n    def conditional(): ...\n"
    )
    (folder / "broken.py").write_text("def build(:\n")
    (folder / "lazy.py").write_text("def __getattr__(name): ...\n")
    (folder / "starred.py").write_text("from os.path import *\n")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return folder


@pytest.mark.parametrize(
    "path",
    [
        "deep.tabnet.build",
        "deep.tabnet.Builder",
        "deep.tabnet.engine",
        "deep.tabnet.rest",
        "deep.tabnet.assigned",
        "deep.tabnet.conditional",
        "deep.exported",
        "lazy.anything",
        "starred.join",
    ],
)
@pytest.mark.usefixtures("package")
def test_a_dotted_path_is_found_without_importing(path: str) -> None:
    assert why_not_importable(f"crystal_models.{path}") is None
    assert "crystal_models" not in sys.modules


@pytest.mark.parametrize(
    ("path", "message", "nearest", "installed"),
    [
        ("deep.tabnet.biuld", "defines no 'biuld'", "crystal_models.deep.tabnet.build", True),
        ("deep.tabnet.inner", "defines no 'inner'", "", True),
        ("deep.tabnet.annotated", "defines no 'annotated'", "", True),
        ("deep.tabnte.build", "has no module 'tabnte'", "crystal_models.deep.tabnet.build", True),
        ("dep.build", "has no module 'dep'", "crystal_models.deep.build", True),
        ("deep.tabnet.build.more", "no module 'crystal_models.deep.tabnet.build'", "", False),
        ("broken.build", "can't be read as Python", "", True),
    ],
)
@pytest.mark.usefixtures("package")
def test_a_dotted_path_that_leads_nowhere(path: str, message: str, nearest: str, installed: bool) -> None:
    reason = why_not_importable(f"crystal_models.{path}")
    assert reason is not None
    assert message in reason.message
    assert (reason.nearest, reason.installed) == (nearest, installed)


@pytest.mark.parametrize("path", ["crystal_absent.build", "crystal_absent.deep.build", "__main__.build", "sys.exit"])
def test_a_dotted_path_to_no_module(path: str) -> None:
    reason = why_not_importable(path)
    assert reason is not None
    assert not reason.installed


def test_an_editable_install_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Setuptools installs a package of a flat layout in editable mode as a finder, not as a folder on sys.path.
    folder = tmp_path / "project/crystal_editable"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "tabnet.py").write_text("def build(): ...\n")

    class EditableFinder:
        @staticmethod
        def find_spec(name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
            if name != "crystal_editable":
                return None
            return importlib.machinery.PathFinder.find_spec(name, [str(tmp_path / "project")])

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, EditableFinder])
    assert find_module("crystal_editable.tabnet") == folder / "tabnet.py"


def test_folders_without_init_in_each_other_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "crystal_plain/deep/deeper"
    folder.mkdir(parents=True)
    (folder / "tabnet.py").write_text("def build(): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_module("crystal_plain.deep.deeper.tabnet") == folder / "tabnet.py"
    assert find_module("crystal_plain.deep.deeper") is None
    assert find_module("crystal_plain.deep.absent.tabnet") is None
    assert why_not_importable("crystal_plain.deep.deeper.tabnet.build") is None
