"""Which part of the graph runs. Light, so that a mistyped component is refused before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preprocessing.nearest import nearest

if TYPE_CHECKING:
    from pipeline.config.pipeline_config import PipelineConfig

METADATA_FILE = "metadata.sqlite"
"""The metadata store of the runs on this machine, in the root."""
INFERRED_SCHEMA, CURATED_SCHEMA = "SchemaGen", "ImportSchemaGen"
"""The nodes of the schema: the graph has the second when the configuration names a schema file, else the first."""
BASELINE = "Baseline"
"""In the graph unless `data_gate.drift.baseline` is `none`."""
INFRA_VALIDATOR = "InfraValidator"
"""In the graph when `smoke_test.infra_validator` is set."""
FOLDS, CROSS_VALIDATION = "Folds", "CrossValidation"
"""In the graph when `train.cross_validation` is set, with a node for each fold between Transform and the second."""
TUNER = "Tuner"
"""In the graph when `tune` is set."""
COMPONENTS = (
    "ExampleGen",
    "StatisticsGen",
    INFERRED_SCHEMA,
    CURATED_SCHEMA,
    "ExampleValidator",
    BASELINE,
    "DataGate",
    "Champion",
    "Transform",
    TUNER,
    "Trainer",
    "Evaluator",
    INFRA_VALIDATOR,
    "SmokeTest",
    "Pusher",
)
"""The ids in `pipeline.graph`, but for those of a cross-validation; none depends on a later one."""


def components(config: PipelineConfig) -> tuple[str, ...]:
    """The ids in the graph of a configuration, in the order of `COMPONENTS`."""
    # Not at the top: a shell that completes a component's name does without pydantic.
    from components.artifacts.cross_validation import fold_node

    absent = {INFERRED_SCHEMA if config.data.schema_file is not None else CURATED_SCHEMA}
    if config.data_gate.drift.baseline == "none":
        absent.add(BASELINE)
    if config.smoke_test.infra_validator is None:
        absent.add(INFRA_VALIDATOR)
    if config.tune is None:
        absent.add(TUNER)
    names = [name for name in COMPONENTS if name not in absent]
    if (asked := config.train.cross_validation) is not None:
        at = names.index("Transform")
        folds = [fold_node(number) for number in range(1, asked.folds + 1)]
        names[at : at + 1] = [FOLDS, "Transform", *folds, CROSS_VALIDATION]
    return tuple(names)


@dataclass(frozen=True)
class Selection:
    """Which part of the graph runs.

    Attributes:
      first: this node and all that depend on it run again; what comes before is taken from the cache.
      last: what this node doesn't need is left out.
      use_cache: False runs everything again.
      push: False leaves the push out: every gate judges, and `lockgate push` can push what they accept.
    """

    first: str | None = None
    last: str | None = None
    use_cache: bool = True
    push: bool = True

    def mistake(self, config: PipelineConfig) -> str:
        """What is wrong with the names for the graph of a configuration, or ""."""
        names = components(config)
        for option, name in (("--from", self.first), ("--to", self.last)):
            if name is not None and name not in names:
                close = nearest(name, names)
                question = f"; did you mean {close}?" if close else ""
                return f"{option}: no component {name!r}{question} (components: {', '.join(names)})"
        if not self.push and "Pusher" in (self.first, self.last):
            return "--no-push leaves Pusher out, which --from or --to names"
        if self.first and self.last and names.index(self.first) > names.index(self.last):
            return f"--from {self.first} --to {self.last}: the second does not depend on the first"
        return ""
