"""The versions in a push destination, also while the store fails."""

from pathlib import Path

import pytest
from tensorflow.python.framework import errors

from pipeline.operate.serve import saved_models
from pipeline.operate.serve.saved_models import SavedModels

pytestmark = pytest.mark.slow  # imports TensorFlow


def test_a_store_that_fails_at_a_versions_file_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for version in ("9", "10", "11", ".pushing"):
        (tmp_path / version).mkdir()
    for version in ("9", "10"):
        (tmp_path / version / "saved_model.pb").touch()
    store = SavedModels(str(tmp_path), 1)
    assert store.versions() == [10, 9]

    def away(path: str) -> bool:
        raise errors.UnavailableError(None, None, f"{path}: 503")

    monkeypatch.setattr(saved_models.file_io, "file_exists", away)
    with pytest.raises(OSError, match=r"can't be read: .*11.*503"):
        store.versions()


def test_the_import_leaves_decoding_as_it_is() -> None:
    """Only a process that serves may write undecodable bytes with backslashes: see `keep_error_texts`."""
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode()
