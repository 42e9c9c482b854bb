"""`lockgate lineage`: what a version or a run's model was made from, who pushed it and what the gates said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.artifacts.version_manifest import DataOrigin, Provenance, PushRecord, RollbackRecord
from components.pusher.versions import Version, read_version, versions
from pipeline.operate.serving import of_run
from pipeline.report.run_facts import operations_of
from pipeline.results.listing import run_of
from pipeline.results.runs import CONFIG_FILE, sha256
from preprocessing.errors import UserError
from preprocessing.text import one_line, printable

_WIDTH = 12
_LONGEST = 160
_FILES = 5


@dataclass(frozen=True)
class Lineage:
    """Where a version or a run's model comes from.

    Attributes:
      subject: the version's folder, or the run's.
      made_from: run, code, data and gates.
      pushes: how these files came into the serving folder, oldest first.
      rollback: of a version that a rollback made.
      versions: the versions of the run that are in the serving folder; of a version itself alone.
      operations: what was done with the run by hand, one sentence each.
    """

    subject: str
    made_from: Provenance
    pushes: tuple[PushRecord, ...] = ()
    rollback: RollbackRecord | None = None
    versions: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        found = asdict(self)
        return found | {
            "made_from": self.made_from.model_dump(mode="json"),
            "pushes": [each.model_dump(mode="json") for each in self.pushes],
            "rollback": None if self.rollback is None else self.rollback.model_dump(mode="json"),
        }


def lineage_of(place: str | None) -> Lineage:
    """The lineage of a version by its folder or URL, or of a run.

    Args:
      place: the version; or a run's folder, or a root or a pipeline.yaml, whose newest run is meant.

    Raises:
      UserError: it is neither, or the version has no manifest.
      OSError, tensorflow.errors.OpError: it can't be read.
    """
    remote = place is not None and "://" in place
    if place is not None and (remote or _is_version(Path(place))):
        return _of_version(read_version(place.rstrip("/") if remote else str(Path(place).resolve())))
    return _of_run(run_of(None if place is None else Path(place)))


def pushes_of(run: Path) -> list[Version]:
    """The versions in the serving folder that hold a run's model, oldest first.

    Args:
      run: the run's folder.
    """
    found = versions(of_run(run).base)
    return [each for each in reversed(found) if each.manifest and each.manifest.made_from.run == run.name]


def lines(found: Lineage) -> Iterator[str]:
    """The lineage as text."""
    made_from = found.made_from
    yield printable(found.subject)
    for name, text in (
        *(("pushed", push_line(each)) for each in found.pushes),
        *_rollback_lines(found.rollback),
        *(("version", each) for each in found.versions if each != found.subject),
        *(("by hand", each) for each in found.operations),
        ("run", made_from.run or "not known"),
        ("pipeline", made_from.pipeline or "not known"),
        ("code", _code(made_from)),
        ("config", f"sha256 {made_from.config_sha256}" if made_from.config_sha256 else "not known"),
        *(("gate", gate_line(each.name, each.passed, each.reason)) for each in made_from.gates),
        *(("metric", f"{name} {_number(value)}") for name, value in made_from.metrics.items()),
        *_data_lines(made_from.data),
    ):
        yield f"  {name:<{_WIDTH}}{printable(text)}"


def push_line(push: PushRecord) -> str:
    """How a version came into the serving folder, in one sentence."""
    how = {"run": "by its run", "push": "by hand", "rollback": "by a rollback"}[push.how]
    forced = f", forced over {' and '.join(push.forced_over)}" if push.forced_over else ""
    return f"{push.at} {how}{forced}, {push.by}" + (f"; reason: {push.reason}" if push.reason else "")


def gate_line(name: str, passed: bool | None, reason: str) -> str:
    """A gate's verdict in one line."""
    verdict = {True: "passed", False: "refused", None: "found"}[passed]
    return f"{name} {verdict}: {one_line(reason, _LONGEST)}"


def mermaid(found: Lineage) -> str:
    """The lineage as a flowchart in Mermaid's language."""
    made_from, data = found.made_from, found.made_from.data
    nodes = {
        "data": ["data", *([] if data is None else [_rows(data), *_span(data), f"digest {data.digest}"])],
        "code": ["code", _code(made_from)],
        "run": ["run", made_from.run or "not known"],
    }
    edges = [("data", "run"), ("code", "run")]
    last = "run"
    for number, gate in enumerate(made_from.gates):
        nodes[f"gate{number}"] = [gate.name, {True: "passed", False: "refused", None: "found"}[gate.passed]]
        edges.append((last, f"gate{number}"))
        last = f"gate{number}"
    for number, push in enumerate(found.pushes):
        nodes[f"push{number}"] = [{"run": "push", "push": "push by hand"}.get(push.how, push.how), push.at, push.by]
        nodes[f"push{number}"] += [f"forced over {' and '.join(push.forced_over)}"] if push.forced_over else []
        edges.append((last, f"push{number}"))
        last = f"push{number}"
    if found.rollback is not None:
        nodes["from"] = ["rolled back from", found.rollback.rolled_back_from]
        edges.append(("from", last))
    for number, version in enumerate(found.versions):
        nodes[f"version{number}"] = ["version", version.rpartition("/")[2]]
        edges.append((last, f"version{number}"))
    drawn = [f'  {name}["{"<br/>".join(_quoted(each) for each in parts)}"]' for name, parts in nodes.items()]
    return "\n".join(["flowchart LR", *drawn, *(f"  {before} --> {after}" for before, after in edges)])


def _is_version(place: Path) -> bool:
    return place.is_dir() and place.name.isascii() and place.name.isdecimal() and not (place / CONFIG_FILE).is_file()


def _of_version(version: Version) -> Lineage:
    manifest = version.manifest
    if manifest is None:
        raise UserError(
            f"{version.path}: {version.problem}", hint="give a version that Lockgate pushed, or the run that pushed it"
        )
    return Lineage(
        version.path,
        manifest.made_from,
        (*manifest.earlier, manifest.pushed),
        manifest.rollback,
        versions=(version.path,),
    )


def _of_run(folder: Path) -> Lineage:
    found = pushes_of(folder)
    return Lineage(
        str(folder),
        _made_from(folder, found),
        pushes=tuple(each.manifest.pushed for each in found if each.manifest is not None),
        versions=tuple(each.path for each in found),
        operations=operations_of(folder),
    )


def _made_from(folder: Path, pushed: Sequence[Version]) -> Provenance:
    """What a run knows of its model: as one of its versions has it, or its record."""
    known = next((each.manifest.made_from for each in pushed if each.manifest is not None), None)
    if known is not None and known.config_sha256 == sha256(folder / CONFIG_FILE):
        return known
    from pipeline.report.provenance import of_stored_run

    return of_stored_run({}, {"root": str(folder.parent.parent), "ended": True}, folder.name)


def _rollback_lines(rollback: RollbackRecord | None) -> Iterator[tuple[str, str]]:
    if rollback is not None:
        yield "rolled back", f"from {rollback.rolled_back_from} to the files of {rollback.bytes_of}"
        test = rollback.smoke_test
        yield "tested", gate_line(test.name, test.passed, test.reason)


def _code(made_from: Provenance) -> str:
    commit = f"commit {made_from.commit}" if made_from.commit else "not under version control"
    changed = ", with changes" if made_from.dirty else ""
    return commit + changed + (f", image {made_from.image}" if made_from.image else "")


def _data_lines(data: DataOrigin | None) -> Iterator[tuple[str, str]]:
    if data is None:
        yield "data", "not known"
        return
    for text in (_rows(data), *_span(data), f"digest {data.digest}" if data.digest else ""):
        if text:
            yield "data", text
    for line in data.fingerprint.splitlines():
        yield "fingerprint", line
    for file in data.files[:_FILES]:
        yield "file", f"{file.file}: {file.rows:,} rows, digest {file.digest}"
    if data.file_count > _FILES:
        yield "file", f"and {data.file_count - _FILES} more"


def _rows(data: DataOrigin) -> str:
    return ", ".join(f"{split} {rows:,} rows" for split, rows in data.rows.items())


def _span(data: DataOrigin) -> list[str]:
    """The span and its version, where the path has them: TFX calls a table without any 0."""
    named = (("span", data.span), ("version", data.version))
    return [f"{name} {number}" for name, number in named if number]


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.4g}"


def _quoted(text: str) -> str:
    """Text in a node of a flowchart."""
    escaped = printable(one_line(text, _LONGEST))
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        escaped = escaped.replace(character, entity)
    return escaped
