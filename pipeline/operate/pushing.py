"""Makes a version by hand: of a run's model, or of an older version. One at a time, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.artifacts.version_manifest import GateVerdict, Provenance, PushRecord, RollbackRecord
from components.pusher.config import RegistryUpload
from components.pusher.manifest import completing, pushed_now, who
from components.pusher.versions import Version, served, versions
from components.pusher.withdrawn import withdrawn_with
from pipeline.operate.serving import Serving
from pipeline.results.listing import read_json
from pipeline.results.operations import Operation, begin, operations, store
from pipeline.results.runs import CONFIG_FILE, RESULT_FILE, sha256
from preprocessing.errors import UserError
from preprocessing.text import one_line

GATES = ("DataGate", "Evaluator", "SmokeTest")
"""Those that a model has to pass."""
_LONGEST = 500


def settle(root: Path, serving: Serving | None = None) -> list[Operation]:
    """Finishes what was killed: a version that is there gets its record, and one that is not never will.

    Only for the holder of the root's lock: an operation that has begun is another's else.

    Args:
      root: with the records.
      serving: the folder whose operations are finished; None finishes those that the metadata store is told of.

    Returns:
      The operations that put a version into the serving folder and are finished now.
    """
    finished = []
    for each in operations(root):
        mine = each.in_store if serving is None else each.serving == serving.base
        if each.state != "begun" or not mine:
            continue
        version = _version_of(each)
        if version is None:
            store(root, each.model_copy(update={"state": "abandoned", "why": "it was killed before the push"}))
            continue
        registry = serving.registry if serving is not None else None
        finished.append(_finish(root, each.model_copy(update={"version": version.path}), registry))
    return finished


def _version_of(operation: Operation) -> Version | None:
    """The version that an operation made; None where it was killed before that."""
    return next(
        (
            found
            for found in versions(operation.serving)
            if found.complete and found.manifest is not None and found.manifest.pushed.operation == operation.id
        ),
        None,
    )


def unrecorded(root: Path, base: str) -> Version | None:
    """The served version, where its run was killed between the push and TFX's record of that.

    Args:
      root: with the metadata store.
      base: the serving folder.

    Returns:
      None where the store knows the version, or another root's run pushed it.

    Raises:
      UserError, OSError: the serving folder can't be read.
    """
    now = served(versions(base))
    if now is None or now.manifest is None or now.manifest.pushed.how != "run":
        return None
    folder = root / "runs" / (now.manifest.made_from.run or "-")
    config = folder / CONFIG_FILE
    if not config.is_file() or sha256(config) != now.manifest.made_from.config_sha256:
        return None
    if read_json(folder / RESULT_FILE).get("pushed") == now.path:
        return None  # as after nearly every run: the store need not be asked
    # Here and not at the top: a second.
    from pipeline.results.store import artifacts_of, read_only

    store = read_only(root)
    known = [] if store is None else artifacts_of(root, store, "PushedModel")
    told = store is None or any(each.custom_properties["pushed_destination"].string_value == now.path for each in known)
    return None if told else now


def to_record(root: Path, base: str) -> list[tuple[Operation, str]]:
    """What the next run tells the metadata store before anything else: see `settle` and `record_killed_push`.

    Args:
      root: with the records.
      base: the serving folder; a bucket is not asked for the push of a run.

    Returns:
      In its order, each with its version, and the node that `pipeline.operate.recorded.record` is to name.

    Raises:
      UserError, OSError: the serving folder, or the record of an operation, can't be read.
    """
    begun = [each for each in operations(root) if each.state == "begun" and each.in_store]
    found = [(each, version) for each in begun if (version := _version_of(each)) is not None]
    listed = [(each.model_copy(update={"version": version.path}), "") for each, version in found]
    killed = None if "://" in base else _killed_push(root, base)
    return [*listed, (killed, "Pusher")] if killed is not None else listed


def unsettled(root: Path, base: str) -> str:
    """A warning where a push or a rollback has begun that the metadata store is not told of yet; "" where none has.

    Args:
      root: with the records.
      base: the serving folder; a bucket is not looked into.

    Raises:
      UserError, OSError: the serving folder, or the record of an operation, can't be read.
    """
    found = [f"the {each.kind} {each.id}" for each in operations(root) if each.state == "begun" and each.in_store]
    if "://" not in base and (version := unrecorded(root, base)) is not None:
        found.append(f"the push of {version.path}")
    if not found:
        return ""
    return (
        f"not recorded yet, for it goes on or was killed: {' and '.join(found)}; the next run records it first, and "
        "this plan counts it where its version is there"
    )


def record_killed_push(root: Path, base: str) -> str:
    """Tells the metadata store of what `unrecorded` finds, so that the served model is the champion.

    Only for the holder of the root's lock: the push may be one that goes on.

    Args:
      root, base: see `unrecorded`.

    Returns:
      What was recorded, in words; "" where nothing was.

    Raises:
      UserError: the serving folder can't be read.
      OSError, tensorflow.errors.OpError: it can't, or the copy of the model can't be written.
    """
    push = _killed_push(root, base)
    if push is None:
        return ""
    from pipeline.operate.recorded import record

    record(root, push, "Pusher")
    return f"the push of {push.version} by run {push.run}, which was killed in it"


def _killed_push(root: Path, base: str) -> Operation | None:
    """The push by a run that `unrecorded` finds; None where there is none, or its model is not known."""
    version = unrecorded(root, base)
    if version is None or version.manifest is None:
        return None
    from pipeline.results.store import stored_run

    made_from, pushed = version.manifest.made_from, version.manifest.pushed
    trainer = stored_run(root, made_from.run).get("Trainer")
    models = trainer.outputs.get("model", ()) if trainer is not None else ()
    if len(models) != 1:
        return None
    return Operation(
        id=made_from.run,
        kind="push",
        state="done",
        by=pushed.by,
        pipeline=made_from.pipeline,
        run=made_from.run,
        serving=base,
        model=models[0].id,
        version=version.path,
    )


def make_version(
    root: Path,
    serving: Serving,
    operation: Operation,
    source: str,
    made_from: Provenance,
    *,
    earlier: tuple[PushRecord, ...] = (),
    rollback: RollbackRecord | None = None,
) -> Operation:
    """Pushes a folder as the newest version, and records that everywhere. For the holder of the root's lock.

    Args:
      root: with the records.
      serving: where to.
      operation: what is done, and why; its id is given here.
      source: the SavedModel's folder, or an older version's: a path or a URL.
      made_from: what is known of the model.
      earlier, rollback: for the manifest.

    Returns:
      The operation, done. Its `version` is empty where the newest version already is this model.

    Raises:
      UserError: the signing fails, or the registry refuses: then the version is there, and the next command for this
        serving folder registers it.
      OSError, tensorflow.errors.OpError: the files can't be written.
    """
    if serving.registry is not None:
        # Here and not at the top, for every run imports this module and few need Google's sign-in.
        from components.pusher.registry import check_destination

        check_destination(serving.base)
    begun = begin(root, operation)
    pushed = pushed_now(operation.kind, operation=begun.id, reason=operation.reason, forced_over=operation.forced_over)
    withdrawn = withdrawn_with(serving.base, pushed, rollback)
    complete = completing(made_from, pushed, serving.signing, earlier=earlier, rollback=rollback, withdrawn=withdrawn)
    again = operation.kind == "rollback"
    try:
        # Here and not at the top: it brings TFX, for seconds that a mistake must not pay.
        from components.pusher.executor import push_local
        from components.pusher.remote import push_remote

        into = push_remote if "://" in serving.base else push_local
        version, new = into(source, serving.base, {}, complete, again=again)
    except (OSError, UserError) as error:
        # What ends the work in any other way leaves it begun: `settle` will see whether the version is there.
        store(root, begun.model_copy(update={"state": "failed", "why": one_line(str(error), _LONGEST)}))
        raise
    if not new:
        ended = begun.model_copy(update={"state": "abandoned", "why": f"{version} already is this model"})
        store(root, ended)
        return ended
    return _finish(root, begun.model_copy(update={"version": version}), serving.registry)


def begun_now(kind: str, serving: Serving, pipeline: str, **told: object) -> Operation:
    """An operation by this process that has no id yet.

    Args:
      kind: `push` or `rollback`.
      serving: where to.
      pipeline: its name.
      told: other fields of `Operation`.
    """
    return Operation.model_validate(
        {
            "id": "",
            "kind": kind,
            "state": "begun",
            "by": who(),
            "pipeline": pipeline,
            "serving": serving.base,
            "in_store": serving.root is not None,
            **told,
        }
    )


def refusing(gates: Mapping[str, GateVerdict]) -> dict[str, str]:
    """The gates that keep a model from being pushed, each with the reason.

    Args:
      gates: the verdicts by name.
    """
    missing = {name: "gave no verdict" for name in GATES if name not in gates}
    return missing | {name: each.reason for name, each in gates.items() if each.passed is False}


def _finish(root: Path, operation: Operation, registry: RegistryUpload | None) -> Operation:
    if operation.in_store:
        # Seconds of TFX that a cluster's serving folder need not pay.
        from pipeline.operate.recorded import record

        record(root, operation)
    if registry is not None:
        from components.pusher.executor import register_version

        # Where the registry refuses, the operation stays begun, and the next command registers the version.
        register_version(operation.version, registry)
    done = operation.model_copy(update={"state": "done"})
    store(root, done)
    return done
