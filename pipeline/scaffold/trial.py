"""Tries a proposal before it is written: the loader, the rules and the look at the table that a run begins with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.artifacts.schema import SCHEMA_FILE
from components.example_gen.block import FeatureType
from pipeline.config.loader import load
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.problems import ConfigError, Problem
from pipeline.preflight.table_check import TableFacts, check_profile, read_table
from pipeline.preflight.table_files import is_remote
from pipeline.preflight.table_profile import TableProfile
from pipeline.preflight.validate import problems
from pipeline.scaffold.render import KINDS
from preprocessing.errors import FieldPath, UserError

CONFIG_FILE = "pipeline.yaml"
_ROOT: FieldPath = ("root",)
_LABEL: FieldPath = ("features", "label")
_OPTIONS: FieldPath = ("data", "columns")


class RefusedColumnsError(Exception):
    """Columns that a run would refuse as features, or with options of their own.

    Attributes:
      reasons: why, by column.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


@dataclass(frozen=True)
class Trial:
    """A proposal that passed.

    Attributes:
      schema: the text of its schema.
      types: the type of each column.
      table: what the table holds.
    """

    schema: str
    types: Mapping[str, FeatureType]
    table: TableProfile


class Trials:
    """Tries proposals for one table, which is read once."""

    def __init__(self) -> None:
        self._table: TableProfile | None = None

    def tried(
        self, text: str, columns: Mapping[FieldPath, str], schema: Callable[[Mapping[str, FeatureType]], str]
    ) -> Trial:
        """Does with a proposal what `lockgate validate` and the beginning of `lockgate run` do.

        Args:
          text: the text of pipeline.yaml; its table is an absolute path. A later proposal has no other features than
            the first one.
          columns: the features, by the fields that name them.
          schema: makes the text of the schema from the columns' types.

        Raises:
          RefusedColumnsError: some of the columns are refused.
          UserError: all else that keeps a run from beginning.
        """
        with tempfile.TemporaryDirectory(prefix="lockgate-") as folder:
            file = Path(folder) / CONFIG_FILE
            file.write_text(text, encoding="utf-8")
            try:
                config = load(file).config
            except ConfigError as error:
                raise _refusal(error.problems, columns) from error
            if is_remote(config.data):
                hint = "copy some of its files here"
                raise UserError(f"{config.data.path}: expected a table on this machine", hint=hint)
            bare = config.model_copy(update={"data": config.data.model_copy(update={"schema_file": None})})
            table = self._table = self._table or read_table(bare, file.parent)
            types = _checked(bare, file.parent, table).types
            found = schema(types)
            file.with_name(SCHEMA_FILE).write_text(found, encoding="utf-8")
            # The folder is not the one that the proposal is for.
            if refused := [problem for problem in problems(load(file)) if problem.path != _ROOT]:
                raise _refusal(refused, columns)
            _checked(config, file.parent, table)
        return Trial(found, types, table)


def check_place(folder: Path) -> None:
    """Checks a proposal where it has been written.

    Raises:
      UserError: a run could not work there.
    """
    found = problems(load(folder / CONFIG_FILE))
    if found:
        hint = "choose another folder for it"
        raise UserError(f"{folder}: a pipeline here can't run: {_in_words(found[0])}", hint=hint)


def _refusal(found: Sequence[Problem], columns: Mapping[FieldPath, str]) -> Exception:
    """The error for problems of a text that nobody but us has written."""
    reasons = {columns[problem.path]: problem.message for problem in found if problem.path in columns}
    reasons |= {str(problem.path[2]): problem.message for problem in found if problem.path[:2] == _OPTIONS}
    if reasons:
        return RefusedColumnsError(reasons)
    for problem in found:
        if problem.path[:2] == _LABEL:
            received = f" (received {problem.received})" if problem.received else ""
            return UserError(f"the label can't be used: {problem.message}{received}", hint=problem.hint)
    return UserError(
        f"found no configuration for this table that a run takes: {_in_words(found[0])}",
        hint="this is a mistake of `lockgate init`: report it with the table's first rows; meanwhile write the "
        "configuration by hand, from an example in data/",
    )


def _in_words(problem: Problem) -> str:
    received = f" (received {problem.received})" if problem.received else ""
    return f"{problem.field}: {problem.message}{received}"


def _checked(config: PipelineConfig, base: Path, table: TableProfile) -> TableFacts:
    """What the check of the table says; its refusal of single features is told apart from one of the rest."""
    try:
        return check_profile(config, base, table)
    except UserError as error:
        if _error(_with_feature(config, None), base, table) is not None:
            raise
        alone = {column: _error(_with_feature(config, column), base, table) for column in config.features.columns()}
        reasons = {column: refused.message for column, refused in alone.items() if refused is not None}
        if not reasons:
            raise
        raise RefusedColumnsError(reasons) from error


def _error(config: PipelineConfig, base: Path, table: TableProfile) -> UserError | None:
    try:
        check_profile(config, base, table)
    except UserError as error:
        return error
    return None


def _with_feature(config: PipelineConfig, column: str | None) -> PipelineConfig:
    """The configuration with one feature, or none."""
    groups: dict[str, tuple[object, ...]] = {
        kind: tuple(
            group.model_copy(update={"columns": (column,)})
            for group in getattr(config.features, kind)
            if column in group.columns
        )
        for kind in KINDS
    }
    return config.model_copy(update={"features": config.features.model_copy(update=groups)})
