"""What is proposed for a table, as data and as the text of a pipeline.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from components.artifacts.schema import SCHEMA_FILE
from components.evaluator.config import SkillConfig, TreeConfig
from components.example_gen.config import CsvOptions
from models.config import ENSEMBLE
from pipeline.config.card import CardConfig
from pipeline.scaffold.columns import Decision
from pipeline.scaffold.families import SMALL_TABLE
from pipeline.scaffold.label import LabelProposal
from pipeline.scaffold.render import (
    column_options,
    comment,
    feature_groups,
    mapping,
    quoted,
    scalar,
    sequence,
)
from pipeline.scaffold.survey import Survey
from pipeline.scaffold.time_split import FoundSplit, split_lines
from pipeline.scaffold.training import Training, model_lines
from pipeline.scaffold.tuning import tune_lines

_STARTING_POINT = "A starting point that only a broken model misses"
_FEW_ROWS = 110
"""With fewer rows a test split of a fifth can by chance have fewer than ten, which the data gate asks for."""

_CARD = (
    "# What only people know stands in the model card, which names what nobody stated. Yours to fill in:",
    "# card:",
    *(f"#   {field}: {'[...]' if field == 'owners' else '...'}" for field in CardConfig.model_fields),
)


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
      query: what is read of `data`, an SQLite database; None where that is the table's files.
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
    query: str | None = None

    def yaml_text(self, data: str, editor_schema: str | None = None) -> str:
        """The text of pipeline.yaml.

        Args:
          data: the table as the file should name it.
          editor_schema: the path of the JSON Schema for editors; None leaves the hint out.
        """
        hint = [f"# yaml-language-server: $schema={editor_schema}"] if editor_schema else []
        sections = (self._head(), self._data_section(data), self._features_section(), self._rest(), iter(_CARD))
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
        if self.query is not None:
            yield "  sql:"
            yield f"    url: {scalar(f'sqlite:///{data}')}"
            yield f"    query: {scalar(self.query)}"
        else:
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
