"""TFX's Evaluator executor, with a champion that fits today's data, slices large enough to judge, and skill."""

import logging
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components.evaluator import executor as stock
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.engine import ENGINE_KEY, done_here
from components.evaluator.blessing import bless, is_blessed
from components.evaluator.compatibility import contract_of, why_incomparable
from components.evaluator.config import SKILL_KEY, SkillConfig
from components.evaluator.cross_validation import CONFIG_KEY, judge_folds
from components.evaluator.curves import keep_whole, with_curves
from components.evaluator.extractors import extractors
from components.evaluator.failures import holds
from components.evaluator.metrics import with_classes
from components.evaluator.skill import with_skill
from components.evaluator.watching import Watchers

logger = logging.getLogger("lockgate")

_EXTRACTORS = "custom_extractors"
"""The stock executor's name for a function that gives the extractors."""
Artifacts = dict[str, list[Artifact]]


class Executor(stock.Executor):
    """Evaluates as TFX does, then blesses when the failures of too small slices are all that is left.

    It also compares the model with a small tree, whose verdict refuses where `evaluate.small_tree` blocks.

    A champion that can't be judged on today's data counts as none: the candidate then has to reach the absolute
    thresholds, as in a first run.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Evaluates like the stock executor, then blesses the model whose thresholds all hold (see `holds`).

        The metrics come from this machine where the execution property `engine` lets it and it can, else from Beam.
        After a cross-validation its thresholds have to hold too.
        """
        inputs = _with_comparable_champion(input_dict)
        properties = _with_classes(input_dict, exec_properties)
        self._evaluate(inputs, output_dict, _with_curves(inputs, _with_skill(inputs, properties)))
        if exec_properties.get(CONFIG_KEY):
            judge_folds(input_dict, output_dict, properties)

    def _evaluate(self, inputs: Artifacts, output_dict: Artifacts, properties: dict[str, Any]) -> None:
        evaluation = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        watchers = Watchers.asked(inputs, properties)
        if not done_here("Evaluator", properties[ENGINE_KEY], lambda: _here(inputs, output_dict, properties, watchers)):
            own = {_EXTRACTORS: f"{extractors.__module__}.{extractors.__qualname__}"}
            super().Do(inputs, output_dict, properties | own)
            keep_whole(evaluation)
            watchers.look_alone(inputs, properties)
        if watchers.profiler is not None:
            watchers.profiler.write(evaluation)
        refused = watchers.tree is not None and watchers.tree.write(evaluation).refuses
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        passed = is_blessed(blessing)
        holding = not refused and (passed or holds(tfma.load_validation_result(evaluation)))
        if holding != passed:
            bless(blessing, holding)


def _here(inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any], watchers: Watchers) -> None:
    # Imported here: with another version of TensorFlow Model Analysis it raises NeedsBeamError.
    from components.evaluator.here import evaluate_here

    evaluate_here(inputs, outputs, properties, watchers)


def _with_skill(inputs: Artifacts, exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with the metric in them that asks for skill, where the configuration does."""
    settings = SkillConfig.from_json(exec_properties[SKILL_KEY])
    if settings.severity == "off":
        return exec_properties
    contract = contract_of(artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY]))
    if contract.trivial is None:
        logger.warning("evaluate.skill is not checked: no training row has a weight, so there is nothing to beat")
        return exec_properties
    key = standard_component_specs.EVAL_CONFIG_KEY
    config = proto_utils.json_to_proto(exec_properties[key], tfma.EvalConfig())
    changed = with_skill(config, settings, contract.task, contract.trivial)
    return exec_properties | {key: proto_utils.proto_to_json(changed)}


def _with_curves(inputs: Artifacts, exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with the plots that a report is drawn from."""
    key = standard_component_specs.EVAL_CONFIG_KEY
    contract = contract_of(artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY]))
    config = with_curves(proto_utils.json_to_proto(exec_properties[key], tfma.EvalConfig()), contract)
    return exec_properties | {key: proto_utils.proto_to_json(config)}


def _with_classes(inputs: Artifacts, exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with the metrics of single classes, where there are more than two: the model has their names."""
    contract = contract_of(artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY]))
    if contract.task != "multiclass" or contract.classes is None:
        return exec_properties
    key = standard_component_specs.EVAL_CONFIG_KEY
    config = proto_utils.json_to_proto(exec_properties[key], tfma.EvalConfig())
    return exec_properties | {key: proto_utils.proto_to_json(with_classes(config, contract.classes))}


def _with_comparable_champion(inputs: Artifacts) -> Artifacts:
    key = standard_component_specs.BASELINE_MODEL_KEY
    if not inputs.get(key):
        return inputs
    champion = artifact_utils.get_single_instance(inputs[key])
    reason = why_incomparable(
        champion,
        artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY]),
        artifact_utils.get_single_instance(inputs[standard_component_specs.SCHEMA_KEY]),
    )
    if reason is None:
        return inputs
    logger.warning(
        "the champion (%s) can't be compared on today's data: %s; max_regression is not checked in this run",
        champion.uri,
        reason,
    )
    return {name: artifacts for name, artifacts in inputs.items() if name != key}
