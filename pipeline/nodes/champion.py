"""The champion: the model that was pushed last; before the first push the latest one that every gate blessed."""

import logging

import ml_metadata as mlmd
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import Channel

from pipeline.nodes.pushes import standing_pushes

logger = logging.getLogger("lockgate")

_PUSHED = "pushed_model"
_BLESSED = "blessed"
_MODEL_ID = "current_model_id"


def latest_blessed() -> Resolver:
    """The node that finds the champion; its output `model` holds one Model or none."""
    return Resolver(
        strategy_class=LatestBlessedByAllStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
        pushed_model=Channel(type=standard_artifacts.PushedModel),
    ).with_id("Champion")


class LatestBlessedByAllStrategy(ResolverStrategy):
    """The model of the newest push, as on a cluster the newest version in the serving folder is the champion.

    So a rollback, which is a push of an old model, moves the champion back, and a model that was blessed later and
    rolled back from is not the champion again. Where nothing was pushed it does what TFX's LatestBlessedModelStrategy
    does, but the smoke test's blessing counts too. A model whose files were removed is passed over.

    Whether the champion can be judged on today's data is the Evaluator's question: see
    `components.evaluator.compatibility`.
    """

    def resolve_artifacts(
        self,
        store: mlmd.MetadataStore,
        input_dict: dict[str, list[Artifact]],
    ) -> dict[str, list[Artifact]]:
        """Picks from all models that the metadata store knows.

        Args:
          store: knows which model a push pushed.
          input_dict: `model`, `pushed_model`, and any number of blessings by other names.

        Returns:
          The model on disk of the newest push, with the push and, where it has them, its blessings; without any push
          the newest model on disk that each kind of blessing names, with those blessings. Empty lists without one.
        """
        blessings = {
            name: _by_model(artifacts) for name, artifacts in input_dict.items() if name not in ("model", _PUSHED)
        }
        models = {int(each.id): each for each in input_dict["model"]}
        pushes = list(standing_pushes(store, input_dict[_PUSHED]))
        if not pushes:
            return self._blessed(models, blessings, input_dict)
        for pushed, number in pushes:
            model = models.get(number) if number is not None else None
            if model is not None and _is_there(model, "pushed"):
                found = {name: [by_model[number]] if number in by_model else [] for name, by_model in blessings.items()}
                return {"model": [model], _PUSHED: [pushed]} | found
        return {name: [] for name in input_dict}

    def _blessed(
        self,
        models: dict[int, Artifact],
        blessings: dict[str, dict[int, Artifact]],
        input_dict: dict[str, list[Artifact]],
    ) -> dict[str, list[Artifact]]:
        for number in sorted(models, reverse=True):
            if all(number in by_model for by_model in blessings.values()) and _is_there(models[number], "blessed"):
                found = {name: [by_model[number]] for name, by_model in blessings.items()}
                return {"model": [models[number]], _PUSHED: []} | found
        return {name: [] for name in input_dict}


def _is_there(model: Artifact, what: str) -> bool:
    if fileio.exists(model.uri):
        return True
    logger.warning("champion: model %d was %s, but its folder %s is gone", model.id, what, model.uri)
    return False


def _by_model(blessings: list[Artifact]) -> dict[int, Artifact]:
    return {
        blessing.get_int_custom_property(_MODEL_ID): blessing
        for blessing in blessings
        if blessing.get_int_custom_property(_BLESSED) == 1
    }
