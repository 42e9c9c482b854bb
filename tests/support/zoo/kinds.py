"""What a kind of broken model is, and the list of all kinds."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from support.zoo.tiny import Exported, TinyModel, export

from components.smoke_test.names import CheckName

Make = Literal["Lockgate", "Keras", "tf.Module", "TF1"]
"""Who made the export: a model with the signatures and files of our trainer, `model.export` of Keras,
`tf.saved_model.save` of a plain tf.Module, or TF1's SavedModelBuilder."""


@dataclass(frozen=True)
class Kind:
    """One way in which a model is broken.

    Attributes:
      name: of the kind.
      wrong: what is wrong with it, in a few words.
      check: the check that is meant for it.
      signature: the signature that the check must name, or None.
      says: words that name the cause, of this kind and of few others: in the check's line or in its hint.
      build: exports it, and all that it is tested with, into a new folder; is given a TransformGraph or None.
      config: what differs from the defaults in `smoke_test:`.
      make: of the export.
      transform_graph: whether the gate is given a TransformGraph.
    """

    name: str
    wrong: str
    check: CheckName
    signature: str | None
    says: str
    build: Callable[[Path, Path | None], Exported]
    config: dict[str, Any]
    make: Make = "Lockgate"
    transform_graph: bool = False

    @property
    def needs_a_fresh_process(self) -> bool:
        """Whether what is wrong with it is about the process: how that ends, what it prints, takes, or does at once."""
        return self.check in OF_THE_PROCESS or self.name in ALSO_FRESH


OF_THE_PROCESS: frozenset[CheckName] = frozenset(
    (
        *("process", "stdout", "loads", "answers", "threads", "endurance"),
        *("load_time", "memory", "latency", "throughput"),
    )
)
ALSO_FRESH = frozenset(
    (
        *("batch_neighbours", "constant", "customers_through_int32", "dropout_left_on", "feature_dropped"),
        *("input_renamed", "logits", "nan_on_missing", "one_row_differs", "overflow_on_largest", "row_order"),
        *("serialized_tensor", "signatures_disagree", "transform_of_another_run", "unknown_is_aachen"),
    )
)
"""One of the others for most checks that ask the model."""

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

        def build(folder: Path, graph: Path | None) -> Exported:
            return export(model, folder, graph)

        _add(Kind(name, wrong, check, signature, says, build, config, transform_graph=transform_graph))
        return model

    return register


def broken_elsewhere(
    wrong: str, *, make: Make, check: CheckName, signature: str | None = None, says: str = "", **config: Any
) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Makes an export of another project one of the kinds, named after the function that writes it.

    The function writes as those of `support.zoo.plain` do: `model/Format-Serving`, and `examples` and `schema` if it
    comes with them. There are no golden files.
    """

    def register(builder: Callable[[Path], None]) -> Callable[[Path], None]:
        def build(folder: Path, graph: Path | None) -> Exported:  # noqa: ARG001
            builder(folder)
            return Exported(folder / "model", folder / "examples", folder / "schema")

        name = builder.__name__
        _add(Kind(name, wrong, check, signature, says, build, {"golden": "optional", **config}, make))
        return builder

    return register


def _add(kind: Kind) -> None:
    assert kind.name not in KINDS, f"two kinds named {kind.name}"
    KINDS[kind.name] = kind
