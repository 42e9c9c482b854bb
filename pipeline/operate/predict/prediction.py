"""One batch prediction from beginning to end: what it needs, the work, and what is said of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.example_gen import ingest
from components.example_gen.config import DataConfig
from components.example_gen.formats import io
from components.example_gen.formats.registry import place_text
from components.example_gen.formats.sql.spool import spool
from components.example_gen.ingest import groups, units
from pipeline.config.beam_options import job_limit
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import shown
from pipeline.operate.predict import kept, source
from pipeline.operate.predict.request import QUERY, Checked, Request
from pipeline.operate.predict.scoring import Scored, Scoring, in_types, progress
from pipeline.operate.predict.served import Answers, Interval, Version, find_version, interval_of
from pipeline.operate.predict.served import loaded as model_of
from pipeline.operate.predict.source import Source
from pipeline.operate.predict.target import Target, check_free, place_shards, staging
from pipeline.operate.predict.writers import joined
from pipeline.preflight.column_roles import uses
from preprocessing.text import counted, listed

_SHOWN = 5
"""Bad rows that are shown one by one."""


@dataclass(frozen=True)
class Predicted:
    """What came of it.

    Attributes:
      rows: how many predictions there are.
      bad_rows: how many rows have none.
      seconds: wall-clock time, the loading of the model included.
      version: the version that answered.
      model: its folder or URL.
      engine: `auto` or `beam`.
      output: the file or folder.
      files: what was written, in the order of the rows.
      bad_rows_file: what holds the bad rows; "" where there are none.
      columns: the columns of the predictions; of a probability its class, else what it is.
      first_bad: place and reason of the first bad rows.
      notes: what the user should know besides.
    """

    rows: int
    bad_rows: int
    seconds: float
    version: int
    model: str
    engine: str
    output: str
    files: tuple[str, ...]
    bad_rows_file: str
    columns: Mapping[str, str]
    first_bad: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """What a person is told."""
        yield from self.notes
        if self.bad_rows:
            yield f"{counted(self.bad_rows, 'bad row')} without a prediction: {shown(Path(self.bad_rows_file))}"
            yield from (f"  {line}" for line in self.first_bad[:_SHOWN])
        files = f" in {len(self.files)} files" if len(self.files) > 1 else ""
        yield f"{counted(self.rows, 'prediction')}{files} by version {self.version}, {self.seconds:.1f} s"
        yield f"predicted: {self.output}"


def predict(loaded: LoadedConfig, asked: Checked) -> Predicted:
    """Asks a pushed version about the rows of a table.

    Args:
      loaded: the configuration.
      asked: what is asked for.

    Raises:
      UserError: what is wrong, and the next step. Nothing is left of the predictions then.
      OSError: for example a full disk. Nothing is left of them then either.
    """
    began = time.monotonic()
    config, request, target = loaded.config, asked.request, asked.target
    version = find_version(config.push.destination(loaded.root()), request.version, config.features)
    engine = config.step_engine()
    with staging(target) as folder:
        found = asked.source or _queried(loaded, request.query or "", folder)
        interval = _interval(loaded, version)
        scoring, data = _scoring(loaded, request, found, target, version, interval)
        sources = [ingest.Source("all", file, io.size(file)) for file in found.files]
        progress.restart()
        if engine == "beam":
            # Here and not at the top: some seconds that the fast path doesn't need.
            from pipeline.operate.predict.on_beam import score_on_beam

            beam_args = [*config.beam_options(), *job_limit(config.beam)]
            scored = score_on_beam(scoring, sources, data.block_mb << 20, folder, beam_args)
        else:
            scored = _here(scoring, sources, data.block_mb << 20, folder, target)
        progress.end()
        shards, bad_rows = _shards(scoring, scored, folder, target), _bad_rows(scored, folder)
        check_free(target, overwrite=request.overwrite)
        files = place_shards(target, folder, shards, bad_rows)
    bad = sum(each.bad for each in scored)
    first_bad = [row for each in scored for row in each.first_bad]
    return Predicted(
        rows=sum(each.rows for each in scored),
        bad_rows=bad,
        seconds=round(time.monotonic() - began, 1),
        version=version.number,
        model=version.folder,
        engine=engine,
        output=str(target.path),
        files=tuple(map(str, files)),
        bad_rows_file=str(target.bad_rows) if bad else "",
        columns=_columns(scoring.answers),
        first_bad=tuple(f"{place_text(row.file, row.place, found.format)}: {row.reason}" for row in first_bad),
        notes=(*((interval,) if isinstance(interval, str) else ()), *(_notes(scored) if request.keep is None else ())),
    )


def _queried(loaded: LoadedConfig, query: str, folder: Path) -> Source:
    """The rows of a query on the database that the training reads, as a file."""
    data = loaded.config.data
    if data.sql is None:
        raise ValueError("checked before")
    sql = data.sql.located(str(loaded.base)).model_copy(update={"query": query})
    return Source(QUERY, (spool(sql, str(folder), data.block_mb << 20),), "arrow")


def _scoring(
    loaded: LoadedConfig,
    request: Request,
    found: Source,
    target: Target,
    version: Version,
    interval: Interval | str | None,
) -> tuple[Scoring, DataConfig]:
    """What is done with each block, and how the input is read."""
    declared = source.known_columns(loaded)
    data = source.reading(found, loaded, version.inputs)
    headerless = list(declared) if found.format == "csv" and not data.csv.header else []
    names = source.names_of(found, data, version.inputs, headerless)
    keep = kept.chosen(request.keep, names)
    label = loaded.config.features.label.column
    between = interval if isinstance(interval, Interval) else None
    answers = Answers.of(model_of(version.folder), label, version.number, declared.get(label), between)
    kept.refuse_clash(keep, answers.schema().names)
    types = kept.known_types(keep, version.inputs, declared, found.format, target.format)
    said = uses(loaded.config, declared)
    rows = source.first_rows(found, data)
    first = None if rows is None else (rows, in_types(rows, types, said, found.place)[0])
    # Of CSV all: a bad row is to stand as it is in its file.
    wanted = {*version.inputs, *keep}
    read = tuple(name for name in names if name in wanted) if found.format in kept.RIGID else None
    scoring = Scoring(
        reader=source.reader(found, data),
        source=found.format,
        read=None if request.keep is None else read,
        types=types,
        inputs=tuple(version.inputs),
        uses=said,
        names=tuple(names),
        kept=kept.kept(keep, types, found.format, target.format, first),
        answers=answers,
        version=version.folder,
        target=target.format,
        shown=QUERY if found.place == QUERY else "",
    )
    return scoring, data


def _interval(loaded: LoadedConfig, version: Version) -> Interval | str | None:
    """The intervals that are asked for; why there are none; None where nobody asks."""
    level = loaded.config.predict.interval
    if level is None or loaded.config.features.label.task != "regression":
        return None
    return interval_of(version, level)


def _here(
    scoring: Scoring, sources: Sequence[ingest.Source], block_bytes: int, folder: Path, target: Target
) -> list[Scored]:
    """Does the work in this process: one file, or one for each unit."""
    total = float(sum(each.size for each in sources))
    work = (
        unit
        for position, group in enumerate(groups(sources, block_bytes))
        for unit in units(scoring.reader, position, group, total)
    )
    if not target.folder:
        return [scoring.run(work, folder / f"all.{target.format}")]
    return [scoring.run([unit], folder / f"{position}.{target.format}") for position, unit in enumerate(work)]


def _shards(scoring: Scoring, scored: Sequence[Scored], folder: Path, target: Target) -> list[str]:
    """The files that are to be put in place: one alone for a file, one at least for a folder."""
    paths = [each.path for each in scored]
    if len(paths) == 1 or (paths and target.folder):
        return paths
    whole = folder / f"joined.{target.format}"
    joined([Path(each) for each in paths], whole, target.format, scoring.schema())
    return [str(whole)]


def _bad_rows(scored: Sequence[Scored], folder: Path) -> str | None:
    """All bad rows in one file; None where there are none."""
    paths = [each.bad_path for each in scored if each.bad_path]
    if not paths:
        return None
    whole = folder / "all.bad"
    with whole.open("wb") as file:
        for path in paths:
            with Path(path).open("rb") as part:
                shutil.copyfileobj(part, file)
    return str(whole)


def _columns(answers: Answers) -> dict[str, str]:
    """What each column of the predictions is."""
    label, *_, version = answers.schema().names
    what = "value" if answers.integers is None else "label"
    level = f"{answers.interval.level:g} interval" if answers.interval is not None else ""
    ends = {name: f"{end} end of the {level}" for name, end in zip(answers.ends(), ("lower", "upper"), strict=False)}
    return {label: what, **ends, **dict(zip(answers.probabilities, answers.classes, strict=True)), version: "version"}


def _notes(scored: Sequence[Scored]) -> tuple[str, ...]:
    later = sorted({name for each in scored for name in each.later})
    if not later:
        return ()
    return (f"columns that come up after the first rows are not kept: {listed(later)}; --keep names those to keep",)
