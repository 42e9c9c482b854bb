"""The last step of ExampleGen: what the workers left is counted, judged, and renamed to what it is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from apache_beam.io.filesystems import FileSystems
from pydantic import TypeAdapter

from components.artifacts.ingest import (
    INGEST_FILE,
    QUARANTINE_FOLDER,
    BadRowReport,
    FileReport,
    IngestReport,
    row_hashes_file,
)
from components.artifacts.splits import SPLITS, split_folder
from components.example_gen import shards
from components.example_gen.block import FeatureType
from components.example_gen.columns.float32 import merged
from components.example_gen.formats.registry import place_text
from components.example_gen.ingest import SHOWN_BAD_ROWS, UnitResult
from components.example_gen.job import IngestJob
from preprocessing.errors import UserError

_SUMMARY = "summary.json"
_FAILURE = "failure-"
_RESULTS = TypeAdapter(list[UnitResult])


class Decision(NamedTuple):
    """What is decided of the columns before a row is written.

    Attributes:
      types: the type of every feature.
      left_out: the columns that are none, and why.
      leading_zeros: those that become numbers and are written with leading zeros.
    """

    types: Mapping[str, FeatureType]
    left_out: Mapping[str, str]
    leading_zeros: tuple[str, ...] = ()


def describe(results: Sequence[UnitResult], decision: Decision, folder: str) -> None:
    """Writes down what all units have become, for `finish`."""
    content = {
        "types": dict(decision.types),
        "left_out": dict(decision.left_out),
        "leading_zeros": decision.leading_zeros,
        "units": _RESULTS.dump_python(sorted(results, key=lambda result: result.key), mode="json"),
    }
    _write(f"{folder}/{_SUMMARY}", json.dumps(content).encode())


def keep_failure(folder: str, error: UserError) -> None:
    """Writes down an error for the person who started the run: Beam's runners pass exceptions on as text."""
    content = {name: getattr(error, name) for name in ("message", "field", "expected", "received", "hint")}
    _write(f"{folder}/{_FAILURE}{uuid.uuid4().hex}.json", json.dumps(content).encode())


def first_failure(folder: str) -> UserError | None:
    """The error that a worker kept, if one did; of several always the same one."""
    failures = sorted(_read(path) for path in _matches(f"{folder}/{_FAILURE}*.json"))
    if not failures:
        return None
    content = json.loads(failures[0])
    return UserError(**content | {"field": tuple(content["field"])})


def finish(job: IngestJob, folder: str, uri: str) -> IngestReport:
    """Judges the bad rows and renames the shards.

    Args:
      job: what the component was told.
      folder: where `describe` wrote.
      uri: of the Examples artifact.

    Returns:
      What is also written to `ingest.json`.

    Raises:
      UserError: more rows are bad than `max_bad_fraction` allows.
    """
    summary = json.loads(_read(f"{folder}/{_SUMMARY}"))
    results = _RESULTS.validate_python(summary["units"])
    report = _report(results, summary)
    _judge(job, report)
    moves: list[tuple[str, str]] = []
    for split in SPLITS:
        paths = [result.shards[split][0] for result in results if split in result.shards]
        if not paths:
            paths = [f"{folder}/empty-{split}.gz"]
            shards.write_empty(paths[0])
        for position, path in enumerate(paths):
            name = shards.shard_name(position, len(paths))
            moves.append((path, f"{uri}/{split_folder(split)}/{name}"))
            moves.append((shards.hashes_path(path), row_hashes_file(uri, split, name)))
    kept = [result.quarantine for result in results if result.quarantine]
    for position, path in enumerate(kept):
        moves.append((path, f"{uri}/{QUARANTINE_FOLDER}/rows-{position:05d}-of-{len(kept):05d}.jsonl"))
    shards.move(moves)
    _write(f"{uri}/{INGEST_FILE}", report.model_dump_json(indent=1).encode())
    return report


def remove(folder: str) -> None:
    """Removes the temporary files of an execution."""
    if FileSystems.exists(folder) or _matches(f"{folder}/*"):
        FileSystems.delete([folder])


def _report(results: Sequence[UnitResult], summary: Mapping[str, Any]) -> IngestReport:
    files: dict[tuple[str, str], FileReport] = {}
    for result in results:
        for part in result.files:
            key = part.input, part.file
            files[key] = files[key].plus(part) if key in files else part
    bad: list[BadRowReport] = [row for result in results for row in result.bad]
    return IngestReport(
        rows={split: sum(result.shards[split][1] for result in results if split in result.shards) for split in SPLITS},
        files=tuple(files.values()),
        bad_rows=tuple(bad[:SHOWN_BAD_ROWS]),
        types=summary["types"],
        left_out=summary["left_out"],
        collapsed=merged(result.collapsed for result in results),
        leading_zeros=tuple(summary["leading_zeros"]),
    )


def _judge(job: IngestJob, report: IngestReport) -> None:
    fraction = report.bad / max(1, report.read)
    if fraction > job.data.max_bad_fraction:
        first = "; ".join(
            f"{place_text(row.file, row.place, job.data.format)}: {row.reason}" for row in report.bad_rows[:3]
        )
        raise UserError(
            f"{report.bad:,} of {report.read:,} rows are bad ({fraction:.2%}); data.max_bad_fraction allows "
            f"{job.data.max_bad_fraction:.2%}. The first: {first}",
            hint="correct the source, or raise data.max_bad_fraction",
        )


def _matches(pattern: str) -> list[str]:
    return sorted(found.path for match in FileSystems.match([pattern]) for found in match.metadata_list)


def _read(path: str) -> str:
    with FileSystems.open(path) as file:
        return str(file.read().decode())


def _write(path: str, content: bytes) -> None:
    """The whole file or none of it."""
    temporary = f"{path}.{uuid.uuid4().hex[:8]}.tmp"
    with shards.create(temporary) as file:
        file.write(content)
    FileSystems.rename([temporary], [path])
