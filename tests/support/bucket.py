"""Google Cloud Storage as a folder, for TFX's `fileio`; and a bucket that nobody may look into.

TensorFlow's `ram://` can't stand in for it: there `assets` also lists what is in `assets.extra`.
"""

import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tensorflow as tf
from tfx.dsl.io import filesystem_registry
from tfx.dsl.io.plugins.tensorflow_gfile import TensorflowFilesystem


def use_folder_as_storage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `gs://bucket/name` be the file `folder/bucket/name` until the test ends."""

    class Storage(TensorflowFilesystem):
        SUPPORTED_SCHEMES: ClassVar[list[str]] = ["gs://"]

        @staticmethod
        def listdir(path: str) -> list[str]:
            """Folders with a slash at the end, as Google's storage gives them."""
            local = _local(path, folder)
            return [f"{n}/" if Path(local, n).is_dir() else n for n in TensorflowFilesystem.listdir(local)]

        @staticmethod
        def walk(top: str, **_: Any) -> Iterable[tuple[str, list[str], list[str]]]:
            """From `listdir`, as TensorFlow does."""
            names = Storage.listdir(top)
            yield top, [n for n in names if n.endswith("/")], [n for n in names if not n.endswith("/")]
            for name in names:
                if name.endswith("/"):
                    yield from Storage.walk(posixpath.join(top, name))

    for method in ("open", "copy", "exists", "isdir", "makedirs", "remove", "rmtree"):
        setattr(Storage, method, staticmethod(_translated(getattr(TensorflowFilesystem, method), folder)))
    monkeypatch.setitem(_by_scheme(), "gs://", Storage)


def forbid_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every question about `gs://` answered as Google's storage answers an account without permission."""

    class Forbidden(TensorflowFilesystem):
        SUPPORTED_SCHEMES: ClassVar[list[str]] = ["gs://"]

        @staticmethod
        def exists(path: str) -> bool:
            """Says no."""
            raise tf.errors.PermissionDeniedError(None, None, f"403 storage.objects.get {path}")

    monkeypatch.setitem(_by_scheme(), "gs://", Forbidden)


def _by_scheme() -> dict[str, Any]:
    schemes: dict[str, Any] = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY._preferred_filesystem_by_scheme
    return schemes


def _translated(method: Any, folder: Path) -> Any:
    def call(*paths: Any, **options: Any) -> Any:
        return method(*(_local(path, folder) if isinstance(path, str) else path for path in paths), **options)

    return call


def _local(path: str, folder: Path) -> str:
    return path.replace("gs:/", str(folder), 1) if path.startswith("gs://") else path
