"""TFX's driver for our ExampleGen: finds the spans and the fingerprint of the files before the cache is asked."""

from __future__ import annotations

import glob
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfx.components.example_gen import utils
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.example_gen.config import SqlOptions
from components.example_gen.job import JOB_KEY, WINDOW_KEY, IngestJob
from components.example_gen.listing import list_files
from components.example_gen.partitions import fixed_parts
from components.example_gen.sources import Resolved, resolve_sources

_SQLITE = "sqlite:///"


class Driver(FileBasedDriver):
    """The stock driver with our rules for spans: several at once, `{DATE}`, and an empty one is an error.

    What it writes (`span`, `version`, `input_fingerprint`, patterns without placeholders) has the stock driver's form.
    In a pipeline that TFX's own Kubeflow runner compiles, the stock driver runs in its place: with one span, the
    newest, the outcome is the same; of a window it gives the newest span alone, and it does not know `{DATE}`. What
    `pipeline.runners.compile.compiler` compiles runs this one.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Fills the span, the version, the fingerprint and the patterns in; for chosen spans also `window`.

        Args:
          exec_properties: `ingest` (an IngestJob), `input_base` and `input_config`.
          pipeline_info: not used, as in the stock driver.
          component_info: not used, as in the stock driver.

        Returns:
          The same dictionary, changed.

        Raises:
          UserError: there is no such span, it is empty, or a source has no file.
        """
        del pipeline_info, component_info
        job = IngestJob.from_json(exec_properties[JOB_KEY])
        config = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], config)
        if job.data.sql is not None:
            found = Resolved(0, None, (), {})
            fingerprint = _query_fingerprint(job.data.sql)
        else:
            # os.path, because a URL is no Path.
            base = os.path.join(exec_properties.get(standard_component_specs.INPUT_BASE_KEY) or "", "")  # noqa: PTH118
            patterns = {split.name: split.pattern for split in config.splits}
            found = resolve_sources({name: base + pattern for name, pattern in patterns.items()}, job.data.spans)
            fingerprint = _fingerprint(found, job)
            relative = {
                name: [each.removeprefix(base) for each in each_span] for name, each_span in found.sources.items()
            }
            for split in config.splits:
                split.pattern = relative[split.name][-1]
            if job.data.spans.chosen:
                exec_properties[WINDOW_KEY] = json.dumps(relative)
        exec_properties[standard_component_specs.INPUT_CONFIG_KEY] = proto_utils.proto_to_json(config)
        exec_properties[utils.SPAN_PROPERTY_NAME] = found.span
        exec_properties[utils.VERSION_PROPERTY_NAME] = found.version
        exec_properties[utils.FINGERPRINT_PROPERTY_NAME] = fingerprint
        return exec_properties


def _fingerprint(found: Resolved, job: IngestJob) -> str:
    """TFX's own line for each split and span: the cache forgets a run when a file of any of them changes."""
    lines = []
    for name, sources in found.sources.items():
        for source in sources:
            files = list_files(source, job.data.format)
            lines += [io_utils.generate_fingerprint(name, pattern) for pattern in _patterns(source, files)]
    return "\n".join(lines)


def _patterns(source: str, files: Sequence[str]) -> list[str]:
    """What TFX has to look for to see these files of the source."""
    if files == [source]:
        return [glob.escape(source)]
    within = source.rstrip("/")
    if Path(source).is_dir():
        within = glob.escape(within)
    elif "**" in source:  # which TFX takes for `*`
        within = "/".join(source.split("/")[: fixed_parts(source)])
    parts = len(within.split("/"))
    # Of a folder TFX would take the folder's own time, which an edit of a file leaves as it is.
    return [within + "/*" * depth for depth in sorted({len(file.split("/")) - parts for file in files})]


def _query_fingerprint(options: SqlOptions) -> str:
    """A SQLite file's size and time. Another database can't tell whether it has changed: never from the cache."""
    file = options.url.removeprefix(_SQLITE) if options.url is not None and options.url.startswith(_SQLITE) else ""
    if Path(file).is_file():
        # What was committed since the last checkpoint stands in the write-ahead log.
        files = glob.escape(file), glob.escape(f"{file}-wal")
        return "\n".join(io_utils.generate_fingerprint("sql", each) for each in files)
    return f"split:sql,query:{uuid.uuid4().hex}"
