"""What keeps a model that a rollback withdrew from coming back with the next run that makes it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.artifacts.version_manifest import PushRecord, RollbackRecord, WithdrawnModel, model_digest
from components.pusher.versions import Version, model_files, versions


def why_withdrawn(model: str, withdrawn: Sequence[WithdrawnModel]) -> str:
    """Names the rollback that withdrew a model; "" where none did.

    Args:
      model: the SavedModel's folder, a path or a URL.
      withdrawn: see `withdrawn_models`.

    Raises:
      OSError, tensorflow.errors.OpError: a file of the model can't be read.
    """
    if not withdrawn:
        return ""
    digest = model_digest(model_files(model))
    same = next((each for each in withdrawn if each.model == digest), None)
    if same is None:
        return ""
    return (
        f"this model is version {same.version}, byte for byte, from which {same.by} rolled back on {same.at} (version "
        f"{same.rollback}): {same.reason or 'no reason was given'}"
    )


def withdrawn_models(base: str) -> tuple[WithdrawnModel, ...]:
    """The models that rollbacks withdrew and that nobody has pushed since, whether or not their versions are there.

    A rollback withdraws the version that was served, and those between it and the one that it went back to. Each
    manifest tells what is withdrawn when its version is served, so the newest one that tells is enough, and what came
    after it; older Lockgates wrote none that tell, and then the versions that are there are gone through.

    Args:
      base: the serving folder.

    Raises:
      UserError: the serving folder can't be read.
      OSError, tensorflow.errors.OpError: a file of a version without a manifest can't be read.
    """
    found = [each for each in reversed(versions(base)) if each.complete]
    told = max((number for number, each in enumerate(found) if _told(each) is not None), default=None)
    known: dict[str, WithdrawnModel] = {}
    if told is not None:
        name = found[told].name
        named = (each.model_copy(update={"rollback": each.rollback or name}) for each in _told(found[told]) or ())
        known = {each.model: each for each in named}
    for number in range(0 if told is None else told + 1, len(found)):
        version = found[number]
        manifest = version.manifest
        if manifest is not None and manifest.rollback is not None:
            for each in _by_rollback(manifest.rollback, manifest.pushed, found[:number], version.name):
                # The oldest rollback counts: the later ones withdrew others.
                known.setdefault(each.model, each)
        if known:
            known.pop(model_digest(model_files(version)), None)
    return tuple(known.values())


def withdrawn_with(base: str, pushed: PushRecord, rollback: RollbackRecord | None) -> tuple[WithdrawnModel, ...]:
    """What is withdrawn when one more version has been pushed, whatever model that has.

    Args:
      base: the serving folder before that push.
      pushed: the push.
      rollback: the record of a rollback; None for another push.

    Raises:
      UserError, OSError, tensorflow.errors.OpError: as for `withdrawn_models`.
    """
    known = {each.model: each for each in withdrawn_models(base)}
    if rollback is not None:
        found = [each for each in versions(base) if each.complete]
        for each in _by_rollback(rollback, pushed, found, ""):
            known.setdefault(each.model, each)
    return tuple(known.values())


def _told(version: Version) -> tuple[WithdrawnModel, ...] | None:
    return version.manifest.withdrawn if version.manifest is not None else None


def _by_rollback(
    rollback: RollbackRecord, pushed: PushRecord, before: Sequence[Version], name: str
) -> Iterator[WithdrawnModel]:
    """What one rollback withdrew of the versions before its own, which has this name."""
    for each in before:
        if each.name == rollback.rolled_back_from or int(each.name) > int(rollback.bytes_of):
            yield WithdrawnModel(
                version=each.name,
                model=model_digest(model_files(each)),
                rollback=name,
                at=pushed.at,
                by=pushed.by,
                reason=pushed.reason,
            )
