"""What a kind of broken model is, and the list of all kinds."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.zoo.tiny import Exported, TinyModel, export

from components.smoke_test.names import CheckName


@dataclass(frozen=True)
class Kind:
    """One way in which a model is broken.

    Attributes:
      name: of the kind.
      wrong: what is wrong with it, in a few words.
      check: the check that is meant for it.
      signature: the signature that the check must name, or None.
      says: what the check's line in the report must hold.
      model: the broken model.
      config: what differs from the defaults in `smoke_test:`.
      transform_graph: whether the gate is given a TransformGraph.
    """

    name: str
    wrong: str
    check: CheckName
    signature: str | None
    says: str
    model: type[TinyModel]
    config: dict[str, Any]
    transform_graph: bool

    def build(self, folder: Path, transform_graph: Path | None = None) -> Exported:
        """Exports it and all that it is tested with into a new folder."""
        return export(self.model, folder, transform_graph)


KINDS: dict[str, Kind] = {}
"""By name; filled by the modules of broken models."""


def broken(
    wrong: str,
    *,
    check: CheckName,
    signature: str | None = None,
    says: str = "",
    transform_graph: bool = False,
    **config: Any,
) -> Callable[[type[TinyModel]], type[TinyModel]]:
    """Makes a model one of the kinds: `AbsoluteAssetPath` becomes `absolute_asset_path`."""

    def register(model: type[TinyModel]) -> type[TinyModel]:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.__name__).lower()
        assert name not in KINDS, f"two kinds named {name}"
        KINDS[name] = Kind(name, wrong, check, signature, says, model, config, transform_graph)
        return model

    return register
