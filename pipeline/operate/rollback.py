"""`lockgate rollback`: the files of an older version as a new one, after the smoke test has passed them again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from components.artifacts.version_manifest import GateVerdict, Provenance, RollbackRecord
from components.pusher.versions import Version, checked, served, standing, versions
from components.smoke_test.report import Report
from pipeline.operate.push_run import Pushed
from pipeline.operate.pushing import begun_now, make_version, record_killed_push, settle
from pipeline.operate.serving import Serving
from pipeline.results.operations import Operation, begin, store
from preprocessing.errors import UserError
from preprocessing.text import listed, sentences

_GATE = "SmokeTest"
_FILES = "files"
"""By this name the record says that the old files are not as they were pushed."""
_NAMED = 3


@dataclass(frozen=True)
class Plan:
    """What a rollback would do.

    Attributes:
      now: the version that is served.
      back_to: the version whose files will be served again.
    """

    now: Version
    back_to: Version


def plan(serving: Serving, to: str | None) -> Plan:
    """Chooses the version to go back to.

    Args:
      serving: the folder.
      to: the version's number; None takes the newest before the served one that has another model and was not itself
        rolled back from; after a rollback, the newest before the version that this went back to.

    Raises:
      UserError: there is no such version, or it is served already.
      OSError, tensorflow.errors.OpError: the folder can't be read.
    """
    found = versions(serving.base)
    now = served(found)
    if now is None:
        raise UserError(f"{serving.base}: no version is served", hint="push one first: lockgate run CONFIG")
    if to is not None:
        return Plan(now, _named(to, found, now))
    back_to = next(islice(standing(found), 1, None), None)
    if back_to is not None:
        return Plan(now, back_to)
    raise UserError(
        f"{serving.base}: no version before {now.name} has another model that was not rolled back from",
        hint="name one with --to; lockgate versions shows them",
    )


def roll_back(
    root: Path,
    serving: Serving,
    chosen: Plan,
    pipeline: str,
    test: Callable[[Path], Report],
    *,
    reason: str,
    force: bool,
) -> tuple[Pushed, Report]:
    """Makes the new version. For the holder of the root's lock.

    Args:
      root: with the records.
      serving: the folder.
      chosen: from what to what.
      pipeline: its name.
      test: the smoke test of a SavedModel's folder on this machine.
      reason: why; kept with the version.
      force: also where the smoke test refuses, or the old files have changed since they were pushed.

    Returns:
      How it ended, and what the smoke test found.

    Raises:
      UserError: the signing fails, or the registry refuses.
      OSError, tensorflow.errors.OpError: the files can't be read or written.
    """
    old = chosen.back_to
    changed = checked(old, serving.signing) if old.manifest is not None else []
    report = _tested(old.path, test)
    refused = _refusals(changed, report)
    made_from = old.manifest.made_from if old.manifest is not None else Provenance(pipeline=pipeline)
    operation = begun_now(
        "rollback",
        serving,
        pipeline,
        run=made_from.run,
        reason=reason,
        forced_over=tuple(refused) if force else (),
        rolled_back_from=chosen.now.name,
        bytes_of=old.name,
        model=_stored_model(serving, old.path),
    )
    if refused and not force:
        return Pushed(_stopped(root, operation, refused), refused), report
    verdict = GateVerdict(name=_GATE, passed=report.blessed, reason=report.reason())
    made = make_version(
        root,
        serving,
        operation,
        old.path,
        made_from,
        earlier=(*old.manifest.earlier, old.manifest.pushed) if old.manifest is not None else (),
        rollback=RollbackRecord(rolled_back_from=chosen.now.name, bytes_of=old.name, smoke_test=verdict),
    )
    return Pushed(made, refused), report


def _refusals(changed: Sequence[str], report: Report) -> dict[str, str]:
    """Why the old files should not be served again, by what says so; nothing where they may."""
    refused = {_FILES: f"changed since the push: {sentences(changed, _NAMED)}"} if changed else {}
    return refused if report.blessed else refused | {_GATE: report.reason()}


def _stopped(root: Path, operation: Operation, refused: Mapping[str, str]) -> Operation:
    """The record of a rollback that was refused."""
    told = "; ".join(f"{name}: {why}" for name, why in refused.items())
    ended = begin(root, operation).model_copy(update={"state": "refused", "why": told})
    store(root, ended)
    return ended


def finished_before(root: Path, serving: Serving) -> Pushed | None:
    """A rollback that was killed when its version was there already, finished now; None where there is none.

    A second one in its place would go back one version too far.
    """
    done = [each for each in settle(root, serving) if each.kind == "rollback"]
    if serving.root is not None:
        record_killed_push(serving.root, serving.base)
    return Pushed(done[0], {}, resumed=True) if done else None


def _named(to: str, found: list[Version], now: Version) -> Version:
    name = to.rstrip("/").rpartition("/")[2]
    version = next((each for each in found if each.name == name), None)
    if version is None:
        names = listed([each.name for each in found if each is not now], 10) or "there is no other version"
        raise UserError(f"--to {to}: no such version", hint=f"name one of these: {names}")
    if version is now:
        raise UserError(f"--to {to}: this version is served already", hint="lockgate versions shows the others")
    if not version.complete:
        raise UserError(f"--to {to}: the version has no model: its push has not finished", hint="name another one")
    return version


def _tested(path: str, test: Callable[[Path], Report]) -> Report:
    if "://" not in path:
        return test(Path(path))
    from tfx.utils import io_utils

    with tempfile.TemporaryDirectory(prefix="lockgate-rollback-") as folder:
        copy = Path(folder) / "model"
        io_utils.copy_dir(path, str(copy))
        return test(copy)


def _stored_model(serving: Serving, path: str) -> int | None:
    if serving.root is None:
        return None
    from pipeline.operate.recorded import model_of

    return model_of(serving.root, path)
