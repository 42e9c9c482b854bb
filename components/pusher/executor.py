"""The stock Pusher with a push that readers of the serving folder never see half done.

On a cluster the version also holds what makes it the next run's champion, and may become one of the Model Registry.
"""

import json
import logging
import posixpath
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.components.pusher import executor as stock
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils, proto_utils

from components import named_function
from components.artifacts.pushed_version import SERVED_ALREADY, WITHDRAWN
from components.artifacts.version_manifest import Provenance, WithdrawnModel
from components.cloud.vertex import VertexApi, VertexProject
from components.pusher.champion import champion_files
from components.pusher.config import RegistryUpload, SigningConfig
from components.pusher.manifest import Complete, completing, pushed_now
from components.pusher.push import push
from components.pusher.registry import check_destination, register
from components.pusher.remote import push_remote
from components.pusher.withdrawn import why_withdrawn, withdrawn_models

Artifacts = dict[str, list[Artifact]]

_log = logging.getLogger("lockgate")


class Executor(stock.Executor):
    """The executor of our Pusher; fits the stock one's `custom_executor_spec` too. Blessings are checked as the stock
    executor does."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Pushes a blessed model as the newest version, or marks it as not pushed.

        Args:
          input_dict: `model`, and `model_blessing` and `infra_blessing` where the pipeline has them; with `statistics`
            the version also holds contract, weights, statistics and `page`: see `components.artifacts.pushed_version`.
          output_dict: `pushed_model` gets a copy of the model and the custom properties `pushed` (1 or 0),
            `pushed_destination`, `pushed_version` and those of `components.artifacts.pushed_version`. A model that a
            rollback withdrew is not pushed.
          exec_properties: `push_destination`, a PushDestination as JSON, of kind `filesystem`; `registry`, a
            RegistryUpload as JSON, or nothing; `provenance`, the job of `components.named_function` whose function
            gives the manifest what the run knows, `signing`, a SigningConfig as JSON, and `run`, the run's name: each
            of the three may be missing, or stand in `custom_config`.

        Raises:
          UserError: the registry refuses (the model is pushed all the same, and the next try registers it), or it
            can't be given what is pushed to this serving folder; or the signing command fails: nothing is pushed.
          NotImplementedError: another destination or versioning.
          OSError: the serving folder cannot be written (tensorflow.errors.OpError for a remote one).
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed_model = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        base = _base_directory(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY])
        registry = exec_properties.get("registry")
        if registry:
            check_destination(base)
        model = self.GetModelPath(input_dict)
        withdrawn = withdrawn_models(base)
        if why := why_withdrawn(model, withdrawn):
            self._MarkNotPushed(pushed_model)
            pushed_model.set_string_custom_property(WITHDRAWN, why)
            _log.warning("not pushed: %s", why)
            return
        extra = champion_files(input_dict)
        # First the copy: should it fail, nothing has been pushed that no artifact knows of.
        io_utils.copy_dir(model, pushed_model.uri)
        complete = self._completing(input_dict, exec_properties, withdrawn)
        destination, new = (push_remote if "://" in base else push_local)(model, base, extra, complete)
        _log.info("%s %s", "pushed to" if new else "not pushed again, for it is served already:", destination)
        if not new:
            pushed_model.set_int_custom_property(SERVED_ALREADY, 1)
        if registry:
            register_version(destination, RegistryUpload.from_json(registry))
        self._MarkPushed(pushed_model, pushed_destination=destination, pushed_version=posixpath.basename(destination))

    def _completing(
        self, input_dict: Artifacts, exec_properties: dict[str, Any], withdrawn: Sequence[WithdrawnModel]
    ) -> Complete:
        """What writes the manifest. In another project's pipeline no run is told of."""
        told = json.loads(exec_properties.get("custom_config") or "null") or {}
        provenance, signing = (told.get(name) or exec_properties.get(name) for name in ("provenance", "signing"))
        run = exec_properties.get("run") or (self._context.pipeline_run_id if self._context else None) or ""
        made_from = Provenance(run=run)
        if provenance:
            function, given = named_function.told(provenance, "says what a version was made from")
            made_from = function(input_dict, given, run)
        keys = SigningConfig.from_json(signing) if signing else None
        return completing(made_from, pushed_now("run"), keys, withdrawn=withdrawn)


def _base_directory(push_destination: str) -> str:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(push_destination, destination)
    kind = destination.WhichOneof("destination")
    versioning = pusher_pb2.Versioning
    if kind != "filesystem" or destination.filesystem.versioning not in (versioning.AUTO, versioning.UNIX_TIMESTAMP):
        raise NotImplementedError(
            f"push_destination: expected a filesystem with automatic versions, received {destination}"
        )
    base: str = destination.filesystem.base_directory
    return base.rstrip("/") or "/"


def push_local(
    model: str, base: str, extra: Mapping[str, str], complete: Complete | None = None, *, again: bool = False
) -> tuple[str, bool]:
    """Pushes into a folder of this machine, from wherever the model is: see `components.pusher.push.push`."""
    with tempfile.TemporaryDirectory(prefix="lockgate-push-") as temporary:
        local = Path(model)
        if "://" in model:
            local = Path(temporary) / "model"
            io_utils.copy_dir(model, str(local))
        files = {name: _local_file(path, Path(temporary) / "extra" / name) for name, path in extra.items()}
        version, new = push(local, Path(base), files, complete, again=again)
    return str(version), new


def _local_file(path: str, copy: Path) -> Path:
    if "://" not in path:
        return Path(path)
    io_utils.copy_file(path, str(copy))
    return copy


def register_version(version: str, upload: RegistryUpload) -> None:
    """Uploads a version to the Model Registry and moves the alias to it.

    Raises:
      UserError: the registry refuses.
    """
    with VertexApi(VertexProject(upload.project, upload.region, upload.api_endpoint)) as api:
        uploaded = register(version, upload, api)
    _log.info("%s %s@%s", "registered as" if uploaded else "already registered:", upload.model, upload.alias)
