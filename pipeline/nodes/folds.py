"""The nodes of a cross-validation: the folds' rows, a training for each, and what gathers them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode
from tfx.proto import trainer_pb2
from tfx.types.channel import BaseChannel

from components.artifacts.cross_validation import CrossValidationConfig, fold_node, fold_split, trained_on
from components.example_gen.fold_step import DivideFolds, FoldsRule, folds_rule
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, FoldsJob, TrainerJob
from components.trainer.gather import GatherFolds
from pipeline.code.fingerprint import fingerprint
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.nodes.wiring import Wiring
from pipeline.selection import CROSS_VALIDATION, FOLDS


def rule_of(config: PipelineConfig, asked: CrossValidationConfig) -> FoldsRule:
    """How rows are divided into folds: as `data.split` divides them into splits."""
    label = config.features.label
    return folds_rule(
        None if config.data.inputs is not None else config.data.split,
        None if label.task == "regression" else label.column,
        asked.folds,
        config.seed,
    )


def divide_folds(examples: BaseChannel, rule: FoldsRule, others: Iterable[str]) -> BaseNode:
    """The node that makes splits of the folds.

    Args:
      examples: the raw Examples.
      rule: how they are divided.
      others: the splits that are needed beside the folds.
    """
    divide = DivideFolds(examples=examples, rule=rule, copied=others, code_fingerprint=fingerprint(DivideFolds.CODE))
    return divide.with_id(FOLDS)


@dataclass(frozen=True)
class Trainings:
    """The trainings of a cross-validation.

    Attributes:
      nodes: all of them, the last one with the model.
      folds: what the folds came to.
      model: the candidate.
      model_run: its training's logs.
    """

    nodes: list[BaseNode]
    folds: BaseChannel
    model: BaseChannel
    model_run: BaseChannel


def trainings(
    job: TrainerJob, asked: CrossValidationConfig, rule: FoldsRule, wiring: Wiring, *, code: str, **trainer: Any
) -> Trainings:
    """Wires a Trainer for each fold, the node that gathers them, and the Trainer that exports.

    Args:
      job: what the Trainer would do without folds.
      asked: the configuration's `train.cross_validation`.
      rule: how the rows were divided.
      wiring: makes Trainers.
      code: the fingerprint of the training code.
      trainer: what else all Trainers have in common: examples, transform graph.
    """
    trainer["custom_config"] = {FINGERPRINT_KEY: code}
    # Which thresholds the folds have to reach, and how many others there are, changes no training.
    job = job.model_copy(update={"train": job.train.model_copy(update={"cross_validation": None})})
    nodes: list[BaseNode] = []
    for number in range(1, asked.folds + 1):
        held_out = fold_split(number)
        others = trained_on(number, asked.folds, by_time=rule.by_time is not None)
        folds = FoldsJob(work="fold", fold=number, train=others, held_out=(held_out,))
        node = _trainer(job, folds, [held_out], wiring, **trainer)
        nodes.append(node.with_id(fold_node(number)))
    gather = GatherFolds(
        [node.outputs["model"] for node in nodes],
        ensemble=asked.export == "ensemble",
        code_fingerprint=fingerprint(GatherFolds.CODE),
    ).with_id(CROSS_VALIDATION)
    folds = FoldsJob(work=asked.export, train=rule.splits)
    final = _trainer(job, folds, [job.golden_split], wiring, base_model=gather.outputs["model"], **trainer)
    return Trainings(
        nodes=[*nodes, gather, final],
        folds=gather.outputs["model"],
        model=final.outputs["model"],
        model_run=final.outputs["model_run"],
    )


def _trainer(
    job: TrainerJob,
    folds: FoldsJob,
    others: list[str],
    wiring: Wiring,
    *,
    custom_config: dict[str, str],
    **trainer: Any,
) -> BaseNode:
    """A Trainer that sees, beside what it trains on, some other splits: TFX takes an empty list for `eval`."""
    return wiring.trainer(
        custom_config=custom_config | {JOB_KEY: job.model_copy(update={"folds": folds}).to_json()},
        train_args=trainer_pb2.TrainArgs(splits=list(folds.train)),
        eval_args=trainer_pb2.EvalArgs(splits=others),
        **trainer,
    )
