"""Turns a table into a folder that runs: `propose` decides, `write` writes it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from components.artifacts.schema import SCHEMA_FILE
from components.evaluator.config import SkillConfig, TreeConfig
from components.example_gen.config import CsvOptions
from models.config import ENSEMBLE
from pipeline.preflight.table_rules import nameless
from pipeline.scaffold.bags import bag_width
from pipeline.scaffold.columns import Decision, decide_all, embedded
from pipeline.scaffold.families import SMALL_TABLE, Shape
from pipeline.scaffold.given import Given
from pipeline.scaffold.label import LabelProposal, propose_label
from pipeline.scaffold.render import (
    column_options,
    comment,
    feature_fields,
    feature_groups,
    mapping,
    quoted,
    scalar,
    schema_text,
    sequence,
)
from pipeline.scaffold.survey import Survey, survey
from pipeline.scaffold.time_split import FoundSplit, split_lines, time_split
from pipeline.scaffold.training import Training, model_lines, propose_training, width_notes
from pipeline.scaffold.trial import CONFIG_FILE, RefusedColumnsError, Trials, check_place
from pipeline.scaffold.tuning import tune_lines
from pipeline.whole_file import write_whole
from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.text import one_line

_STARTING_POINT = "A starting point that only a broken model misses"
_FEW_ROWS = 110
"""With fewer rows a test split of a fifth can by chance have fewer than ten, which the data gate asks for."""


@dataclass(frozen=True)
class Proposal:
    """A configuration for a table, ready to be written.

    Attributes:
      name: the pipeline's name.
      data: the table: a file, a folder or a glob, absolute.
      schema: the text of schema.pbtxt.
      notes: what the user should know: what was left out, what to check.
      survey: what the table looks like.
      label_column: the label's name.
      label: what the label asks for.
      decisions: what becomes of every other column.
      training: model and training settings.
      time_split: a split by time that works; None where there is none.
      tune: whether other settings are tried before the training.
    """

    name: str
    data: Path
    schema: str
    notes: tuple[str, ...]
    survey: Survey
    label_column: str
    label: LabelProposal
    decisions: tuple[Decision, ...]
    training: Training
    time_split: FoundSplit | None = None
    tune: bool = False

    def yaml_text(self, data: str, editor_schema: str | None = None) -> str:
        """The text of pipeline.yaml.

        Args:
          data: the table as the file should name it.
          editor_schema: the path of the JSON Schema for editors; None leaves the hint out.
        """
        hint = [f"# yaml-language-server: $schema={editor_schema}"] if editor_schema else []
        sections = (self._head(), self._data_section(data), self._features_section(), self._rest())
        return "\n".join([*hint, "\n\n".join("\n".join(section) for section in sections)]) + "\n"

    def _head(self) -> Iterator[str]:
        yield comment(
            f"Predicts {quoted(self.label_column)} from {self.survey.rows:,} rows. Written by `lockgate init`;"
        )
        yield "# every decision has its reason beside it, and is yours to change."
        yield f"name: {scalar(self.name)}"
        yield "seed: 42"
        yield "root: output"

    def _data_section(self, data: str) -> Iterator[str]:
        read, default = self.survey.data, CsvOptions()
        yield "data:"
        yield f"  path: {scalar(data)}"
        yield from (f"  {key}: {scalar(value)}" for key in ("format", "sheet") if (value := getattr(read, key)))
        yield f"  schema: {SCHEMA_FILE}"
        csv = {
            key: getattr(read.csv, key)
            for key in ("delimiter", "quote", "encoding", "skip_lines", "header")
            if getattr(read.csv, key) != getattr(default, key)
        }
        if csv or read.csv.null_values != default.null_values:
            yield "  csv:"
            yield from (f"    {key}: {scalar(value)}" for key, value in csv.items())
        if read.csv.null_values != default.null_values:
            for each in self.survey.words:
                for word in each.missing:
                    if word in read.csv.null_values and word not in default.null_values:
                        yield comment(f"{quoted(word)} appears among the numbers of {quoted(each.column)}.", 4)
            yield f"    null_values: {sequence(read.csv.null_values, 18)}"
        reasons = [(each.column, text) for each in self.survey.words for text in each.comments()]
        reasons += [(name, f"{reading.reason}.") for name, reading in self.survey.readings.read.items()]
        yield from column_options(read.columns, reasons)
        yield from split_lines(self.time_split)

    def _features_section(self) -> Iterator[str]:
        label = self.label
        yield "features:"
        yield "  label:"
        yield f"    column: {scalar(self.label_column)}"
        yield from (comment(reason[0].upper() + reason[1:] + ".", 4) for reason in label.reasons)
        yield f"    task: {label.task}"
        if label.classes is not None:
            yield f"    classes: {sequence(label.classes, 14)}"
        if label.transform != "none":
            yield f"    transform: {label.transform}"
        yield from feature_groups(self.decisions)
        left_out = [decision for decision in self.decisions if decision.kind == "left_out"]
        if left_out:
            yield "  # Left out:"
            yield from (comment(f"- {quoted(decision.column)}: {decision.reason}", 2) for decision in left_out)

    def _rest(self) -> Iterator[str]:
        training, threshold = self.training, self.label.threshold
        if self.survey.rows < _FEW_ROWS:
            yield comment(f"{self.survey.rows} rows: a split may have fewer than the data gate asks for; it says so.")
            yield "data_gate:"
            yield "  min_rows: {severity: warn}"
            yield ""
        yield comment(f"{len(self.decisions)} columns, {self.survey.rows:,} rows: {training.model_reason}.")
        yield from model_lines(training.model)
        yield ""
        yield "train:"
        yield comment(training.train_reason[0].upper() + training.train_reason[1:] + ".", 2)
        for key, value in training.train.items():
            yield f"  {key}: {mapping(value) if isinstance(value, Mapping) else scalar(value)}"
        if self.survey.rows < SMALL_TABLE and training.model["family"] != ENSEMBLE:
            yield comment(
                "So few test rows tell little. This trains on five folds of train and eval as well, says how far the "
                "metrics spread, and exports a model of all these rows:",
                2,
            )
            yield "  # cross_validation: {folds: 5}"
        yield ""
        if self.tune:
            yield from tune_lines(training)
            yield ""
        yield "evaluate:"
        yield "  thresholds:"
        moved = self.time_split is not None and self.time_split.drift
        start = "A starting point, from all rows (the newest may need another)" if moved else _STARTING_POINT
        yield comment(
            f"{start}: {threshold.reason}, plus a margin for "
            "chance in the test split. Tighten it, and add the metrics that your use needs, once you know what a good "
            "model reaches.",
            4,
        )
        bounds = {"metric": threshold.metric, "max": threshold.bound, "max_regression": threshold.max_regression}
        yield f"    - {mapping(bounds)}"
        if (suggested := self.label.suggested) is not None:
            yield comment(f"{suggested.reason[0].upper()}{suggested.reason[1:]}. For example:", 4)
            # On one line, to be taken as it stands.
            yield f"    # - {mapping({'metric': suggested.metric, 'min': suggested.bound})}"
        yield comment("Whatever the thresholds say, a model must beat that answer beyond chance in the test split.", 2)
        yield f"  skill: {mapping(SkillConfig().model_dump())}"
        yield comment("And it should beat a small decision tree on the raw columns: block refuses one that doesn't.", 2)
        yield f"  small_tree: {mapping(TreeConfig().model_dump())}"


def propose(
    data: Path,
    label: str,
    *,
    name: str,
    task: Task | None = None,
    given: Given | None = None,
    fast: bool = False,
    tune: bool = False,
) -> Proposal:
    """Looks at a table and decides how to model it.

    Args:
      data: the table: a file, a folder or a glob of CSV or Parquet files.
      label: the column to predict.
      name: what to call the pipeline; made into lower-case letters, digits and dashes.
      task: the task; None takes it from the label's values.
      given: what is known beforehand of how the table is read.
      fast: proposes a small network instead of the best model.
      tune: proposes a search too, of one model by itself.

    Raises:
      UserError: the table can't be read, has no such column, or nothing to learn from.
    """
    data = data.expanduser().absolute()
    table = survey(data, label, task, given)
    proposed = propose_label(table, label, task)
    decisions = tuple(decide_all(table, label))
    trials = Trials()
    while True:
        draft = _draft(_slug(name), data, table, label, proposed, decisions, fast, tune)
        try:
            return _tried(draft, trials)
        except RefusedColumnsError as refused:
            decisions = tuple(_unless_refused(decision, refused.reasons) for decision in decisions)
            options = {name: each for name, each in table.data.columns.items() if name not in refused.reasons}
            table = replace(table, data=table.data.model_copy(update={"columns": options}))


def _draft(
    name: str,
    data: Path,
    table: Survey,
    label: str,
    proposed: LabelProposal,
    decisions: tuple[Decision, ...],
    fast: bool,
    tune: bool,
) -> Proposal:
    """A proposal that nothing has tried yet.

    Raises:
      UserError: no column is left to learn from.
    """
    used = [decision for decision in decisions if decision.kind != "left_out"]
    if not used:
        reasons = "; ".join(f"{decision.column!r}: {decision.reason}" for decision in decisions)
        raise UserError(
            f"{data}: no column is left to learn from: {reasons}",
            hint="name the label, and write columns that a model can use: numbers, categories, dates",
        )
    kept = {label, *(decision.column for decision in used)}
    rows = table.rows - table.columns[label].profile.missing
    categorical = any(decision.kind == "categorical" for decision in used)
    bags = sum(bag_width(decision.settings) for decision in used if decision.kind in ("lists", "text"))
    shape = Shape(rows, len(used), categorical, proposed.task, len(proposed.classes or ()), bags)
    training = propose_training(shape, fast=fast, single=tune)
    return Proposal(
        name=name,
        data=data,
        schema="",
        notes=(
            *proposed.notes,
            *width_notes(shape),
            *(note for each in table.words if each.column in kept for note in each.notes()),
            *(reading.note for name, reading in table.readings.read.items() if name in kept),
            *(note for each in decisions if (note := _note(each))),
        ),
        survey=table,
        label_column=label,
        label=proposed,
        decisions=embedded(decisions, table, training.bins),
        training=training,
        tune=tune,
    )


def _tried(draft: Proposal, trials: Trials) -> Proposal:
    """The draft with its schema, and with what only a trial tells.

    Raises:
      RefusedColumnsError: a run would refuse some of its features.
      UserError: a run would refuse it for another reason.
    """
    used = [decision for decision in draft.decisions if decision.kind != "left_out"]
    categories = [decision.column for decision in used if decision.kind in ("categorical", "boolean")]
    trial = trials.tried(
        draft.yaml_text(str(draft.data)),
        feature_fields(draft.decisions),
        lambda types: schema_text(types, draft.survey, draft.label_column, categories),
    )
    dates = [
        (decision.column, decision.settings.get("format"))
        for decision in used
        if decision.kind == "datetime" and decision.settings.get("unit", "s") == "s"
    ]
    found = time_split(dates, trial.table, trial.types, draft.label_column)
    return replace(
        draft,
        schema=trial.schema,
        notes=(
            *nameless((profile.file, profile.names) for profile in trial.table.files),
            *draft.notes,
            *([found.note()] if found is not None and found.drift else []),
        ),
        time_split=found,
    )


def _unless_refused(decision: Decision, reasons: Mapping[str, str]) -> Decision:
    if decision.column not in reasons or decision.kind == "left_out":
        return decision
    return Decision(decision.column, "left_out", f"a run refuses it: {one_line(reasons[decision.column])}")


def _note(decision: Decision) -> str:
    if decision.warning or decision.kind != "left_out":
        return decision.warning
    return f"{decision.column!r} is left out: {decision.reason}"


def write(proposal: Proposal, folder: Path) -> Path:
    """Writes pipeline.yaml and schema.pbtxt into a folder, which is made if need be.

    Returns:
      the path of pipeline.yaml.

    Raises:
      UserError: one of the files is already there, the folder can't be written, or a pipeline there can't run.
    """
    # The schema alone, as it would be written now, is what a kill between the two files left.
    half = not (folder / CONFIG_FILE).exists() and _holds(folder / SCHEMA_FILE, proposal.schema)
    for name in (CONFIG_FILE, SCHEMA_FILE):
        if (folder / name).exists() and not half:
            raise UserError(
                f"{folder / name} is already there and is not overwritten",
                hint="choose another name, or remove the file first",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = os.path.relpath(proposal.data, folder.resolve())
        text = proposal.yaml_text(data, _editor_schema(folder))
        write_whole(folder / SCHEMA_FILE, proposal.schema)
        write_whole(folder / CONFIG_FILE, text)
    except OSError as error:
        raise UserError(
            f"{folder}: can't be written: {error.strerror or error}", hint="choose a folder that you may write to"
        ) from error
    try:
        check_place(folder)
    except UserError:
        for name in (CONFIG_FILE, SCHEMA_FILE):
            (folder / name).unlink()
        raise
    return folder / CONFIG_FILE


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def _slug(name: str) -> str:
    """A pipeline name: lower-case letters, digits and dashes, at most 63."""
    slug = re.sub(r"[^a-z0-9]+", "-", Path(name).name.lower()).strip("-")[:63].rstrip("-")
    return slug or "pipeline"


def _editor_schema(folder: Path) -> str | None:
    """The installed JSON Schema, as seen from the folder."""
    schema = Path(__file__).parents[1] / "config" / "schema.json"
    return os.path.relpath(schema, folder.resolve()) if schema.is_file() else None
