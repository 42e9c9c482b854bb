"""The Evaluator as a TFX component: the stock inputs and outputs, our executor, and a cache that sees its code."""

from collections.abc import Sequence

from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from components.artifacts.cross_validation import CrossValidationConfig
from components.engine import ENGINE_KEY, Engine
from components.evaluator.config import SKILL_KEY, TREE_KEY, SkillConfig, TreeConfig
from components.evaluator.cross_validation import CONFIG_KEY, FOLDS_KEY
from components.evaluator.executor import Executor


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """The stock Evaluator's, the folds of a cross-validation, the questions of skill and of a small tree, the engine,
    and the fingerprint."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        SKILL_KEY: ExecutionParameter(type=str),
        TREE_KEY: ExecutionParameter(type=str),
        ENGINE_KEY: ExecutionParameter(type=str),
        CONFIG_KEY: ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.EvaluatorSpec.INPUTS,
        FOLDS_KEY: ChannelParameter(type=standard_artifacts.Model, optional=True),
    }


class Evaluator(BaseBeamComponent):
    """Does what `tfx.components.Evaluator` does; see the executor for what differs in its verdict.

    Not a subclass of the stock component: that one's constructor makes a spec without the fingerprint.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
    CODE = (
        "components.evaluator.executor",
        "components.evaluator.metrics",
        "components.evaluator.skill",
        "components.evaluator.confidence",
    )
    """What the results depend on: these modules and what they import."""

    def __init__(
        self,
        *,
        examples: BaseChannel,
        model: BaseChannel,
        baseline_model: BaseChannel,
        schema: BaseChannel,
        eval_config: config_pb2.EvalConfig,
        skill: SkillConfig,
        small_tree: TreeConfig,
        engine: Engine,
        example_splits: Sequence[str],
        folds: BaseChannel | None = None,
        cross_validation: CrossValidationConfig | None = None,
        code_fingerprint: str,
    ) -> None:
        """Wires Evaluator into a pipeline.

        Args:
          examples: the raw Examples.
          model: the candidate.
          baseline_model: the champion, where there is one.
          schema: the raw Schema.
          eval_config: metrics, thresholds and slices.
          skill: whether the model must beat the answer that needs no features.
          small_tree: whether it must beat a small tree, made from the training split.
          engine: `auto` evaluates on one machine without Beam where it can.
          example_splits: the splits that the metrics are computed on.
          folds: what the folds of a cross-validation came to, where there was one.
          cross_validation: the thresholds on them.
          code_fingerprint: a hash of this folder's code and the metrics', so that the cache sees edits.
        """
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                eval_config=eval_config,
                example_splits=json_utils.dumps(list(example_splits)),
                skill=skill.to_json(),
                small_tree=small_tree.to_json(),
                **({FOLDS_KEY: folds} if folds is not None else {}),
                cross_validation="" if cross_validation is None else cross_validation.to_json(),
                engine=engine,
                code_fingerprint=code_fingerprint,
                evaluation=Channel(type=standard_artifacts.ModelEvaluation),
                blessing=Channel(type=standard_artifacts.ModelBlessing),
            )
        )
