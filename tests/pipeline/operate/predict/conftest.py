from pathlib import Path

import pytest
from support.served import pushed


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a root in which version 7 of the zoo's classifier of three species is pushed."""
    return pushed(tmp_path_factory.mktemp("served") / "tiny")
