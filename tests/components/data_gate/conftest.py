"""A run on sound data, made once."""

import pytest
from support.gated import Run, sound


@pytest.fixture(scope="session")
def sound_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on sound data; don't change its folder."""
    return Run(tmp_path_factory.mktemp("sound"), sound())
