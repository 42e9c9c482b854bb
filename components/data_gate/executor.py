"""TFX's entry: artifacts in, verdict out."""

import logging
import posixpath
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.artifacts.ingest import IngestReport
from components.artifacts.reports import DIFF_FILE, REPORT_FILE
from components.artifacts.schema import SCHEMA_FILE
from components.artifacts.splits import ANOMALIES_FILE, SPLITS, STATISTICS_FILE, split_folder
from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.counting import Counting
from components.data_gate.examples import Rows, read_rows
from components.data_gate.gate import Evidence, judge
from components.data_gate.report import Verdict
from components.data_gate.row_hashes import stored_hashes
from components.data_gate.schema_text import diff
from components.data_gate.summary import Summary, from_statistics
from components.data_gate.tables import columns_of, serving_sample
from components.examples import SplitExamples, ingest_report
from components.progress import Progress
from components.run_page import write_page
from preprocessing.errors import UserError
from preprocessing.missing import MissingWords

Artifacts = dict[str, list[Artifact]]

_MAX_HASHES = 4_000_000
"""32 MB of hashes; a larger table is sampled."""

_log = logging.getLogger("lockgate")


class Executor(BaseExecutor):
    """Judges the data of one run."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Runs the checks and writes `verdict`.

        Args:
          input_dict: `statistics` (ExampleStatistics), `schema` (Schema), `anomalies` (ExampleAnomalies), `examples`
            (Examples), and `baseline_statistics` (ExampleStatistics), which may be missing or empty.
          output_dict: `verdict` (DataVerdict) gets the custom property `blessed` (1 or 0) and report.json; with a
            proposal also schema.pbtxt and schema.diff. `page` (RunPage) gets the run's page, where there is such an
            output.
          exec_properties: `config` (DataGateConfig as JSON), `columns` (Columns as JSON), `serving_sample` (a path,
            or empty), `missing` (the MissingWords of CSV as JSON), `on_refusal` (`fail` or `record`) and `page_job`.

        Raises:
          UserError: the data is refused and `on_refusal` is `fail` (the report is written all the same); the serving
            sample can't be read; a limit names a column that the schema does not have.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = DataGateConfig.from_json(exec_properties["config"])
        columns = Columns.from_json(exec_properties["columns"])
        evidence = _evidence(input_dict, config, columns, exec_properties)
        verdict, proposal = judge(evidence, columns, config)

        artifact = artifact_utils.get_single_instance(output_dict["verdict"])
        _write(verdict, proposal, evidence.schema_text, artifact.uri)
        artifact.set_int_custom_property("blessed", int(verdict.blessed))
        if pages := output_dict.get("page"):
            write_page(exec_properties["page_job"], {**input_dict, "verdict": [artifact]}, pages[0])
        recorded = exec_properties.get("on_refusal") == "record"
        # A runner that reads the report shows the findings itself; elsewhere the log is all that a person sees.
        level = logging.INFO if recorded else logging.WARNING
        for finding in verdict.warnings():
            _log.log(level, "data gate: %s", finding.line())
        if verdict.blessed:
            return
        _log.log(level, "data gate: refused: %s", verdict.reason())
        if not recorded:
            raise UserError(
                f"the data gate refuses the data: {verdict.reason()}",
                hint=f"read {posixpath.join(artifact.uri, REPORT_FILE)}; {verdict.blocking()[0].hint}",
            )


def _evidence(inputs: Artifacts, config: DataGateConfig, columns: Columns, exec_properties: dict[str, Any]) -> Evidence:
    sample = exec_properties.get("serving_sample") or ""
    words = MissingWords.from_json(exec_properties["missing"])
    examples = artifact_utils.get_single_instance(inputs["examples"])
    statistics = _statistics(artifact_utils.get_single_instance(inputs["statistics"]))
    text = io_utils.read_string_file(io_utils.get_only_uri_in_dir(_one(inputs["schema"]).uri))
    schema = text_format.Parse(text, schema_pb2.Schema())
    baselines = inputs.get("baseline_statistics") or []
    ingest = ingest_report(examples)
    return Evidence(
        schema=schema,
        schema_text=text,
        statistics=statistics,
        summaries={split: from_statistics(each) for split, each in statistics.items()},
        anomalies=_anomalies(_one(inputs["anomalies"])),
        baseline=_baseline(baselines[0]) if baselines else None,
        serving=_serving(sample, schema, words, config.serving.max_rows) if sample else None,
        ingest=ingest,
        rows=lambda: _rows(examples, ingest, config, Counting(columns, words)),
        decode=lambda sample: columns_of(sample, ingest.types if ingest else None),
    )


def _serving(path: str, schema: schema_pb2.Schema, words: MissingWords, most: int) -> Summary:
    sample = serving_sample(path, schema, words, most)
    if sample.cut:
        _log.info("data gate: %s has more rows than %d (data_gate.serving.max_rows): the newest count", path, most)
    return sample.summary


def _one(artifacts: list[Artifact]) -> Artifact:
    return artifact_utils.get_single_instance(artifacts)


def _statistics(artifact: Artifact) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    return {
        split: statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
        for split in artifact_utils.decode_split_names(artifact.split_names)
        if (content := _read(posixpath.join(artifact.uri, split_folder(split), STATISTICS_FILE))) is not None
    }


def _anomalies(artifact: Artifact) -> dict[str, anomalies_pb2.Anomalies]:
    return {
        split: anomalies_pb2.Anomalies.FromString(content)
        for split in artifact_utils.decode_split_names(artifact.split_names)
        if (content := _read(posixpath.join(artifact.uri, split_folder(split), ANOMALIES_FILE))) is not None
    }


def _baseline(artifact: Artifact) -> Summary | None:
    """The training split's; None when its files were cleaned away since."""
    content = _read(posixpath.join(artifact.uri, split_folder("train"), STATISTICS_FILE))
    if content is None:
        _log.warning("data gate: the baseline's statistics are gone: %s", artifact.uri)
        return None
    return from_statistics(statistics_pb2.DatasetFeatureStatisticsList.FromString(content))


def _rows(examples: Artifact, ingest: IngestReport | None, config: DataGateConfig, counting: Counting) -> Rows:
    available = artifact_utils.decode_split_names(examples.split_names)
    splits = {split: SplitExamples.of(examples, split, ingest) for split in SPLITS if split in available}
    return read_rows(
        splits,
        stored=stored_hashes(examples.uri, splits),
        max_hashes=_MAX_HASHES,
        sample_split="train",
        sample_rows=config.leakage.sample_rows,
        sample_bytes=config.leakage.sample_mb << 20,
        counting=counting,
        progress=Progress("DataGate", "rows", sum(ingest.rows.values()) if ingest else None),
    )


def _read(path: str) -> bytes | None:
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
        return content


def _write(verdict: Verdict, proposal: str | None, schema_text: str, uri: str) -> None:
    fileio.makedirs(uri)
    files = {REPORT_FILE: verdict.model_dump_json(indent=2)}
    if proposal is not None:
        files = {SCHEMA_FILE: proposal, DIFF_FILE: diff(schema_text, proposal), **files}
    for name, text in files.items():
        final = posixpath.join(uri, name)
        io_utils.write_string_file(f"{final}.part", text)
        fileio.rename(f"{final}.part", final, overwrite=True)
