"""The one orchestrator function: a configuration in, a TFX pipeline out.

Local runs, tests and scheduled runs call `build_pipeline`; where it runs is the runner's business.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.components.pusher.component import Pusher
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2, transform_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.artifacts.splits import SPLITS
from components.evaluator.component import Evaluator
from components.pusher import executor as pusher_executor
from components.smoke_test.checks.ops import ALLOWED_OPS
from components.smoke_test.component import SmokeTest
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from pipeline.code.fingerprint import fingerprint
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.targets import Cluster, VertexTarget
from pipeline.nodes.champion import LatestBlessedByAllStrategy
from pipeline.nodes.cluster import champion_lookup, checkpoints, cluster_pusher
from pipeline.nodes.data_stage import DataStage, Places, data_stage
from pipeline.nodes.evaluation import eval_config
from pipeline.nodes.infra_validator import infra_validator_node
from preprocessing.transform import FEATURES_KEY

_TRANSFORM_FN = "preprocessing.transform.preprocessing_fn"
_RUN_FN = "components.trainer.run_fn.run_fn"
METADATA_FILE = "metadata.sqlite"
"""The local runner's metadata store, in the root."""
_WORKER = tuple(
    f"components.smoke_test.sandbox.worker.{name}" for name in ("__main__", "confine", "seccomp", "serving")
)
"""They import each other as top-level modules, which a fingerprint doesn't follow."""


def build_pipeline(config: PipelineConfig, places: Places, target: Cluster | None = None) -> Pipeline:
    """Wires the standard components and our gates.

    Args:
      config: the validated configuration.
      places: the paths.
      target: the cluster that the pipeline is for; None is this machine.

    Returns:
      The pipeline, for any runner of the target.
    """
    lookup = None if target is None else champion_lookup(target, places.serving)
    data = data_stage(config, places, lookup)
    champion = _champion() if lookup is None else lookup
    training = _training_stage(config, data, champion, target)
    gates = _gate_stage(config, data, training, champion)
    pusher = _pusher(places, data, training, gates, target)
    store = sqlite_metadata_connection_config(str(Path(places.root) / METADATA_FILE)) if target is None else None
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(places.root),
        metadata_connection_config=store,
        components=[*data.nodes, champion, *training.nodes, *gates.nodes, pusher],
        enable_cache=True,
        beam_pipeline_args=list(config.beam_args),
    )


def _champion() -> Resolver:
    return Resolver(
        strategy_class=LatestBlessedByAllStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
    ).with_id("Champion")


@dataclass(frozen=True)
class _TrainingStage:
    nodes: list[BaseNode]
    transform_graph: BaseChannel
    model: BaseChannel


def _training_stage(
    config: PipelineConfig, data: DataStage, champion: BaseNode, target: Cluster | None
) -> _TrainingStage:
    """Preprocessing and training."""
    own_fn = config.features.preprocessing_fn
    transform = Transform(
        examples=data.examples,
        schema=data.schema,
        preprocessing_fn=_TRANSFORM_FN,
        splits_config=transform_pb2.SplitsConfig(analyze=["train"], transform=list(SPLITS)),
        custom_config={
            FEATURES_KEY: config.features.to_json(),
            FINGERPRINT_KEY: _code_behind(_TRANSFORM_FN, own_fn),
        },
        # Statistics and caches that nothing here reads, for a good third of the component's time.
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    # Its verdict goes into nothing, but nothing may be spent on data that it refuses.
    transform.add_upstream_node(data.gate)
    job = TrainerJob(
        features=config.features,
        model=config.model,
        train=config.train,
        seed=config.seed,
        deterministic=config.deterministic,
        golden_split=config.smoke_test.split,
    )
    own_model = config.model.family if "." in config.model.family else None
    trainer = _trainer(
        target,
        run_fn=_RUN_FN,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        base_model=champion.outputs["model"] if config.train.warm_start else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        # The smoke test's rows are the trainer's too, for their predictions only: see components.trainer.export.
        eval_args=trainer_pb2.EvalArgs(splits=sorted({"eval", config.smoke_test.split} - {"train"})),
        custom_config={
            JOB_KEY: job.to_json(),
            FINGERPRINT_KEY: _code_behind(_RUN_FN, own_model),
            **({} if target is None else checkpoints(config.name, target)),
        },
    )
    return _TrainingStage([transform, trainer], transform.outputs["transform_graph"], trainer.outputs["model"])


def _trainer(target: Cluster | None, **arguments: Any) -> BaseNode:
    """TFX's Trainer in its own step, or as a custom job of Vertex."""
    if isinstance(target, VertexTarget) and target.trainer is not None:
        from pipeline.nodes.vertex import vertex_trainer

        return vertex_trainer(target, target.step("Trainer").image or target.image, **arguments)
    return Trainer(**arguments)


@dataclass(frozen=True)
class _GateStage:
    nodes: list[BaseNode]
    model_blessing: BaseChannel
    infra_blessing: BaseChannel


def _gate_stage(config: PipelineConfig, data: DataStage, training: _TrainingStage, champion: BaseNode) -> _GateStage:
    """Two gates that do not wait for each other."""
    evaluator = Evaluator(
        examples=data.examples,
        model=training.model,
        baseline_model=champion.outputs["model"],
        eval_config=eval_config(config.evaluate, config.features),
        example_splits=["test"],
        schema=data.schema,
        code_fingerprint=fingerprint(["components.evaluator.executor", "components.evaluator.metrics"]),
    )
    wanted = config.smoke_test.infra_validator
    infra_validator = (
        infra_validator_node(wanted, training.model, data.examples, config.smoke_test.split) if wanted else None
    )
    smoke_test = SmokeTest(
        model=training.model,
        examples=data.examples,
        schema=data.schema,
        transform_graph=training.transform_graph,
        champion=champion.outputs["model"],
        infra_blessing=infra_validator.outputs["blessing"] if infra_validator else None,
        config=config.smoke_test,
        code_fingerprint=fingerprint(["components.smoke_test.executor", *_WORKER], [ALLOWED_OPS]),
    )
    nodes = [evaluator, *([infra_validator] if infra_validator else []), smoke_test]
    return _GateStage(nodes, evaluator.outputs["blessing"], smoke_test.outputs["blessing"])


def _pusher(
    places: Places, data: DataStage, training: _TrainingStage, gates: _GateStage, target: Cluster | None
) -> BaseNode:
    """The push, which waits for both gates."""
    inputs = {
        "model": training.model,
        "model_blessing": gates.model_blessing,
        "infra_blessing": gates.infra_blessing,
    }
    if target is not None:
        return cluster_pusher(target, places.serving, **inputs, statistics=data.statistics)
    return Pusher(
        **inputs,
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=places.serving)
        ),
        custom_executor_spec=ExecutorClassSpec(pusher_executor.Executor),
    )


def _code_behind(ours: str, own: str | None) -> str:
    """The fingerprint of a function of ours and, if there is one, of the user's."""
    return fingerprint(path.rpartition(".")[0] for path in (ours, own) if path)
