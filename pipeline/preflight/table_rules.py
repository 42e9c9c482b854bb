"""What must hold of a table before a run may start; every breach names file, column, row and the next step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import eq
from pathlib import Path

from components.example_gen.block import FeatureType
from components.example_gen.columns.use import NUMBERS, TEXTS, Role, is_boolean, not_a_feature
from pipeline.preflight.table_profile import TableProfile
from preprocessing.config import Label
from preprocessing.errors import UserError
from preprocessing.nearest import nearest
from preprocessing.text import counted, listed, sentences

MIN_ROWS = 10
"""A table with fewer rows can't be split into train, eval and test."""
RARE_CLASS = 10
"""A class with fewer rows may be absent from one of the splits."""
_LABEL: tuple[Role, ...] = ("class", "target")


def check_names(names: Mapping[str, Role], columns: list[str], source: str) -> None:
    """Every configured column must be in the header.

    Raises:
      UserError: one is not.
    """
    for name, role in names.items():
        if name in columns:
            continue
        what = {"class": "label column", "target": "label column", "weight": "weight column", "key": "column"}
        close = nearest(name, columns)
        raise UserError(
            f"{source}: {what.get(role, 'feature')} {name!r} is not in the table; its columns are "
            f"{listed(columns, 20, repr)}",
            hint=f"did you mean {close!r}?" if close else "change the name in the configuration, or the table",
        )


def check_same_columns(first: tuple[Path, list[str]], other: tuple[Path, list[str]], used: Collection[str]) -> None:
    """Two files of a table must have the same of the columns that are used, in any order.

    Raises:
      UserError: they have not; it names all differences, as the column may have another name.
    """
    lacking = [name for name in first[1] if name and name not in other[1]]
    extra = [name for name in other[1] if name and name not in first[1]]
    if any(name in used for name in (*lacking, *extra)):
        differences = [f"it lacks {listed(lacking, form=repr)}"] if lacking else []
        differences += [f"it also has {listed(extra, form=repr)}"] if extra else []
        raise UserError(
            f"{other[0]}: other columns than in {first[0]}: {sentences(differences, 2)}",
            hint="all files of a table, and all splits, need the columns that the configuration uses",
        )


def check_rows(table: TableProfile, label: str) -> None:
    """Every split must have rows, and a table that is split by hash enough of them that have a label.

    Raises:
      UserError: it has not.
    """
    for split, profiles in table.splits.items():
        rows = table.rows(split)
        where = listed([profile.file for profile in profiles], 3)
        if rows == 0:
            what = "the table" if split == "all" else f"the {split} split"
            raise UserError(
                f"{where}: {what} has a header but no rows", hint="write the table again, or point data at another file"
            )
        labelled = table.column(label, split).present
        if split == "all" and 0 < labelled < MIN_ROWS:
            raise UserError(
                f"{where}: expected at least {MIN_ROWS} rows with a label to split into train, eval and test, received "
                f"{labelled} (of {rows} rows)",
                hint="collect more rows, or give the splits yourself under data.inputs",
            )


def check_kinds(table: TableProfile, used: Mapping[str, Role], declared: Mapping[str, FeatureType]) -> None:
    """Every used column must hold what its group says, and the same kind in every file.

    Raises:
      UserError: text among numbers, text in one file and numbers in another, an empty or nested column.
    """
    for name, role in used.items():
        column = table.column(name)
        if role == "unused" and table.reader.data.reader == "arrow":
            continue  # what does not fit the schema is left out, see `resolve_types`
        if (kind := table.unsupported(name, role)) is not None:
            raise not_a_feature(name, kind)
        for split in table.splits if role in _LABEL else ("all", "train"):
            if role != "unused" and split in table.splits and table.column(name, split).present == 0:
                what = "everywhere" if split == "all" else f"in the {split} split"
                raise UserError(
                    f"{table.splits[split][0].file}: column {name!r} is empty {what}",
                    hint="take it out of the configuration, or fill it",
                )
        if role in NUMBERS and declared.get(name) == "string":
            raise UserError(
                f"column {name!r}: data.schema says BYTES, but it is declared as a number",
                hint="say `type: FLOAT` in the schema file, or declare the column as categorical",
            )
        if role in TEXTS and declared.get(name) not in (None, "string"):
            raise UserError(
                f"column {name!r}: data.schema says that it holds numbers, but it is declared under "
                f"features.{'lists' if role == 'list' else 'text'}",
                hint="say `type: BYTES` in the schema file: its numbers are then read as text",
            )
        if not (role in NUMBERS and is_boolean(column)):
            _check_kind_of(table, name, role, declared.get(name))


def _check_kind_of(table: TableProfile, name: str, role: Role, declared: FeatureType | None) -> None:
    files = [profile for profile in table.files if name in profile.columns]
    numbers = [profile for profile in files if profile.columns[name].cells.kind == "number"]
    texts = [profile for profile in files if profile.columns[name].cells.first_text is not None]
    only_text = [profile for profile in texts if profile.columns[name].cells.kind == "text"]
    needs_numbers = role in NUMBERS or declared in ("int64", "double")
    if needs_numbers and table.skips and table.column(name).cells.any_number:
        return  # cells that do not fit are bad rows, which the run counts
    if numbers and texts and (needs_numbers or (only_text and declared is None and role not in ("boolean", *TEXTS))):
        value = (texts if needs_numbers else only_text)[0].columns[name].cells.first_text
        place, cell = table.place(name, partial(eq, value))
        raise UserError(
            f"column {name!r} is text in one file and a number in another: {place}: {cell!r}; {numbers[0].file}: "
            "numbers only",
            hint="write the same kind of value in every file; if all of it is meant as text, say `type: BYTES` for "
            "the column in the schema file",
        )
    if needs_numbers and texts:
        value = texts[0].columns[name].cells.first_text
        place, cell = table.place(name, partial(eq, value))
        why = "data.schema says that it holds numbers" if role not in NUMBERS else "it is declared as a number"
        raise UserError(
            f"{place}: column {name!r}: expected a number ({why}), received {cell!r}",
            hint="correct the cell; or declare the column under categorical, boolean or datetime; or say in "
            f"data.columns.{name} how its numbers are written (decimal, thousands, units), or which words mean missing "
            "(null_values)",
        )
    fraction = table.column(name).cells.first_fraction
    if declared == "int64" and fraction is not None:
        place, cell = table.place(name, partial(eq, fraction))
        raise UserError(
            f"{place}: column {name!r}: data.schema says INT, received {cell!r}",
            hint="set `type: FLOAT` (or BYTES for codes such as 007) in the schema file, or correct the cell",
        )


def check_split_columns(table: TableProfile, names: Iterable[str]) -> None:
    """The columns that decide on a row's split must be there in every row.

    Raises:
      UserError: with the first row that lacks one, unless such rows are skipped as bad ones.
    """
    for name in names:
        if table.column(name).missing and not table.skips:
            place, _ = table.place(name, partial(eq, ""))
            raise UserError(
                f"{place}: column {name!r} of data.split is missing",
                hint="fill it in every row, or choose another column",
            )


def nameless(files: Iterable[tuple[Path, Sequence[str]]]) -> Iterator[str]:
    """Yields a warning where there are columns without a name, about the first file that has some.

    Args:
      files: each with its columns; the nameless ones are "".
    """
    for file, names in files:
        places = [place for place, name in enumerate(names, 1) if not name]
        if places:
            yield (
                f"{file}: {counted(len(places), 'column')} without a name left out "
                f"(number {listed(places, 10)} of {len(names)}): name what you want to use"
            )
            return


def empty_files(table: TableProfile) -> Iterator[str]:
    """Yields a warning for every file that has columns and no rows."""
    for profile in table.files:
        if profile.rows == 0:
            yield f"{profile.file} has no rows"


def rare_classes(table: TableProfile, label: Label) -> Iterator[str]:
    """Yields a warning for every class that has few rows or none."""
    if label.task == "regression":
        return
    counts = table.column(label.column).counts
    for name in label.classes or ():
        if name not in counts:
            yield f"the class {name!r} of the label {label.column!r} is in no row"
    for name, rows in counts.items():
        if rows < RARE_CLASS:
            yield f"the class {name!r} of the label {label.column!r} has {rows} rows: a split may be without it"
