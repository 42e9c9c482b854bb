"""The first stage of the graph: from the table to examples, their statistics, schema and anomalies, and the verdict."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen
from tfx.components.example_gen.custom_executors import parquet_executor
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2
from tfx.types.channel import BaseChannel

from components.data_gate.component import DataGate
from components.example_gen.bigquery import bigquery_example_gen
from components.example_gen.block import FeatureType
from components.example_gen.columns import schema_types
from components.example_gen.component import ArrowExampleGen
from components.example_gen.config import SPLITS, DataConfig, HashSplit
from components.example_gen.job import IngestJob
from components.example_gen.sources import located
from pipeline.baseline import BASELINE_KEY, baseline
from pipeline.config import PipelineConfig
from pipeline.fingerprint import fingerprint
from pipeline.staging import StagedData
from pipeline.table_types import uses


@dataclass(frozen=True)
class Places:
    """Where one pipeline reads and writes.

    Attributes:
      root: holds everything that the pipeline writes.
      base: where the configuration's relative paths start.
      schema: the curated schema; None infers it.
      serving: the folder of the pushed versions, as `PushConfig.destination` gives it: a path or a URL.
      types: the types of the table's columns, where something has looked at all of it; None has ExampleGen look.
      staged: the table as the stock ExampleGen reads it, for `data.reader: tfx`.
      on_refusal: how the data gate says no: `record`, for a runner that reads its verdict, or `fail`, for one that
        knows failed and done only.
    """

    root: Path
    base: Path
    schema: Path | None
    serving: str
    types: Mapping[str, FeatureType] | None = None
    staged: StagedData | None = None
    on_refusal: Literal["record", "fail"] = "fail"

    @property
    def metadata(self) -> Path:
        """The SQLite metadata store."""
        return self.root / "metadata.sqlite"


@dataclass(frozen=True)
class DataStage:
    """The nodes of the stage, and what the next ones need of it.

    Attributes:
      nodes: in the order of their dependencies.
      examples: the raw Examples.
      schema: the raw Schema.
      gate: what training has to wait for.
    """

    nodes: list[BaseNode]
    examples: BaseChannel
    schema: BaseChannel
    gate: BaseNode


def data_stage(config: PipelineConfig, places: Places) -> DataStage:
    """Wires ExampleGen to DataGate.

    Args:
      config: the validated configuration.
      places: the paths.
    """
    example_gen = _example_gen(config, places)
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
    before = baseline(config.data_gate.drift.baseline, statistics)
    serving = config.data_gate.serving.sample
    sample = "" if serving is None else located(serving, str(places.base.absolute()))
    gate = DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        examples=examples,
        baseline_statistics=None if before is None else before.outputs[BASELINE_KEY],
        config=config.data_gate,
        features=config.features,
        divided_by=[] if places.schema is not None else list(config.data.split_columns().values()),
        serving_sample=sample,
        serving_digest=_digest(sample),
        on_refusal=places.on_refusal,
        code_fingerprint=fingerprint(["components.data_gate.executor"]),
    )
    baselines = [] if before is None else [before]
    return DataStage([example_gen, statistics_gen, schema_gen, validator, *baselines, gate], examples, schema, gate)


def _example_gen(config: PipelineConfig, places: Places) -> BaseComponent:
    data = config.data
    if data.bigquery is not None and isinstance(data.split, HashSplit):
        component = bigquery_example_gen(data.bigquery, data.split)
    elif places.staged is not None:
        component = _stock_example_gen(data, places.staged)
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
        required=(config.features.label.column,),
    )
    return ArrowExampleGen(
        input_base=base,
        inputs=patterns or {"all": ""},
        job=job,
        code_fingerprint=fingerprint(["components.example_gen.executor", "components.example_gen.driver"]),
    )


def relative(sources: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The folder or URL that all sources are in, and what follows it in each: what TFX calls base and patterns.

    Args:
      sources: absolute paths or URLs, with or without globs and placeholders; empty for a query.
    """
    split = [source.split("/") for source in sources.values()]
    common = 0
    while all(common < len(parts) - 1 for parts in split) and len({parts[common] for parts in split}) == 1:
        if not split or any(mark in split[0][common] for mark in "*?[{"):
            break
        common += 1
    base = "/".join(split[0][:common]) if split else ""
    return base or "/", {name: "/".join(source.split("/")[common:]) for name, source in sources.items()}


def _digest(file: str) -> str:
    """Of a local file's content; a URL's can't be seen from here."""
    path = Path(file)
    if not file or not path.is_file():
        return ""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _stock_example_gen(data: DataConfig, staged: StagedData) -> BaseComponent:
    # Files or globs, and no folder above one holds a character of a glob: see `pipeline.table_check.stock_pattern`.
    base = os.path.commonpath([Path(source).parent for source in staged.sources.values()])
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=os.path.relpath(source, base))
        for name, source in staged.sources.items()
    ]
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
    if staged.format == "csv":
        return CsvExampleGen(**files)
    return FileBasedExampleGen(**files, custom_executor_spec=BeamExecutorSpec(parquet_executor.Executor))


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
