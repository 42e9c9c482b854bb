from collections.abc import Iterator

import pytest
from support.forked_sandbox import ForkedSandboxes


@pytest.fixture(scope="session")
def forked_sandboxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedSandboxes]:
    """What makes processes of models without importing TensorFlow for each."""
    made = ForkedSandboxes(tmp_path_factory.mktemp("sandboxes"))
    yield made
    made.close()
