"""TFX's entry: artifacts in, blessing and report out."""

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

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.gate import Subject, smoke_test
from components.smoke_test.report import REPORT_FILE, Report
from preprocessing.errors import UserError

Artifacts = dict[str, list[Artifact]]

_log = logging.getLogger("lockgate")


class Executor(BaseExecutor):
    """Runs the smoke test on one model. A model that fails is not blessed; that is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Tests the model and writes `blessing` and `report`.

        Args:
          input_dict: `model` (Model with golden files), `examples` (raw Examples) and `schema` (Schema).
          output_dict: `blessing` (InfraBlessing) gets the custom properties `blessed` (1 or 0) and
            `current_model_id`; `report` (SmokeTestReport) gets report.json. When the model's process timed out,
            was killed or crashed, the blessing's folder is removed, so that no later run reuses this result.
          exec_properties: `config`, a SmokeTestConfig as JSON.

        Raises:
          UserError: the examples have no split of the configured name.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = SmokeTestConfig.from_json(exec_properties["config"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        with tempfile.TemporaryDirectory(prefix="lockgate-model-") as temporary:
            subject = Subject(
                model_uri=model.uri,
                saved_model=_local_copy(path_utils.serving_model_path(model.uri), Path(temporary)),
                example_files=_split_files(artifact_utils.get_single_instance(input_dict["examples"]), config.split),
                columns=_columns(artifact_utils.get_single_instance(input_dict["schema"])),
            )
            report = smoke_test(subject, config)

        _write(report, artifact_utils.get_single_instance(output_dict["report"]).uri)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        blessing.set_int_custom_property("blessed", int(report.blessed))
        blessing.set_int_custom_property("current_model_id", model.id)
        if not report.blessed:
            _log.warning("smoke test: not blessed: %s", report.reason())
        if report.process_failed() and fileio.exists(blessing.uri):
            # The machine may be to blame, and not the model: the next run is to test again. TFX takes a result from
            # its cache only while the folders of all its artifacts exist; a blessing's is empty.
            fileio.rmtree(blessing.uri)


def _local_copy(saved_model: str, folder: Path) -> Path:
    """The export as a local folder: the child has no network and no credentials."""
    if "://" not in saved_model:
        return Path(saved_model)
    io_utils.copy_dir(saved_model, str(folder / "model"))
    return folder / "model"


def _split_files(examples: Artifact, split: str) -> list[str]:
    available = artifact_utils.decode_split_names(examples.split_names)
    if split not in available:
        raise UserError(
            f"smoke_test.split: the examples have no split {split!r}, only {', '.join(available) or 'none'}",
            hint="name one of these in smoke_test.split",
        )
    folder = artifact_utils.get_split_uri([examples], split)
    return sorted(fileio.glob(posixpath.join(folder, "*")))


def _columns(schema: Artifact) -> dict[str, str]:
    path = io_utils.get_only_uri_in_dir(schema.uri)
    parsed = io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
    return {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in parsed.feature}


def _write(report: Report, uri: str) -> None:
    fileio.makedirs(uri)
    final = posixpath.join(uri, REPORT_FILE)
    io_utils.write_string_file(f"{final}.part", report.model_dump_json(indent=2))
    fileio.rename(f"{final}.part", final, overwrite=True)
