"""Whether a table has changed: a key made of its files' sizes and times, without reading them.

The driver's fingerprint, which the cache goes by, is made of the same facts by TFX, in whole seconds. This one imports
neither TFX nor TensorFlow, so that a process that only looks now and then stays small; Beam, for a table behind a URL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.example_gen.config import DataConfig
from components.example_gen.listing import list_files
from components.example_gen.sources import resolve_spans
from components.example_gen.span_names import span_text
from preprocessing.errors import UserError
from preprocessing.text import first_line

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class TableState:
    """What there is of a table at one moment.

    Attributes:
      key: another one when a file was added, removed, or written again.
      words: for a person: the spans, how many files, how many bytes.
    """

    key: str
    words: str


def why_unseen(data: DataConfig) -> str:
    """Why nobody can tell whether a table has changed without reading it; "" where its files tell it."""
    if data.bigquery is not None or (data.sql is not None and _sqlite_file(data) is None):
        return "a database doesn't tell whether the rows of a query have changed"
    return ""


def table_state(data: DataConfig, base: str) -> TableState:
    """Looks at the files that a run would read now.

    Args:
      data: the configuration.
      base: the folder or URL that relative sources start from.

    Raises:
      UserError: there is no file, a span is not whole yet, or a query's rows can't be watched.
    """
    if why := why_unseen(data):
        raise UserError(why, field=("data",), hint="use files, or a SQLite file")
    if (file := _sqlite_file(data)) is not None:
        located = Path(base) / file
        if not located.is_file():
            raise UserError(f"{located}: no such file", field=("data", "sql", "url"), hint="check data.sql.url")
        # What was committed since the last checkpoint stands in the write-ahead log.
        files = [str(each) for each in (located, Path(f"{located}-wal")) if each.is_file()]
        return _state([("sql", facts) for facts in _facts(files)], "")
    found = resolve_spans(data, base)
    lines = [
        (name, facts)
        for name, sources in found.sources.items()
        for source in sources
        for facts in _facts(list_files(source, data.format))
    ]
    names = data.placeholders()
    spans = [span_text(span, names) for span in found.spans]
    version = "" if found.version is None else f" version {found.version}"
    words = "" if not spans else f"span {spans[0] if len(spans) == 1 else f'{spans[0]} to {spans[-1]}'}{version}, "
    return _state(lines, words)


def _state(lines: Iterable[tuple[str, tuple[str, int, int]]], words: str) -> TableState:
    listed = sorted(lines)
    key = hashlib.sha256(repr(listed).encode()).hexdigest()
    size = sum(facts[1] for _, facts in listed)
    return TableState(key, f"{words}{len(listed):,} file{'s' * (len(listed) != 1)}, {size:,} bytes")


def _facts(files: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Path, bytes and time of each file, in nanoseconds since 1970 (behind a URL: in whole seconds)."""
    remote: list[str] = []
    for file in files:
        if "://" in file:
            remote.append(file)
            continue
        try:
            found = Path(file).stat()
        except OSError as error:
            # It was there a moment ago, when the folder was listed.
            raise UserError(f"{file}: {error.strerror or error}", hint="wait until it is written") from error
        yield file, found.st_size, found.st_mtime_ns
    if remote:
        yield from _remote_facts(remote)


def _remote_facts(urls: list[str]) -> Iterator[tuple[str, int, int]]:
    # Not at the top: a table on this machine needs no Beam.
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    try:
        for matched in FileSystems.match(urls):
            for each in matched.metadata_list:
                yield each.path, each.size_in_bytes, int(each.last_updated_in_seconds * 1_000_000_000)
    except (BeamIOError, ValueError) as error:
        raise UserError(
            f"{urls[0]}: can't be looked at: {first_line(error)}", hint="check the URL and your access"
        ) from error


def _sqlite_file(data: DataConfig) -> str | None:
    url = data.sql.url if data.sql is not None else None
    return url.removeprefix(_SQLITE) if url is not None and url.startswith(_SQLITE) else None
