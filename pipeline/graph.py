"""The one orchestrator function: a configuration in, a TFX pipeline out.

Local runs, tests and scheduled runs call `build_pipeline`; where it runs is the runner's business.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_gen.custom_executors import parquet_executor
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.transform.component import Transform
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec, ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, trainer_pb2, transform_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.evaluator.component import Evaluator
from components.example_gen.config import SPLITS, DataConfig
from components.pusher import executor as pusher_executor
from components.smoke_test.component import SmokeTest
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from pipeline.champion import LatestBlessedByAllStrategy
from pipeline.config import PipelineConfig
from pipeline.evaluation import eval_config
from pipeline.fingerprint import fingerprint
from pipeline.staging import StagedData
from preprocessing.transform import FEATURES_KEY

_TRANSFORM_FN = "preprocessing.transform.preprocessing_fn"
_RUN_FN = "components.trainer.run_fn.run_fn"


@dataclass(frozen=True)
class Places:
    """Where one pipeline reads and writes.

    Attributes:
      root: holds everything that the pipeline writes.
      data: the table as the stock ExampleGen reads it.
      schema: the curated schema; None infers it.
      serving: the folder of the pushed versions, as `PushConfig.destination` gives it: a path or a URL.
    """

    root: Path
    data: StagedData
    schema: Path | None
    serving: str

    @property
    def metadata(self) -> Path:
        """The SQLite metadata store."""
        return self.root / "metadata.sqlite"


def build_pipeline(config: PipelineConfig, places: Places) -> Pipeline:
    """Wires the standard components and our gates.

    Args:
      config: the validated configuration.
      places: the paths.

    Returns:
      The pipeline, for any runner.
    """
    data = _data_stage(config, places)
    champion = _champion()
    training = _training_stage(config, data, champion)
    gates = _gate_stage(config, places, data, training, champion)
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(places.root),
        metadata_connection_config=sqlite_metadata_connection_config(str(places.metadata)),
        components=[*data.nodes, champion, *training.nodes, *gates],
        enable_cache=True,
        beam_pipeline_args=list(config.beam_args),
    )


@dataclass(frozen=True)
class _DataStage:
    nodes: list[BaseNode]
    examples: BaseChannel
    schema: BaseChannel


def _data_stage(config: PipelineConfig, places: Places) -> _DataStage:
    """Table to examples, with their statistics, schema and anomalies."""
    example_gen = _example_gen(config.data, places.data)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    if places.schema is None:
        # Without fixed shapes every column is parsed as sparse, so that a missing value is no error.
        schema_gen = SchemaGen(statistics=statistics, infer_feature_shape=False, exclude_splits=["eval", "test"])
    else:
        schema_gen = ImportSchemaGen(schema_file=str(_frozen_copy(places.schema, places.root / "schemas")))
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    return _DataStage([example_gen, statistics_gen, schema_gen, validator], examples, schema)


def _example_gen(data: DataConfig, staged: StagedData) -> BaseComponent:
    # Files or globs, and no folder above one holds a character of a glob: see `pipeline.table_check.stock_pattern`.
    base = os.path.commonpath([Path(source).parent for source in staged.sources.values()])
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=os.path.relpath(source, base))
        for name, source in staged.sources.items()
    ]
    output = None
    if data.inputs is None:
        proportions = [(split, getattr(data.split, split)) for split in SPLITS]
        output = example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=n, hash_buckets=b) for n, b in proportions],
                # An empty name would be taken for a column's.
                partition_feature_name=data.split_column,
            )
        )
    files = {"input_base": base, "input_config": example_gen_pb2.Input(splits=splits), "output_config": output}
    if staged.format == "csv":
        component = CsvExampleGen(**files)
    else:
        component = FileBasedExampleGen(**files, custom_executor_spec=BeamExecutorSpec(parquet_executor.Executor))
    return component.with_id("ExampleGen")


def _frozen_copy(schema: Path, folder: Path) -> Path:
    """A copy named after its content: ImportSchemaGen's cache key is the path alone."""
    text = schema.read_bytes()
    copy = folder / hashlib.sha256(text).hexdigest()[:16] / "schema.pbtxt"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        temporary = copy.with_name(f".{os.getpid()}")
        temporary.write_bytes(text)
        temporary.replace(copy)
    return copy


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
    model: BaseChannel


def _training_stage(config: PipelineConfig, data: _DataStage, champion: Resolver) -> _TrainingStage:
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
    job = TrainerJob(
        features=config.features,
        model=config.model,
        train=config.train,
        seed=config.seed,
        deterministic=config.deterministic,
        golden_split=config.smoke_test.split,
    )
    own_model = config.model.family if "." in config.model.family else None
    trainer = Trainer(
        run_fn=_RUN_FN,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        base_model=champion.outputs["model"] if config.train.warm_start else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        # The smoke test's rows are the trainer's too, for their predictions only: see components.trainer.export.
        eval_args=trainer_pb2.EvalArgs(splits=sorted({"eval", config.smoke_test.split} - {"train"})),
        custom_config={JOB_KEY: job.to_json(), FINGERPRINT_KEY: _code_behind(_RUN_FN, own_model)},
    )
    return _TrainingStage([transform, trainer], trainer.outputs["model"])


def _gate_stage(
    config: PipelineConfig, places: Places, data: _DataStage, training: _TrainingStage, champion: Resolver
) -> list[BaseNode]:
    """Two gates that do not wait for each other, and the push that waits for both."""
    evaluator = Evaluator(
        examples=data.examples,
        model=training.model,
        baseline_model=champion.outputs["model"],
        eval_config=eval_config(config.evaluate, config.features),
        example_splits=["test"],
        schema=data.schema,
        code_fingerprint=fingerprint(["components.evaluator.executor", "pipeline.metrics"]),
    )
    smoke_test = SmokeTest(
        model=training.model,
        examples=data.examples,
        schema=data.schema,
        config=config.smoke_test,
        code_fingerprint=fingerprint(["components.smoke_test.executor", "components.smoke_test.worker"]),
    )
    pusher = Pusher(
        model=training.model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=smoke_test.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=places.serving)
        ),
        custom_executor_spec=ExecutorClassSpec(pusher_executor.Executor),
    )
    return [evaluator, smoke_test, pusher]


def _code_behind(ours: str, own: str | None) -> str:
    """The fingerprint of a function of ours and, if there is one, of the user's."""
    return fingerprint(path.rpartition(".")[0] for path in (ours, own) if path)
