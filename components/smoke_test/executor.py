"""TFX's entry: artifacts in, blessing and report out."""

import functools
import logging
import posixpath
import tempfile
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import io_utils, path_utils

from components.artifacts.reports import PAGE_FILE, REPORT_FILE
from components.smoke_test import page
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.gate import Subject, smoke_test
from components.smoke_test.report import Report
from preprocessing.errors import UserError

Artifacts = dict[str, list[Artifact]]

_TRANSFORM_FN = "transform_fn"
"""The folder of the SavedModel in a TransformGraph artifact."""

_log = logging.getLogger("lockgate")


class Executor(BaseExecutor):
    """Runs the smoke test on one model. A model that fails is not blessed; that is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Tests the model and writes `blessing` and `report`.

        Args:
          input_dict: `model` (Model); optional: `examples` (raw Examples), `schema` (Schema), `transform_graph`
            (TransformGraph), `champion` (Model) and `infra_blessing` (InfraBlessing).
          output_dict: `blessing` (InfraBlessing) gets the custom properties `blessed` (1 or 0) and
            `current_model_id`; `report` (SmokeTestReport) gets report.json and report.html. When the model's process
            timed out, was killed or crashed, the blessing's folder is removed, so that no later run reuses this result.
          exec_properties: `config`, a SmokeTestConfig as JSON.

        Raises:
          UserError: the examples have no split of the configured name.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = SmokeTestConfig.from_json(exec_properties["config"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        with tempfile.TemporaryDirectory(prefix="lockgate-model-") as temporary:
            write = functools.partial(
                _write, uri=artifact_utils.get_single_instance(output_dict["report"]).uri, model=model.uri
            )
            report = smoke_test(_subject(input_dict, config, Path(temporary)), config, cut_short=write)

        write(report)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        blessing.set_int_custom_property("blessed", int(report.blessed))
        blessing.set_int_custom_property("current_model_id", model.id)
        if not report.blessed:
            _log.warning("smoke test: not blessed: %s", report.reason())
        if report.process_failed() and fileio.exists(blessing.uri):
            # The machine may be to blame, and not the model: the next run is to test again. TFX takes a result from
            # its cache only while the folders of all its artifacts exist; a blessing's is empty.
            fileio.rmtree(blessing.uri)


def _subject(inputs: Artifacts, config: SmokeTestConfig, folder: Path) -> Subject:
    """The artifacts as local files: the child has no network and no credentials."""
    model = artifact_utils.get_single_instance(inputs["model"])
    examples, schema, graph, champion, infra = (
        _optional(inputs, name) for name in ("examples", "schema", "transform_graph", "champion", "infra_blessing")
    )
    # A champion that was removed by hand is none; the Evaluator says so too.
    champion = champion if champion and fileio.exists(path_utils.serving_model_path(champion.uri)) else None
    return Subject(
        saved_model=_local_copy(path_utils.serving_model_path(model.uri), folder / "model"),
        example_files=_split_files(examples, config.split) if examples else None,
        schema=_schema(schema) if schema else None,
        model_uri=model.uri,
        transform_graph=_local_copy(posixpath.join(graph.uri, _TRANSFORM_FN), folder / "graph") if graph else None,
        champion=_local_copy(path_utils.serving_model_path(champion.uri), folder / "champion") if champion else None,
        champion_uri=champion.uri if champion else None,
        infra_blessing=infra.get_int_custom_property("blessed") == 1 if infra else None,
    )


def _optional(inputs: Artifacts, name: str) -> Artifact | None:
    return artifact_utils.get_single_instance(inputs[name]) if inputs.get(name) else None


def _local_copy(saved_model: str, folder: Path) -> Path:
    if "://" not in saved_model:
        return Path(saved_model)
    io_utils.copy_dir(saved_model, str(folder))
    return folder


def _split_files(examples: Artifact, split: str) -> list[str]:
    available = artifact_utils.decode_split_names(examples.split_names)
    if split not in available:
        raise UserError(
            f"the examples have no split {split!r}, only {', '.join(available) or 'none'}",
            field=("smoke_test", "split"),
            hint="name one of these in smoke_test.split",
        )
    folder = artifact_utils.get_split_uri([examples], split)
    return sorted(fileio.glob(posixpath.join(folder, "*")))


def _schema(schema: Artifact) -> schema_pb2.Schema:
    parsed: schema_pb2.Schema = io_utils.parse_pbtxt_file(io_utils.get_only_uri_in_dir(schema.uri), schema_pb2.Schema())
    return parsed


def _write(report: Report, uri: str, model: str) -> None:
    """The page first: a folder with report.json in it is complete."""
    fileio.makedirs(uri)
    files = {PAGE_FILE: page.render(report, title=model), REPORT_FILE: report.model_dump_json(indent=2)}
    for name, content in files.items():
        final = posixpath.join(uri, name)
        io_utils.write_string_file(f"{final}.part", content)
        fileio.rename(f"{final}.part", final, overwrite=True)
