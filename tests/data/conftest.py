"""The data folders and their prepare.py scripts, which are files and not modules of a package."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    def load(name: str) -> ModuleType:
        path = DATA / name
        spec = importlib.util.spec_from_file_location(f"data_script_{path.parent.name}_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def flights_folder(load_script: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where data/flights/prepare.py has written its three splits."""
    folder = tmp_path_factory.mktemp("flights")
    load_script("flights/prepare.py").prepare(folder)
    return folder
