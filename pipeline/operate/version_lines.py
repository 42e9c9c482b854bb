"""`lockgate versions`: what is served, from which run, pushed when and by whom."""

from __future__ import annotations

from typing import Any

from components.pusher.versions import Version, checked, is_signed, served, versions
from pipeline.operate.serving import Serving

_UNCHECKED = "signature not checked: give the pipeline.yaml, whose push.signing has the command for it"


def version_lines(serving: Serving, *, verify: bool) -> list[dict[str, Any]]:
    """The versions of a serving folder as plain data, newest first.

    Args:
      serving: the folder.
      verify: whether every file is read and compared with the manifest.

    Raises:
      OSError, tensorflow.errors.OpError: the folder can't be read.
    """
    found = versions(serving.base)
    now = served(found)
    # A push that was killed in a bucket leaves one; the files of those that are served are what counts.
    return [
        _line(each, serving, is_served=each is now, verify=verify and (each.complete or "://" not in each.path))
        for each in found
    ]


def _line(version: Version, serving: Serving, *, is_served: bool, verify: bool) -> dict[str, Any]:
    manifest = version.manifest
    made_from, push = (None, None) if manifest is None else (manifest.made_from, manifest.pushed)
    rollback = None if manifest is None else manifest.rollback
    return {
        "version": version.name,
        "path": version.path,
        "state": "served" if is_served else "" if version.complete else "unfinished",
        "run": made_from.run if made_from else "",
        "pipeline": made_from.pipeline if made_from else "",
        "commit": made_from.commit if made_from else None,
        "how": push.how if push else "",
        "at": push.at if push else "",
        "by": push.by if push else "",
        "reason": push.reason if push else "",
        "forced_over": list(push.forced_over) if push else [],
        "forced": [each.model_dump(mode="json") for each in manifest.forced()] if manifest else [],
        "rolled_back_from": rollback.rolled_back_from if rollback else "",
        "bytes_of": rollback.bytes_of if rollback else "",
        "metrics": dict(made_from.metrics) if made_from else {},
        "gates": [each.model_dump(mode="json") for each in made_from.gates] if made_from else [],
        "lockgate": manifest.lockgate if manifest else "",
        "problem": version.problem,
        "differences": checked(version, serving.signing) if verify else None,
        "unchecked": _UNCHECKED if verify and serving.signing is None and is_signed(version) else "",
    }
