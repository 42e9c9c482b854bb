"""The first stage of the graph: from the table to examples, their statistics, schema and anomalies, and the verdict."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_gen.custom_executors import parquet_executor
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2
from tfx.types.channel import BaseChannel

from components.artifacts.splits import SPLITS
from components.data_gate.component import DataGate
from components.engine import Engine
from components.example_gen.bigquery import bigquery_example_gen
from components.example_gen.block import FeatureType
from components.example_gen.columns.use import schema_types
from components.example_gen.component import ArrowExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.job import IngestJob
from components.example_gen.sources import located, relative
from components.example_gen.split_config import HashSplit
from components.schema_import.component import SchemaImport
from components.statistics_gen.component import StatisticsGen
from pipeline.code.fingerprint import fingerprint
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.nodes.wiring import Wiring
from pipeline.preflight.column_roles import roles, uses
from pipeline.preflight.stock_reader import stock_input
from pipeline.selection import CURATED_SCHEMA


@dataclass(frozen=True)
class Places:
    """Where one pipeline reads and writes.

    Attributes:
      root: holds everything that the pipeline writes: a folder, or a cluster's URL.
      base: where the configuration's relative paths start.
      schema: the curated schema; None infers it.
      serving: the folder of the pushed versions, as `PushConfig.destination` gives it: a path or a URL.
      types: the types of the table's columns, where something has looked at all of it; None has ExampleGen look.
      left_out: the columns that are then not among them, and why.
      leading_zeros: the columns of numbers among them that are written with leading zeros.
      commit: of the repository around the configuration, for a cluster, which has none; None outside one.
    """

    root: Path | str
    base: Path
    schema: Path | None
    serving: str
    types: Mapping[str, FeatureType] | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    leading_zeros: tuple[str, ...] = ()
    commit: str | None = None


@dataclass(frozen=True)
class DataStage:
    """The nodes of the stage, and what the next ones need of it.

    Attributes:
      nodes: in the order of their dependencies.
      examples: the raw Examples.
      statistics: of every split of them.
      schema: the raw Schema.
      verdict: the data gate's.
      before: the statistics that drift is measured against; None where it is not.
      gate: what training has to wait for.
    """

    nodes: list[BaseNode]
    examples: BaseChannel
    statistics: BaseChannel
    schema: BaseChannel
    verdict: BaseChannel
    before: BaseChannel | None
    gate: BaseNode


def data_stage(config: PipelineConfig, places: Places, wiring: Wiring, engine: Engine) -> DataStage:
    """Wires ExampleGen to DataGate.

    Args:
      config: the validated configuration.
      places: the paths.
      wiring: finds what drift is measured against, and stops the run where the gate refuses.
      engine: of StatisticsGen.
    """
    example_gen = _example_gen(config, places)
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples, engine=engine, code_fingerprint=fingerprint(StatisticsGen.CODE))
    statistics = statistics_gen.outputs["statistics"]
    if places.schema is None:
        # Without fixed shapes every column is parsed as sparse, so that a missing value is no error.
        schema_gen = SchemaGen(statistics=statistics, infer_feature_shape=False, exclude_splits=["eval", "test"])
    else:
        schema_gen = SchemaImport(places.schema.read_text(encoding="utf-8")).with_id(CURATED_SCHEMA)
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    before = wiring.baseline(config.data_gate.drift.baseline, statistics)
    serving = config.data_gate.serving.sample
    sample = "" if serving is None else located(serving, str(places.base.absolute()))
    gate = DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        examples=examples,
        baseline_statistics=before.statistics,
        config=config.data_gate,
        features=config.features,
        keys=[name for name, role in roles(config).items() if role == "key"],
        divided_by=[] if places.schema is not None else list(config.data.split_columns().values()),
        serving_sample=sample,
        serving_digest=_digest(sample),
        missing=config.data.missing("csv"),
        on_refusal="record",
        code_fingerprint=fingerprint(DataGate.CODE),
        page_job=wiring.page_job(config, [example_gen, statistics_gen, schema_gen, validator]),
    )
    nodes = [example_gen, statistics_gen, schema_gen, validator, *before.nodes, gate]
    stop = wiring.data_stop(gate)
    return DataStage(
        nodes=[*nodes, *([] if stop is gate else [stop])],
        examples=examples,
        statistics=statistics,
        schema=schema,
        verdict=gate.outputs["verdict"],
        before=before.statistics,
        gate=stop,
    )


def _example_gen(config: PipelineConfig, places: Places) -> BaseComponent:
    data = config.data
    if data.bigquery is not None and isinstance(data.split, HashSplit):
        component = bigquery_example_gen(data.bigquery, data.split)
    elif data.reader == "tfx":
        component = _stock_example_gen(data, places.base)
    else:
        component = _arrow_example_gen(config, places)
    return component.with_id("ExampleGen")


def _arrow_example_gen(config: PipelineConfig, places: Places) -> BaseComponent:
    data = config.data
    if data.sql is not None:
        data = data.model_copy(update={"sql": data.sql.located(str(places.base))})
    base, patterns = relative(
        {name: located(source, str(places.base.absolute())) for name, source in data.sources().items()}
    )
    said = uses(config, schema_types(places.schema))
    if places.types is not None:
        # The roles have done their work. Without them another use of a column leaves the cache key as it is.
        said = {name: replace(use, role="unused") for name, use in said.items() if use.declared or use.date_format}
    job = IngestJob(
        data=data,
        uses=said,
        types=None if places.types is None else dict(places.types),
        left_out=dict(places.left_out),
        leading_zeros=places.leading_zeros,
        required=(config.features.label.column,),
    )
    return ArrowExampleGen(
        input_base=base,
        inputs=patterns or {"all": ""},
        job=job,
        code_fingerprint=fingerprint(ArrowExampleGen.CODE),
    )


def _digest(place: str) -> str:
    """The digest of a local file's content, or of the files in a folder; a URL's can't be seen from here."""
    path = Path(place)
    if not place or not path.exists():
        return ""
    if path.is_dir():
        return hashlib.sha256("".join(map(_digest, map(str, sorted(path.glob("*.parquet"))))).encode()).hexdigest()[:16]
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _stock_example_gen(data: DataConfig, folder: Path) -> BaseComponent:
    """TFX's own, on the user's files as they are."""
    given = stock_input(data, folder)
    base, patterns = relative(given.patterns)
    splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    output = None
    if data.inputs is None and isinstance(data.split, HashSplit):
        proportions = [(split, getattr(data.split, split)) for split in SPLITS]
        output = example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=n, hash_buckets=b) for n, b in proportions],
                # An empty name would be taken for a column's.
                partition_feature_name=next(iter(data.split.keys), None),
            )
        )
    files = {"input_base": base, "input_config": example_gen_pb2.Input(splits=splits), "output_config": output}
    if given.format == "csv":
        return CsvExampleGen(**files)
    return FileBasedExampleGen(**files, custom_executor_spec=BeamExecutorSpec(parquet_executor.Executor))
