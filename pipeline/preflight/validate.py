"""What a valid configuration can still get wrong: places, dotted paths, the table's columns and their kinds.

Answers at once: nothing here imports TensorFlow or, metrics aside, the user's code, and of a table only headers and the
first rows are read. What only the whole table can tell is found when a run reads it.
"""

import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from components.evaluator.own_metric import tried
from components.example_gen.changes import why_unseen
from components.example_gen.columns.use import NUMBERS, RESERVED, schema_types, why_reserved
from components.example_gen.config import STOCK_FORMATS
from components.example_gen.partitions import partitions
from components.example_gen.sources import resolve_spans, source_format
from pipeline.code.importable import why_not_importable
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem, brief, shown
from pipeline.preflight.beam_check import beam_problems
from pipeline.preflight.boosting_check import half_followed, other_scikit_learn
from pipeline.preflight.column_roles import date_formats, roles
from pipeline.preflight.distribution_check import other_keras, without_workers
from pipeline.preflight.first_rows import mismatch
from pipeline.preflight.numbers_check import few_values, without_effect
from pipeline.preflight.stock_reader import check_stock_files, stock_input, stock_mismatch
from pipeline.preflight.table_files import LOOSE, TableReader, is_remote, source_files, table_files, table_format
from pipeline.preflight.table_rules import nameless
from pipeline.preflight.tuning_check import left_behind, without_meaning
from preprocessing.errors import FieldPath, UserError, dotted, sentence
from preprocessing.features import planned_inputs
from preprocessing.nearest import nearest
from preprocessing.text import listed

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

SIGNING: FieldPath = ("push", "signing")
MAX_FILES = 1000
"""Files of one table whose headers are compared."""
FIRST_ROWS = 1000
"""Rows whose values are looked at."""
_ALIKE = "give all files of the table, and all splits, the same columns (was one renamed?)"
_GLOB = frozenset("*?[]\\")
"""What has a meaning in a file pattern. TFX and Beam look for the files below the root by pattern, without quoting."""


def problems(loaded: LoadedConfig, *, engine: bool = True) -> list[Problem]:
    """Everything that is wrong with a loaded configuration, in the order of the checks; empty when it may run.

    Args:
      loaded: the configuration.
      engine: whether Beam's engine for runs on this machine has to be there.
    """
    checks = _Checks(loaded)
    checks.places()
    checks.names()
    checks.dotted_paths()
    checks.tuning()
    checks.schema()
    checks.serving_sample()
    checks.signing()
    checks.watched()
    if engine:
        checks.found += beam_problems(loaded)
    checks.table()
    return checks.found


def notes(loaded: LoadedConfig) -> list[str]:
    """What a user should know of a configuration without a problem: what of it, and of its table, a run leaves out."""
    data = loaded.config.data
    found = [*without_meaning(loaded), *half_followed(loaded), *without_effect(loaded)]
    if is_remote(data):
        return found
    files = [file for split in table_files(data, loaded.base).values() for file in split]
    reader = TableReader(table_format(files, data), data.model_copy(update={"block_mb": 1}))
    if any(group.embed is not None for group in loaded.config.features.numeric):
        found += few_values(loaded, reader.sample(files[0], FIRST_ROWS))
    return [*found, *nameless((Path(shown(file)), reader.columns(file)) for file in files[:MAX_FILES])]


class _Checks:
    """Collects problems; each check goes on with what the ones before it left sound."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.found: list[Problem] = []
        self._loaded = loaded
        self._config = loaded.config

    def names(self) -> None:
        """Columns whose transformed names would collide, and the one that TFX has a use for."""
        for field, name in self._named_columns():
            if name == RESERVED:
                self._report(field, why_reserved(), received=brief(name), hint="rename the column in the table")
        try:
            planned_inputs(self._config.features)
        except UserError as error:
            self._mistake(("features",), error)

    def places(self) -> None:
        """Folders and files that the configuration names, the table aside."""
        config = self._config
        if "://" in config.root:
            self._report(("root",), "must be a folder on this machine", received=brief(config.root))
        elif _GLOB.intersection(root := str(self._loaded.root())):
            self._report(
                ("root",),
                f"leads to a path with one of the characters {' '.join(sorted(_GLOB))}, which TFX takes for a pattern",
                received=brief(root),
                hint="rename that folder, or set root to a folder elsewhere (an absolute path)",
            )
        directory = config.push.directory
        if config.push.remote and not directory.startswith("gs://"):
            message = "TensorFlow can't write to such a URL; give a folder, or gs://BUCKET/FOLDER"
            self._report(("push", "directory"), message, received=brief(directory))
        elif Path(os.path.normpath(directory)).parts[:1] == ("..",):
            message = "leaves the root; give an absolute path to push elsewhere"
            self._report(("push", "directory"), message, received=brief(directory))
        if config.data.prepare is not None and not self._loaded.resolve(config.data.prepare).is_file():
            self._report(("data", "prepare"), "no such file", received=brief(config.data.prepare))

    def dotted_paths(self) -> None:
        """Functions of the user's own."""
        metrics: dict[FieldPath, str] = {
            ("evaluate", "metrics", at): path for at, path in enumerate(self._config.evaluate.metrics)
        }
        paths: list[tuple[FieldPath, str | None]] = [
            *self._config.family_fields(),
            (("features", "preprocessing_fn"), self._config.features.preprocessing_fn),
            *metrics.items(),
        ]
        for field, path in paths:
            reason = why_not_importable(path) if path is not None and "." in path else None
            if reason is None and field in metrics:
                # It needs no table and no TensorFlow, so it can be tried here instead of after the training.
                self._tried(field, partial(tried, metrics[field], self._config.features.label.task))
            if reason is not None:
                hint = "" if reason.installed else "install your package (pip install -e .) or set PYTHONPATH"
                self._report(field, reason.message, received=brief(path), nearest=reason.nearest, hint=hint)

    def tuning(self) -> None:
        """Whether the best values of a search could extend the file, and trees, or several workers, can train here."""
        self.found += [*left_behind(self._loaded), *other_scikit_learn(self._loaded)]
        self.found += [*other_keras(self._loaded), *without_workers(self._loaded)]

    def serving_sample(self) -> None:
        """The rows that the data gate compares the training data with."""
        sample = self._config.data_gate.serving.sample
        if sample is not None and "://" not in sample and not self._loaded.resolve(sample).exists():
            self._report(("data_gate", "serving", "sample"), "no such file or folder", received=brief(sample))

    def signing(self) -> None:
        """The programs that sign and verify pushed versions."""
        signing = self._config.push.signing
        commands = {} if signing is None else {"sign": signing.sign, "verify": signing.verify}
        for name, command in commands.items():
            if shutil.which(command[0]) is None:
                self._report(
                    (*SIGNING, name),
                    "no such program on this machine",
                    received=brief(command[0]),
                    hint="install it, give its path, or remove push.signing",
                )

    def watched(self) -> None:
        """Whether a table that is to be watched tells that it has changed."""
        if "watch" in self._config.model_fields_set and (why := why_unseen(self._config.data)):
            hint = "remove watch, and have a timer start lockgate run; or export the rows to files"
            self._report(("watch",), why, hint=hint)

    def schema(self) -> None:
        """The curated schema: it names every column that the configuration does, in a fitting type."""
        field: FieldPath = ("data", "schema")
        if self._config.data.schema_file is None:
            return
        path = self._loaded.resolve(self._config.data.schema_file)
        if not path.is_file():
            self._report(field, "no such file", received=brief(self._config.data.schema_file))
            return
        declared = self._tried(field, lambda: schema_types(Path(shown(path))))
        if declared is None:
            return
        if RESERVED in declared:
            hint = "take it out of the schema, or rename the column in the table"
            self._report(field, f"declares {RESERVED!r}: {why_reserved()}", received=brief(shown(path)), hint=hint)
        message = f"the schema {shown(path)} has no such column"
        self._known_columns(declared, message, hint="correct the name, or declare the column in the schema")
        for column, role in roles(self._config).items():
            if role in NUMBERS and declared.get(column) == "string":
                message = f"must be a number, but the schema {shown(path)} declares the column as BYTES"
                self._report(self._stating(column), message, received=brief(column))

    def table(self) -> None:
        """The table's files, columns and first rows; nothing of one that is in a database or behind a URL."""
        data = self._config.data
        if is_remote(data):
            self._tried(("data", "format"), lambda: source_format(data, str(self._loaded.base)))
            return
        place: FieldPath = ("data", "path") if data.path else ("data", "inputs")
        spans: dict[FieldPath, list[tuple[Path, ...]]] = {}
        listed: list[tuple[str, list[str]]] = []
        for split, found in self._sources(place).items():
            field = place if split == "all" else (*place, split)
            spans[field] = [files for source in found if (files := self._files(field, source, listed))]
        sources = {field: [file for files in parts for file in files] for field, parts in spans.items() if parts}
        every_file = [file for files in sources.values() for file in files]
        fmt = self._tried(place, lambda: table_format(every_file, data)) if every_file else None
        columns = self._tried(place, lambda: partitions(listed))
        if fmt is None or columns is None:
            return
        if data.reader == "tfx" and fmt not in STOCK_FORMATS:
            message = f"tfx reads {' and '.join(STOCK_FORMATS)} only, the files are {fmt}"
            self._report(("data", "reader"), message, hint="use reader: arrow")
            return
        reader = TableReader(fmt, data, columns)
        if fmt in LOOSE or self._headers(sources, reader):
            if data.reader == "tfx":
                self._stock_files(place, sources, reader)
            for field, parts in spans.items():
                # Of a window of spans each has to have rows.
                for files in parts:
                    self._tried(field, partial(self._first_rows, files, reader))

    def _sources(self, place: FieldPath) -> Mapping[str, tuple[str, ...]]:
        """The files, folders or globs of every input; of spans, those that a run would read."""
        base = str(self._loaded.base)
        found = self._tried(place, lambda: resolve_spans(self._config.data, base).sources, hint=self._prepared())
        return found or {}

    def _files(self, field: FieldPath, source: str, listed: list[tuple[str, list[str]]]) -> tuple[Path, ...]:
        path = shown(Path(source))
        files = self._tried(field, lambda: source_files([path], self._config.data), hint=self._prepared()) or ()
        listed.append((path, list(map(str, files))))
        return files

    def _prepared(self) -> str:
        """How to make the table, where the configuration says by which script."""
        if self._config.data.prepare is None:
            return ""
        script = self._loaded.resolve(self._config.data.prepare)
        return f"run: {shown(Path(sys.executable))} {shown(script)}" if script.is_file() else ""

    def _headers(self, sources: Mapping[FieldPath, Sequence[Path]], reader: TableReader) -> bool:
        """Whether every source can be read, all have the same columns, and those of the configuration."""
        headers = {field: self._tried(field, partial(self._header, files, reader)) for field, files in sources.items()}
        found = {field: columns for field, columns in headers.items() if columns is not None}
        if len(found) < len(headers) or not self._same_columns(found):
            return False
        hint = "correct the name, or bring the column back into the table (was it renamed?)"
        return self._known_columns(found[next(iter(found))], "the table has no such column", hint=hint)

    def _header(self, files: Sequence[Path], reader: TableReader) -> list[str]:
        """The columns of a table's first file; an error when those of the others are not the same."""
        columns = _named(reader, files[0])
        for file in files[1:MAX_FILES]:
            names = _named(reader, file)
            if set(names) != set(columns):
                difference = _difference(columns, names)
                raise UserError(f"the columns of {file} differ from those of {files[0]}: {difference}", hint=_ALIKE)
        return columns

    def _stock_files(self, place: FieldPath, sources: Mapping[FieldPath, Sequence[Path]], reader: TableReader) -> None:
        """Whether TFX's own readers find the files and read them as meant, as far as their beginnings tell."""
        if self._tried(place, partial(stock_input, self._config.data, self._loaded.base)) is None and reader.partitions:
            return  # what the files say is not all of the table
        for field, files in sources.items():
            self._tried(field, partial(check_stock_files, files[:MAX_FILES], reader))

    def _same_columns(self, headers: Mapping[FieldPath, Sequence[str]]) -> bool:
        """Whether the splits of a table have the same columns."""
        first, columns = next(iter(headers.items()))
        for field, names in headers.items():
            if set(names) != set(columns):
                message = f"its columns differ from those of {dotted(first)}: {_difference(columns, names)}"
                self._report(field, message, hint=_ALIKE)
                return False
        return True

    def _known_columns(self, columns: Collection[str], message: str, hint: str) -> bool:
        """Reports every column that the configuration names and that is not among these."""
        unknown = [(field, name) for field, name in self._named_columns() if name not in columns]
        for field, name in unknown:
            close = nearest(name, columns)
            self._report(field, message, received=brief(name), allowed=tuple(columns), nearest=close, hint=hint)
        return not unknown

    def _named_columns(self) -> Iterator[tuple[FieldPath, str]]:
        """Every mention of a column, except where the model's own rules tie it to another mention."""
        features = self._config.features
        yield ("features", "label", "column"), features.label.column
        for field, column in features.mentions():
            yield ("features", *field), column
        if features.weight is not None:
            yield ("features", "weight"), features.weight
        for place, column in self._config.data.split_columns().items():
            yield ("data", *place), column
        for column in self._config.data.columns:
            yield ("data", "columns", column), column
        for position, columns in enumerate(self._config.evaluate.slices):
            for item, column in enumerate(columns):
                yield ("evaluate", "slices", position, item), column

    def _stating(self, column: str) -> FieldPath:
        return next(field for field, name in self._named_columns() if name == column)

    def _first_rows(self, files: Sequence[Path], table: TableReader) -> None:
        """Looks at the first file that has rows."""
        # Small blocks: of a large file only its beginning is read.
        reader = replace(table, data=table.data.model_copy(update={"block_mb": 1}))
        for file in files[:MAX_FILES]:
            rows = reader.sample(file, FIRST_ROWS)
            if rows.num_rows:
                self._kinds(file, reader, rows)
                return
        raise UserError(f"{files[0]}: a header but no rows", hint="write the table again, with its rows")

    def _kinds(self, file: Path, reader: TableReader, rows: "pa.Table") -> None:
        """Compares the first values of each column with what the column is used for."""
        formats = date_formats(self._config.features)
        stock = self._config.data.reader == "tfx"
        written = reader.sample(file, FIRST_ROWS, as_written=True) if stock else rows
        for column, role in roles(self._config).items():
            if column not in rows.column_names:
                continue  # JSON Lines and TFRecord: it may begin later
            reason = mismatch(rows.column(column), column, role)
            if reason is None and stock:
                words = reader.missing.of(column) if reader.format == "csv" else None
                reason = stock_mismatch(written.column(column), role, words, formats.get(column))
            # A single cell that is wrong is a bad row, which is no error where those are skipped.
            if reason is not None and (reason.value is None or self._config.data.on_bad_row == "fail"):
                message = f"{column!r}: {reason.message} (in {shown(file)})"
                received = "" if reason.value is None else brief(reason.value)
                self._report(self._stating(column), message, received=received, hint=reason.hint)

    def _report(self, field: FieldPath, message: str, **details: Any) -> None:
        self.found.append(self._loaded.problem(field, message, **details))

    def _mistake(self, field: FieldPath, error: UserError, hint: str = "") -> None:
        """Reports an error with the field that it names, or else with this one; a hint says more than its own."""
        message = sentence(error.message, expected=error.expected)
        received = "" if error.received is None else brief(error.received)
        self._report(error.field or field, message, received=received, hint=hint or error.hint)

    def _tried(self, field: FieldPath, action: Callable[[], T], *, hint: str = "") -> T | None:
        """The action's result. Its UserError becomes a problem, see `_mistake`."""
        try:
            return action()
        except UserError as error:
            self._mistake(field, error, hint)
            return None


def _named(reader: TableReader, file: Path) -> list[str]:
    """The columns of a file that have a name: the others are left out."""
    return list(filter(None, reader.columns(file)))


def _difference(columns: Sequence[str], others: Sequence[str]) -> str:
    """What the second table's columns lack, and have too many, against the first's."""
    lacking = [name for name in columns if name not in others]
    extra = [name for name in others if name not in columns]
    parts = [f"{word} {listed(names)}" for word, names in (("lacks", lacking), ("adds", extra)) if names]
    return "; ".join(parts)
