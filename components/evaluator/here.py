"""The Evaluator's work on this machine, without Beam: the stock executor's artifacts from one pass over the rows."""

from typing import Any

from tfx.components.evaluator import constants
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact

from components.evaluator.answers import batches, loaded
from components.evaluator.asked import Question, question
from components.evaluator.blessing import bless
from components.evaluator.results import results, write
from components.evaluator.slices import Slicer
from components.evaluator.totals import Totals
from components.evaluator.watching import Watchers
from components.examples import rows_of
from components.progress import Progress

Artifacts = dict[str, list[Artifact]]


def evaluate_here(inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any], watchers: Watchers) -> None:
    """Does what TFX's executor does.

    Args:
      inputs: of the executor.
      outputs: of the executor; the blessing gets its properties.
      properties: of the execution.
      watchers: look at the candidate's answers in the same pass.

    Raises:
      NeedsBeamError: something of it is only known to the stock executor. Nothing has been written then.
    """
    asked = question(inputs, properties)
    slicer, totals = _pass(asked, inputs, watchers)
    evaluation = artifact_utils.get_single_uri(outputs[standard_component_specs.EVALUATION_KEY])
    validation = write(asked, results(asked, slicer, totals), evaluation)
    if asked.validated:
        blessing = artifact_utils.get_single_instance(outputs[standard_component_specs.BLESSING_KEY])
        _bless(blessing, validation.validation_ok, inputs, properties)


def _pass(asked: Question, inputs: Artifacts, watchers: Watchers) -> tuple[Slicer, Totals]:
    models = loaded(asked)
    watchers.begin(asked, models[0], inputs)
    slicer, totals = Slicer(asked.config.slicing_specs), Totals(asked.computations.non_derived_computations)
    progress = Progress("Evaluator", "rows", rows_of(asked.examples))
    for batch in batches(asked, models, watchers.columns):
        totals.add(batch.answers, slicer.groups(batch.features))
        watchers.add(batch)
        progress.add(batch.features.rows)
    progress.say()
    return slicer, totals


def _bless(blessing: Artifact, holds: bool, inputs: Artifacts, properties: dict[str, Any]) -> None:
    """Says in the artifact whether the thresholds hold, and of which models, as TFX's executor does."""
    [model] = inputs[standard_component_specs.MODEL_KEY]
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    for champion in inputs.get(standard_component_specs.BASELINE_MODEL_KEY, []):
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, champion.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, champion.id)
    if "current_component_id" in properties:
        blessing.set_string_custom_property("component_id", properties["current_component_id"])
    bless(blessing, holds)
