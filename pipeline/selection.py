"""Which part of the graph runs. Light, so that a mistyped component is refused before anything heavy is imported."""

from dataclasses import dataclass

from preprocessing.nearest import nearest

INFERRED_SCHEMA, CURATED_SCHEMA = "SchemaGen", "ImportSchemaGen"
"""Of these two the graph has the second when the configuration names a schema file, else the first."""
BASELINE = "Baseline"
"""In the graph unless `data_gate.drift.baseline` is `none`."""
INFRA_VALIDATOR = "InfraValidator"
"""In the graph when `smoke_test.infra_validator` is set."""
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
    "Trainer",
    "Evaluator",
    INFRA_VALIDATOR,
    "SmokeTest",
    "Pusher",
)
"""The ids in `pipeline.graph`; none depends on a later one."""


@dataclass(frozen=True)
class Selection:
    """Which part of the graph runs.

    Attributes:
      first: this node and what depends on it run anew; what comes before is taken from the cache.
      last: what this node doesn't need is left out.
      use_cache: False runs everything anew.
    """

    first: str | None = None
    last: str | None = None
    use_cache: bool = True

    def mistake(self, *, curated_schema: bool, baseline: bool, infra_validator: bool) -> str:
        """What is wrong with the names, or "".

        Args:
          curated_schema: whether the configuration names a schema file.
          baseline: whether drift is measured.
          infra_validator: whether TFX's InfraValidator is configured.
        """
        absent = {INFERRED_SCHEMA if curated_schema else CURATED_SCHEMA}
        absent |= {name for name, there in ((BASELINE, baseline), (INFRA_VALIDATOR, infra_validator)) if not there}
        names = [name for name in COMPONENTS if name not in absent]
        for option, name in (("--from", self.first), ("--to", self.last)):
            if name is not None and name not in names:
                close = nearest(name, names)
                question = f"; did you mean {close}?" if close else ""
                return f"{option}: no component {name!r}{question} (components: {', '.join(names)})"
        if self.first and self.last and names.index(self.first) > names.index(self.last):
            return f"--from {self.first} --to {self.last}: the second does not depend on the first"
        return ""
