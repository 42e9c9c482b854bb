"""A push by hand, or a rollback, in the metadata store: an execution of its own, which champion and baseline follow."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.portable import execution_publish_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from pipeline.nodes.baseline import statistics_behind
from pipeline.nodes.pushes import ROLLED_BACK_FROM, made_from, newest_first
from pipeline.nodes.wiring import BaselineKind
from pipeline.results.operations import NODES, Operation
from pipeline.results.store import artifacts_of
from pipeline.store.handle import Handle
from pipeline.store.opened import Mode, opened
from pipeline.store.place import place_of


def record(root: Path, operation: Operation, node: str = "") -> None:
    """Stores that a version is served now, and by which model.

    Args:
      root: of the metadata store.
      operation: with the version's folder.
      node: that is told to have pushed, in a run of the operation's id; "" is that of the operation's kind.

    Raises:
      OSError, tensorflow.errors.OpError: the copy of the model can't be written.
    """
    node = node or NODES[operation.kind]
    with _handle(root, "create") as handle:
        pipeline = _context(handle, constants.PIPELINE_CONTEXT_TYPE_NAME, operation.pipeline)
        contexts = [
            pipeline,
            _context(handle, constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, operation.id, pipeline),
            _context(handle, constants.NODE_CONTEXT_TYPE_NAME, f"{operation.pipeline}.{node}"),
        ]
        execution = execution_publish_utils.register_execution(
            handle,
            metadata_store_pb2.ExecutionType(name=f"lockgate.{node}"),
            contexts,
            input_artifacts=_inputs(handle.store, operation.model),
            exec_properties=_properties(operation),
        )
        pushed = standard_artifacts.PushedModel()
        # Where TFX's own Pusher keeps its copy: the version itself is no file of the metadata store's.
        pushed.uri = str(root / node / "pushed_model" / str(execution.id))
        io_utils.copy_dir(operation.version, pushed.uri)
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property("pushed_destination", operation.version)
        pushed.set_string_custom_property("pushed_version", operation.version.rpartition("/")[2])
        if operation.rolled_back_from:
            pushed.set_string_custom_property(ROLLED_BACK_FROM, operation.rolled_back_from)
        execution_publish_utils.publish_succeeded_execution(
            handle, execution.id, contexts, output_artifacts={"pushed_model": [pushed]}
        )


def model_of(root: Path, version: str) -> int | None:
    """The number of the Model that a version was pushed from; None where the metadata store does not know.

    Args:
      root: of the metadata store.
      version: the version's folder.
    """
    if not place_of(root).exists():
        return None
    with _handle(root) as handle:
        known = _artifacts(handle.store, artifacts_of(root, handle.store, standard_artifacts.PushedModel.TYPE_NAME))
        here = [each for each in known if each.get_string_custom_property("pushed_destination") == version]
        models = made_from(handle.store, [each.id for each in here], "model")
        return next((min(models[each.id]) for each in newest_first(here) if models[each.id]), None)


def lost(root: Path, version: str, kind: BaselineKind) -> tuple[str, ...]:
    """What the runs after a rollback to a version will not find any more, a sentence each.

    Args:
      root: of the metadata store.
      version: the version's folder.
      kind: which baseline of drift the configuration names.
    """
    number = model_of(root, version)
    if not place_of(root).exists():
        return ()  # these runs are not of this root
    with _handle(root) as handle:
        store = handle.store
        models, statistics = (
            _artifacts(store, _live(artifacts_of(root, store, each.TYPE_NAME)))
            for each in (standard_artifacts.Model, standard_artifacts.ExampleStatistics)
        )
        measured = kind != "last_push" or statistics_behind(store, number, statistics) is not None
    found = []
    if not any(each.id == number and Path(each.uri).exists() for each in models):
        found.append(
            f"the Model artifact of {version} is gone, so the next runs will find no champion: until one of them is "
            "pushed, the Evaluator compares with none, and only the thresholds stop a worse model"
        )
    if not measured:
        found.append(
            f"the statistics of the data that {version} was trained on are gone, so the next runs will measure no "
            "drift until one of them is pushed"
        )
    return tuple(found)


def newest_rows(root: Path, pipeline: str, split: str) -> tuple[Path, Path | None] | None:
    """The folder of a split of the examples that were ingested last, and the schema of their kind.

    Args:
      root: of the metadata store.
      pipeline: its name.
      split: the split's name.

    Returns:
      The folder of TFRecord files, and the newest schema's file, which may be None; None where no examples are there.
    """
    from components.artifacts.schema import SCHEMA_FILE
    from components.artifacts.splits import split_folder

    if not place_of(root).exists():
        return None
    with _handle(root) as handle:
        live = _live_of(handle.store, pipeline)
        examples, schemas = (
            newest_first(_artifacts(handle.store, [each for each in live if each.type == kind.TYPE_NAME]))
            for kind in (standard_artifacts.Examples, standard_artifacts.Schema)
        )
    # Only ExampleGen's have it: Transform's are made of them.
    folders = [
        Path(each.uri, split_folder(split)) for each in examples if each.has_custom_property("input_fingerprint")
    ]
    rows = next((each for each in folders if each.is_dir()), None)
    if rows is None:
        return None
    return rows, next((file for each in schemas if (file := Path(each.uri, SCHEMA_FILE)).is_file()), None)


def _handle(root: Path, mode: Mode = "write") -> Handle:
    return Handle(partial(opened, root, mode))


def _live(found: Sequence[metadata_store_pb2.Artifact]) -> Sequence[metadata_store_pb2.Artifact]:
    return [each for each in found if each.state == metadata_store_pb2.Artifact.LIVE]


def _live_of(store: mlmd.MetadataStore, pipeline: str) -> Sequence[metadata_store_pb2.Artifact]:
    """The live artifacts of one pipeline: several may share a store."""
    try:
        own = store.get_context_by_type_and_name(constants.PIPELINE_CONTEXT_TYPE_NAME, pipeline)
    except mlmd.errors.NotFoundError:
        return []  # nothing has run
    found = [] if own is None else store.get_artifacts_by_context(own.id)
    return _live(found)


def _context(
    handle: metadata.Metadata, kind: str, name: str, parent: metadata_store_pb2.Context | None = None
) -> metadata_store_pb2.Context:
    return context_lib.register_context_if_not_exists(
        handle, kind, name, parent_contexts=None if parent is None else [parent]
    )


def _inputs(store: mlmd.MetadataStore, model: int | None) -> dict[str, list[Artifact]]:
    return {} if model is None else {"model": _artifacts(store, store.get_artifacts_by_id([model]))}


def _artifacts(store: mlmd.MetadataStore, found: Sequence[metadata_store_pb2.Artifact]) -> list[Artifact]:
    types = {each.id: each for each in store.get_artifact_types()} if found else {}
    return [artifact_utils.deserialize_artifact(types[each.type_id], each) for each in found]


def _properties(operation: Operation) -> Mapping[str, str]:
    told = operation.model_dump(include={"id", "by", "reason", "run", "serving", "rolled_back_from", "bytes_of"})
    return {f"operation_{name}": value for name, value in told.items()} | {
        "forced_over": ", ".join(operation.forced_over)
    }
