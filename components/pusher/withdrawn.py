"""What keeps a model that a rollback withdrew from coming back with the next run that makes it again."""

from __future__ import annotations

from components.pusher.versions import Version, model_files, versions


def why_withdrawn(model: str, base: str) -> str:
    """Names the rollback that withdrew a model; "" where none did.

    The newest version with the model's bytes decides: one that was pushed once more after the rollback, by force, is
    not withdrawn. A rollback withdraws the version that was served, and those between it and the one that it went back
    to.

    Args:
      model: the SavedModel's folder, a path or a URL.
      base: the serving folder.

    Raises:
      UserError: the serving folder can't be read.
      OSError, tensorflow.errors.OpError: a file can't be read.
    """
    found = [each for each in versions(base) if each.complete]
    if not any(each.manifest is not None and each.manifest.rollback is not None for each in found):
        return ""
    files = model_files(model)
    same = next((each for each in found if model_files(each) == files), None)
    if same is None:
        return ""
    # The oldest of them: the later ones withdrew others.
    rollback = next((each for each in reversed(found) if _withdrew(each, same)), None)
    if rollback is None or rollback.manifest is None:
        return ""
    pushed = rollback.manifest.pushed
    return (
        f"this model is version {same.name}, byte for byte, from which {pushed.by} rolled back on {pushed.at} (version "
        f"{rollback.name}): {pushed.reason or 'no reason was given'}"
    )


def _withdrew(rollback: Version, other: Version) -> bool:
    told = rollback.manifest.rollback if rollback.manifest is not None else None
    if told is None or int(rollback.name) < int(other.name):
        return False
    return told.rolled_back_from == other.name or int(told.bytes_of) < int(other.name) < int(rollback.name)
