"""TFX's entry: a serving folder or a registry's entry in, the champion's artifacts out."""

import logging
import posixpath
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.artifacts.pushed_version import ABSENT
from components.champion.registry import PREFIX, registered_version
from components.champion.restore import restore_model, restore_statistics
from components.champion.versions import newest_version
from components.cloud.vertex import VertexApi, VertexProject
from preprocessing.errors import UserError

Artifacts = dict[str, list[Artifact]]

_log = logging.getLogger("lockgate")


class Executor(BaseExecutor):
    """Finds the champion and copies it. None found is a result, a store that can't be asked is an error."""

    def Do(  # noqa: N802
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        """Looks the champion up.

        Args:
          input_dict: nothing.
          output_dict: `model` (Model) gets the SavedModel, and contract and weights where the version has them;
            `baseline_statistics` (ExampleStatistics) gets those of the training split. Both get the custom properties
            `version` and `source_uri`, or `absent` = 1 and no files.
          exec_properties: `source`: a serving folder, `registry:NAME@ALIAS` or nothing; `project`, `region` and
            `api_endpoint` for the registry.

        Raises:
          UserError: the source is neither, or the registry refuses.
          OSError, tensorflow.errors.OpError: the files can't be read or written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict["model"])
        statistics = artifact_utils.get_single_instance(output_dict["baseline_statistics"])
        version = _version(exec_properties)
        if version is None:
            _log.info("champion: none (%s)", exec_properties.get("source") or "no place to look in")
            model.set_int_custom_property(ABSENT, 1)
            statistics.set_int_custom_property(ABSENT, 1)
            return
        restore_model(version, model.uri)
        _label(model, version)
        _log.info("champion: %s", version)
        if not restore_statistics(version, statistics.uri):
            _log.warning("champion: %s has no statistics; drift is not measured against it in this run", version)
            statistics.set_int_custom_property(ABSENT, 1)
            return
        statistics.split_names = artifact_utils.encode_split_names(["train"])
        _label(statistics, version)


def _version(properties: dict[str, Any]) -> str | None:
    source = properties.get("source") or ""
    if not source:
        return None
    if not source.startswith(PREFIX):
        return newest_version(source)
    project, region = properties.get("project"), properties.get("region")
    if not (project and region):
        raise UserError(
            f"champion: {source} is in Vertex AI's Model Registry, but no project and region are known",
            hint="look it up on Vertex AI, or name a serving folder",
        )
    with VertexApi(VertexProject(project, region, properties.get("api_endpoint") or "")) as api:
        return registered_version(source, api)


def _label(artifact: Artifact, version: str) -> None:
    artifact.set_string_custom_property("version", posixpath.basename(version))
    artifact.set_string_custom_property("source_uri", version)
