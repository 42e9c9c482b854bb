"""Looks at a table and decides how to model it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.preflight.table_rules import nameless
from pipeline.scaffold.bags import bag_width
from pipeline.scaffold.columns import Decision, decide_all, embedded
from pipeline.scaffold.database import as_file
from pipeline.scaffold.families import Shape
from pipeline.scaffold.given import Given
from pipeline.scaffold.label import LabelProposal, propose_label
from pipeline.scaffold.proposal import Proposal
from pipeline.scaffold.render import (
    feature_fields,
    schema_text,
)
from pipeline.scaffold.survey import Survey, survey
from pipeline.scaffold.time_split import time_split
from pipeline.scaffold.training import propose_training, width_notes
from pipeline.scaffold.trial import RefusedColumnsError, Trials
from preprocessing.config import Task
from preprocessing.errors import UserError
from preprocessing.text import one_line

_EMPTY = "it has no value in the oldest rows or in the newest ones, and the split is by time"


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
      data: the table: a file, a folder or a glob of files, or an SQLite database.
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
    with as_file(data, given or Given()) as (file, query):
        proposal = _proposed(file, label, _slug(name), task, given, fast=fast, tune=tune)
    return replace(proposal, data=data, query=query)


def _proposed(
    data: Path, label: str, name: str, task: Task | None, given: Given | None, *, fast: bool, tune: bool
) -> Proposal:
    """The proposal for a table in files that passes the trial; what a run refuses of it is left out."""
    table = survey(data, label, task, given)
    proposed = propose_label(table, label, task)
    decisions = tuple(decide_all(table, label))
    trials = Trials()
    while True:
        draft = _draft(name, data, table, label, proposed, decisions, fast, tune)
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
        reasons = "; ".join(f"{each.column!r}: {each.reason}" for each in decisions) or "there is only the label"
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
    features = [decision.column for decision in used]
    found = time_split(dates, trial.table, trial.types, draft.label_column, features)
    if found is not None and found.drift and found.empty:
        raise RefusedColumnsError(dict.fromkeys(found.empty, _EMPTY))
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


def _slug(name: str) -> str:
    """A pipeline name: lower-case letters, digits and dashes, at most 63."""
    slug = re.sub(r"[^a-z0-9]+", "-", Path(name).name.lower()).strip("-")[:63].rstrip("-")
    return slug or "pipeline"
