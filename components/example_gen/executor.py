"""TFX's entry: spreads blocks over Beam's workers, then puts what they wrote into place."""

from __future__ import annotations

import functools
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from tfx.components.example_gen.write_split import to_file_format_str
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.artifacts.splits import SPLITS
from components.example_gen import finish
from components.example_gen.columns.facts import ColumnFacts, merge, survey
from components.example_gen.columns.use import padded_numbers, resolve_types
from components.example_gen.formats import io
from components.example_gen.formats.sql.spool import spool
from components.example_gen.ingest import Ingestion, Reading, Source, Unit, UnitResult, groups, units
from components.example_gen.job import JOB_KEY, WINDOW_KEY, IngestJob
from components.example_gen.listing import list_files
from components.example_gen.partitions import Partition, partitions
from components.example_gen.progress import progress
from components.example_gen.splits import Assigner, Counts, SplitRule, split_rule
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash

Artifacts = dict[str, list[Artifact]]
Decision = finish.Decision
Facts = Mapping[str, ColumnFacts]

_NOT_EVERYWHERE = "not every file has it"
_log = logging.getLogger("lockgate")


class Executor(BaseBeamExecutor):
    """Reads the sources of an `IngestJob` and writes one Examples artifact."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes gzipped TFRecords by split, the hashes of their rows, and `ingest.json` beside them.

        Args:
          input_dict: nothing.
          output_dict: `examples` (Examples).
          exec_properties: `ingest` (an IngestJob as JSON), `input_base` and `input_config` as the driver resolved
            them, and `window` for chosen spans.

        Raises:
          UserError: the sources can't be read, a row is bad and that is not allowed, or too many are.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        job = IngestJob.from_json(exec_properties[JOB_KEY])
        artifact = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        folder = f"{artifact.uri}/.ingest-{uuid.uuid4().hex[:8]}"
        progress.restart()
        try:
            sources, columns = _sources(job, exec_properties, folder)
            self._write(job, sources, columns, folder)
            progress.end()
            report = finish.finish(job, folder, artifact.uri)
        finally:
            finish.remove(folder)
        artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, to_file_format_str(example_gen_pb2.FORMAT_TFRECORDS_GZIP))
        _log.info("examples: %s", ", ".join(f"{split} {rows:,}" for split, rows in report.rows.items()))

    def _write(self, job: IngestJob, sources: Sequence[Source], columns: tuple[Partition, ...], folder: str) -> None:
        """Runs the Beam pipeline. It leaves shards and their description in `folder`."""
        table = Reading.of(job, [source.file for source in sources], columns)
        total = float(sum(source.size for source in sources))
        work = list(enumerate(groups(sources, job.data.block_mb << 20)))
        try:
            with self._make_beam_pipeline() as pipeline:
                parts = (
                    pipeline
                    | "Files" >> beam.Create(work)
                    | "Plan" >> beam.ParDo(Kept(_plan, folder), table, total)
                    | "Spread" >> beam.Reshuffle()
                )
                decision = _decision(parts, table, folder)
                split = _assigner(parts, table, decision, folder)
                _ = (
                    parts
                    | "Ingest" >> beam.ParDo(Kept(_ingest, folder), table, decision, split, folder)
                    | "Together" >> beam.combiners.ToList()
                    | "Describe" >> beam.Map(finish.describe, decision, folder)
                )
        except Exception as error:
            # Beam passes errors on as text: what a worker had to say to a person lies in a file.
            if (known := finish.first_failure(folder)) is not None:
                raise known from error
            raise


def _sources(
    job: IngestJob, exec_properties: Mapping[str, Any], folder: str
) -> tuple[list[Source], tuple[Partition, ...]]:
    """The files to read, in order, and the columns in their folders' names; a query's rows become one file."""
    if job.data.sql is not None:
        file = spool(job.data.sql, folder, job.data.block_mb << 20)
        return [Source("all", file, io.size(file))], ()
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], config)
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    window: dict[str, list[str]] = json.loads(exec_properties.get(WINDOW_KEY) or "{}")
    if not window and job.data.spans.chosen:
        # TFX's own driver, which its own Kubeflow runner takes in place of ours, gives the newest one.
        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        raise UserError(
            f"other spans of {base} than the newest are to be read, which this runner's driver can't find",
            field=("data", "spans"),
            hint="remove data.spans to read the newest span, or run on this machine",
        )
    found: list[Source] = []
    listed: list[tuple[str, list[str]]] = []
    for split in config.splits:
        for pattern in window.get(split.name, [split.pattern]):
            source = os.path.join(base, pattern)  # noqa: PTH118 - may be a URL
            files = list_files(source, job.data.format)
            found += [Source(split.name, file, io.size(file)) for file in files]
            listed.append((source, files))
    return found, partitions(listed)


class Kept(beam.DoFn):
    """A function for Beam whose UserErrors are kept in a file, because not every runner passes exceptions on."""

    def __init__(self, function: Callable[..., Iterable[Any]], folder: str) -> None:
        self._function = function
        self._folder = folder

    def process(self, element: Any, *args: Any) -> Iterable[Any]:
        """The function's results for one element and some side inputs."""
        try:
            yield from self._function(element, *args)
        except UserError as error:
            finish.keep_failure(self._folder, error)
            raise


def _plan(numbered: tuple[int, list[Source]], table: Reading, total: float) -> Iterator[Unit]:
    return units(table.reader, *numbered, total)


def _decision(parts: beam.PCollection, table: Reading, folder: str) -> Any:
    """The `Decision`, as it is or as a side input for what has to be found from all of the table."""
    if table.job.types is not None:
        return Decision(table.job.types, table.job.left_out, table.job.leading_zeros)
    return beam.pvalue.AsSingleton(
        parts
        | "Survey" >> beam.ParDo(Kept(_survey, folder), table)
        | "Facts" >> beam.CombineGlobally(_all_facts)
        | "Types" >> beam.ParDo(Kept(_types, folder), table)
    )


def _survey(unit: Unit, table: Reading) -> Iterator[Facts]:
    blocks = [block for _, block, _ in unit.blocks]
    yield _all_facts(survey(rows) for block in blocks for rows in table.reader.read(block))


def _all_facts(parts: Iterable[Facts]) -> Facts:
    return functools.reduce(merge, parts, {})


def _types(facts: Facts, table: Reading) -> Iterator[Decision]:
    rows = max((column.rows for column in facts.values()), default=0)
    lacking = {} if table.loose else {name: _NOT_EVERYWHERE for name, column in facts.items() if column.rows < rows}
    types, left_out = resolve_types(facts, table.job.uses, lacking)
    yield Decision(types, left_out, padded_numbers(facts, types))


def _assigner(parts: beam.PCollection, table: Reading, decision: Any, folder: str) -> Any:
    """The rule that divides rows, as it is or as a side input where it depends on all of the table."""
    if table.job.data.inputs is not None:
        return None
    rule = split_rule(table.job.data.split, table.job.required)
    if not rule.needs_counts:
        return rule.resolve(None)
    return beam.pvalue.AsSingleton(
        parts
        | "Count" >> beam.ParDo(Kept(_count, folder), table, decision, rule)
        | "Counts" >> beam.CombineGlobally(rule.merged)
        | "Rule" >> beam.ParDo(Kept(_resolved, folder), rule)
    )


def _count(unit: Unit, table: Reading, decision: Decision, rule: SplitRule) -> Iterator[Counts]:
    ingestion = Ingestion(table, decision.types, None, "")
    examples = (rows for _, block, _ in unit.blocks for rows in ingestion.examples(block))
    yield rule.merged(rule.count(rows.batch, row_hash(rows.batch)) for rows in examples)


def _resolved(counts: Counts, rule: SplitRule) -> Iterator[Assigner]:
    yield rule.resolve(counts)


def _ingest(
    unit: Unit, table: Reading, decision: Decision, split: Assigner | None, folder: str
) -> Iterator[UnitResult]:
    yield Ingestion(table, decision.types, split, folder).run(unit)
