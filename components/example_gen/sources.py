"""The files of a source, and which spans and versions of it there are.

One implementation for `lockgate validate`, the driver and the executor: local paths need neither Beam nor TensorFlow,
URLs (`gs://...`) go through Beam's file systems.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

from components.example_gen.config import DataConfig, Format, Spans
from components.example_gen.formats.registry import format_of, named_format
from components.example_gen.listing import NOTHING_THERE, below, list_files, matching
from components.example_gen.span_names import PLACEHOLDER, placeholders, span_number, span_text
from preprocessing.errors import UserError
from preprocessing.text import either, listed

_DIGITS = {"YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}", "DATE": r"\d{4}-?\d{2}-?\d{2}"}


@dataclass(frozen=True)
class Resolved:
    """Which files are to be read.

    Attributes:
      span: the newest span's number (of dates, days since 1970-01-01); 0 where the path has no span.
      version: that span's version; None where the path has none.
      spans: all spans, ascending; empty where the path has none.
      sources: for "all" or each split, a file, folder or glob for each span, ascending.
    """

    span: int
    version: int | None
    spans: tuple[int, ...]
    sources: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Found:
    """The newest version of one span: its number, the source with its placeholders filled, whether no file is there."""

    version: int | None
    source: str
    empty: bool = False


def source_format(data: DataConfig, base: str) -> Format | None:
    """The format of a configured table, by its names; None for a query. Nothing is read from a URL.

    Args:
      data: the configuration.
      base: the folder or URL that relative sources start from.

    Raises:
      UserError: neither the configuration nor a name tells it: that of a source, or of a file in a folder here.
    """
    if data.format is not None or not data.sources():
        return data.format
    sources = list(data.sources().values())
    for source in sources:
        if (told := named_format(source)) is not None:
            return told
    if not any("://" in source for source in sources):
        try:
            resolved = resolve_spans(data, base).sources.values()
            return format_of([file for each in resolved for source in each for file in list_files(source, None)], None)
        except UserError:
            pass  # a folder of the machine where the steps run
    raise UserError(
        f"the names don't say the table's format, on which depends which words mean missing: {listed(sources, 3)}",
        field=("data", "format"),
        hint=f"set data.format to {either(get_args(Format))}",
    )


def resolve_spans(data: DataConfig, base: str) -> Resolved:
    """Does what `resolve_sources` does, for the sources of a configuration.

    Args:
      data: the configuration.
      base: the folder or URL that relative sources start from.

    Raises:
      UserError: see `resolve_sources`.
    """
    return resolve_sources({name: located(source, base) for name, source in data.sources().items()}, data.spans)


def resolve_sources(sources: Mapping[str, str], wanted: Spans) -> Resolved:
    """Finds the spans that are there and takes the wanted ones; of each the newest version.

    Args:
      sources: by split or "all", a path with or without placeholders (the same in each).
      wanted: which spans to take.

    Returns:
      The sources with their placeholders filled.

    Raises:
      UserError: there is no such span, or a wanted one has no file; a span is there twice; the splits have different
        spans; a date in a path is none.
    """
    if not any(placeholders(source) for source in sources.values()):
        return Resolved(0, None, (), {name: (source,) for name, source in sources.items()})
    found = {name: _spans(source) for name, source in sources.items()}
    chosen = {name: _chosen(wanted, spans, sources[name]) for name, spans in found.items()}
    first = next(iter(sources))
    expected = {span: found[first][span].version for span in chosen[first]}
    for name, spans in chosen.items():
        versions = {span: found[name][span].version for span in spans}
        if versions != expected:
            names = placeholders(sources[name])
            raise UserError(
                f"{first} and {name} have different spans: {_shown(expected, names)} and {_shown(versions, names)}",
                field=("data", "inputs"),
                hint="wait until every split of the newest span is there, or name a range (data.spans)",
            )
    newest = chosen[first][-1]
    return Resolved(
        newest,
        found[first][newest].version,
        chosen[first],
        {name: tuple(found[name][span].source for span in spans) for name, spans in chosen.items()},
    )


def located(source: str, base: str) -> str:
    """A source of the configuration below the folder or URL `base`, unless it is absolute itself.

    Characters of a glob in the base's own name stand for themselves.
    """
    if "://" in source or not base:
        return source
    is_pattern = glob.has_magic(source) or bool(placeholders(source))
    folder = glob.escape(base) if is_pattern and "://" not in base else base
    return os.path.join(folder, str(Path(source).expanduser()))  # noqa: PTH118 - the base may be a URL


def relative(sources: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The folder or URL that all sources are in, and what follows it in each: what TFX calls base and patterns.

    Args:
      sources: absolute paths or URLs, with or without globs and placeholders; empty for a query.
    """
    split = [source.split("/") for source in sources.values()]
    common = 0
    while all(common < len(parts) - 1 for parts in split) and len({parts[common] for parts in split}) == 1:
        if not split or any(mark in split[0][common] for mark in "*?[{"):
            break
        common += 1
    base = "/".join(split[0][:common]) if split else ""
    return base or "/", {name: "/".join(source.split("/")[common:]) for name, source in sources.items()}


def _spans(source: str) -> dict[int, _Found]:
    """The newest version of each span. One whose folder is empty is there too: it must not be passed over."""
    found: dict[int, _Found] = {}
    files = matching(PLACEHOLDER.sub("*", source))
    if not glob.has_magic(PLACEHOLDER.sub("", source).rpartition("/")[2]):
        files += below(PLACEHOLDER.sub("*", source))
    visible = [file for file in sorted(files) if PurePosixPath(file).name[0] not in "._"]
    for _, span, version, filled in _parsed(source, visible):
        known = found.get(span)
        if known is not None and known.version == version and known.source != filled:
            raise UserError(
                f"{known.source} and {filled} are the same span; expected one of them",
                hint="rename or remove one of the two",
            )
        if known is None or (version or 0) > (known.version or 0):
            found[span] = _Found(version, filled)
    for folder in _folders(source):
        for path, span, version, _ in _parsed(folder, matching(PLACEHOLDER.sub("*", folder), folders=True)):
            known = found.get(span)
            if known is None or (version or 0) > (known.version or 0):
                found[span] = _Found(version, path, empty=True)
    return found


def _folders(source: str) -> list[str]:
    """The folders on the way to the files that have a placeholder in their own name."""
    parts = source.split("/")
    return ["/".join(parts[: i + 1]) for i, part in enumerate(parts) if placeholders(part)]


def _parsed(source: str, paths: Iterable[str]) -> Iterator[tuple[str, int, int | None, str]]:
    """The paths that belong to a source: each with its span and version, and the source with these filled in.

    Where the date's parts stand in several folders, those before the last one name no span yet.
    """
    names = placeholders(source)
    if not {"SPAN", "DATE", "DD"}.intersection(names) or ("DD" in names and not {"YYYY", "MM"} <= set(names)):
        return
    expression = _expression(source)
    for path in paths:
        if (match := expression.fullmatch(path)) is not None:
            tokens = match.groupdict()
            version = int(tokens["VERSION"]) if "VERSION" in tokens else None
            yield path, _number(tokens, path), version, _filled(source, tokens)


def _filled(source: str, tokens: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: tokens[match["number"] or match["date"]], source)


def _expression(source: str) -> re.Pattern[str]:
    """Matches the paths of a source's files and gives its placeholders' texts by name."""
    pieces = []
    end = 0
    for match in PLACEHOLDER.finditer(source):
        name = match["number"] or match["date"]
        digits = _DIGITS.get(name) or (rf"\d{{{match['width']}}}" if match["width"] else r"\d+")
        pieces += [_of_glob(source[end : match.start()]), f"(?P<{name}>{digits})"]
        end = match.end()
    # What a folder holds belongs to it.
    return re.compile("".join([*pieces, _of_glob(source[end:].rstrip("/")), r"(?:(?:/[^/=]+=[^/]*)*/[^/]*)?"]))


def _of_glob(text: str) -> str:
    """The part of a pattern between placeholders as a regular expression."""
    pieces = re.split(r"(\*\*/|\*+|\?|\[!?\]?[^\]]*\])", text)
    return "".join(re.escape(piece) if i % 2 == 0 else _of_wildcard(piece) for i, piece in enumerate(pieces))


def _of_wildcard(wildcard: str) -> str:
    if wildcard == "**/":
        return "(?:.*/)?"
    if wildcard[0] == "[":
        negated = wildcard.startswith("[!")
        return f"[{'^' if negated else ''}{re.escape(wildcard[1 + negated : -1])}]".replace(r"\-", "-")
    return "[^/]*" if wildcard[0] == "*" else "[^/]"


def _number(tokens: Mapping[str, str], path: str) -> int:
    if "SPAN" in tokens:
        return int(tokens["SPAN"])
    text = tokens["DATE"] if "DATE" in tokens else "".join(tokens[name] for name in ("YYYY", "MM", "DD"))
    try:
        return span_number(text)
    except ValueError:
        raise UserError(
            f"{path}: {text!r} is not a date; expected one as 2013-10-01 or 20131001",
            hint="rename the file or folder, or keep it elsewhere",
        ) from None


def _chosen(wanted: Spans, found: Mapping[int, _Found], source: str) -> tuple[int, ...]:
    """The wanted ones of the spans that are there, ascending."""
    names = placeholders(source)
    bounds = wanted.range()
    if not found:
        raise UserError(f"{source}: no span found: no file matches", hint=NOTHING_THERE)
    if bounds is None:
        chosen = sorted(found)[-(wanted.last or 1) :]
    else:
        chosen = [span for span in sorted(found) if bounds[0] <= span <= bounds[1]]
        # Of dates only the ends: there may be none for a Sunday.
        expected = range(bounds[0], bounds[1] + 1) if "SPAN" in names else bounds
        for span in expected:
            if span not in found:
                have = _shown({span: each.version for span, each in found.items()}, names)
                raise UserError(
                    f"span {span_text(span, names)} of {source} is not there; there are {have}",
                    field=("data", "spans"),
                    hint="write its files, or name spans that are there",
                )
    for span in chosen:
        if found[span].empty:
            raise UserError(
                f"{found[span].source}: span {span_text(span, names)} is empty: no file in it matches {source}",
                hint="write its files, remove its folder, or name other spans (data.spans)",
            )
    return tuple(chosen)


def _shown(spans: Mapping[int, int | None], names: tuple[str, ...]) -> str:
    """Spans in words, with their versions where they have one."""
    texts = [
        span_text(span, names) + ("" if version is None else f" version {version}")
        for span, version in sorted(spans.items())
    ]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:3], "...", *texts[-2:]])
