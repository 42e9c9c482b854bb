"""TFX's handle of a metadata store, around a store that this project has opened."""

from collections.abc import Callable
from typing import Any, Self

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

Opening = Callable[[], metadata_store.MetadataStore]
"""Opens the store."""


class Handle(metadata.Metadata):
    """Opens the store when it is entered. TFX's own would connect by itself, and know nothing of lost servers."""

    def __init__(self, opening: Opening) -> None:
        """Nothing is opened yet; TFX is given no connection, so no password either."""
        super().__init__(metadata_store_pb2.ConnectionConfig())
        self._opening = opening
        self._open: metadata_store.MetadataStore | None = None
        self._entered = 0

    def __enter__(self) -> Self:
        if self._open is None:
            self._open = self._opening()
        self._entered += 1
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered -= 1
        if not self._entered:
            self._open = None

    @property
    def store(self) -> metadata_store.MetadataStore:
        """The open store.

        Raises:
          RuntimeError: it is not entered.
        """
        if self._open is None:
            raise RuntimeError("the metadata store is not open")
        return self._open
