"""The champion: the latest model that every gate blessed."""

import logging

import ml_metadata as mlmd
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import Channel

logger = logging.getLogger("lockgate")

_BLESSED = "blessed"
_MODEL_ID = "current_model_id"


def latest_blessed() -> Resolver:
    """The node that finds the champion; its output `model` holds one Model or none."""
    return Resolver(
        strategy_class=LatestBlessedByAllStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
    ).with_id("Champion")


class LatestBlessedByAllStrategy(ResolverStrategy):
    """Does what TFX's LatestBlessedModelStrategy does, but the smoke test's blessing counts too.

    With the stock strategy a model that the Evaluator liked and the smoke test refused would become the baseline
    of every later run, although it was never pushed. And a model whose files were removed is passed over.

    Whether the champion can be judged on today's data is the Evaluator's question: see
    `components.evaluator.compatibility`.
    """

    def resolve_artifacts(
        self,
        store: mlmd.MetadataStore,  # noqa: ARG002 - TFX's interface
        input_dict: dict[str, list[Artifact]],
    ) -> dict[str, list[Artifact]]:
        """Picks from all models that the metadata store knows.

        Args:
          store: not needed.
          input_dict: `model`, and any number of blessings by other names.

        Returns:
          The newest model on disk that each kind of blessing names, with those blessings; empty lists without one.
        """
        blessings = {name: _by_model(artifacts) for name, artifacts in input_dict.items() if name != "model"}
        for model in sorted(input_dict["model"], key=lambda each: int(each.id), reverse=True):
            if not all(model.id in by_model for by_model in blessings.values()):
                continue
            if not fileio.exists(model.uri):
                logger.warning("champion: model %d was blessed, but its folder %s is gone", model.id, model.uri)
                continue
            return {"model": [model]} | {name: [by_model[model.id]] for name, by_model in blessings.items()}
        return {name: [] for name in input_dict}


def _by_model(blessings: list[Artifact]) -> dict[int, Artifact]:
    return {
        blessing.get_int_custom_property(_MODEL_ID): blessing
        for blessing in blessings
        if blessing.get_int_custom_property(_BLESSED) == 1
    }
