"""The step that divides train and eval into the folds of a cross-validation, as splits of an Examples artifact."""

import contextlib
import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import io_utils

from components.artifacts.cross_validation import fold_split, fold_splits
from components.artifacts.ingest import INGEST_FILE, IngestReport
from components.artifacts.splits import Split, split_folder
from components.example_gen import shards
from components.example_gen.folds import Folds, in_time_order, spread_evenly
from components.example_gen.split_config import Split as SplitSection
from components.example_gen.split_config import TimeSplit
from components.example_gen.times import seconds
from components.examples import SplitExamples, ingest_report, readable_splits, records
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash
from preprocessing.settings import Settings

DIVIDED: tuple[Split, ...] = ("train", "eval")
"""The splits whose rows are in the folds."""
Keys = npt.NDArray[Any]


class FoldsRule(Settings):
    """How rows are divided: travels as JSON."""

    folds: int
    seed: int
    by_time: TimeSplit | None = None
    """Else by hash."""
    keys: tuple[str, ...] = ()
    """Rows with the same values here stay together; without keys equal rows do."""
    classes: str | None = None
    """The label whose classes are spread evenly."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of all folds."""
        return fold_splits(self.folds, by_time=self.by_time is not None)

    def looked_at(self, batch: pa.RecordBatch) -> tuple[Keys, Keys]:
        """What decides on the fold of each row: [rows] twice, group and stratum, or time and nothing.

        Raises:
          UserError: a row has no time.
        """
        if self.by_time is not None:
            times = seconds(_single(batch.column(self.by_time.column)), self.by_time.format)
            if times.null_count:
                raise UserError(
                    f"{times.null_count} rows of train and eval have no time in {self.by_time.column!r}",
                    field=("data", "split", "column"),
                    hint="fill it in every row",
                )
            return times.to_numpy(), np.zeros(len(times), np.uint64)
        groups = row_hash(batch, list(self.keys) or None)
        strata = np.zeros(len(groups), np.uint64) if self.classes is None else row_hash(batch, [self.classes])
        return groups, strata

    def divided(self, keys: Keys, strata: Keys) -> Folds:
        """The fold of each row.

        Raises:
          UserError: there is too little to divide.
        """
        if self.by_time is not None:
            return in_time_order(keys, self.folds)
        return spread_evenly(keys, strata, self.folds, self.seed)


def folds_rule(split: SplitSection | None, label: str | None, folds: int, seed: int) -> FoldsRule:
    """The rule of a configuration's split, for its folds.

    Args:
      split: the `data.split` section; None where the splits are given.
      label: the label's column, where it has classes.
      folds: how many.
      seed: of the configuration.
    """
    if isinstance(split, TimeSplit):
        return FoldsRule(folds=folds, seed=seed, by_time=split)
    keys = getattr(split, "keys", ())
    # Rows that stay together can't be spread by class, as `data.split` says of the splits.
    return FoldsRule(folds=folds, seed=seed, keys=keys, classes=None if keys else label)


class Executor(BaseExecutor):
    """Reads train and eval twice: to decide, and to write. In memory are a batch at most, and numbers for each row."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Divides the rows.

        Args:
          input_dict: `examples` (Examples), raw.
          output_dict: `folds` (Examples) gets a split for each fold, and copies of the splits of `copied`.
          exec_properties: `rule`, and `copied`, names between commas.

        Raises:
          UserError: there are fewer groups of rows, or times, than folds.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        rule = FoldsRule.from_json(exec_properties["rule"])
        copied = exec_properties["copied"].split(",")
        [given], [made] = input_dict["examples"], output_dict["folds"]
        report = ingest_report(given)
        found = readable_splits(given, {*DIVIDED, *copied})
        divided = [found[split] for split in DIVIDED]
        folds = _folds(rule, divided)
        for split in copied:
            _copy(found[split].files, posixpath.join(made.uri, split_folder(split)))
        _write(divided, folds, rule, made.uri)
        if report is not None:
            _describe(report, rule, folds, made.uri)
        made.split_names = artifact_utils.encode_split_names([*copied, *rule.splits])
        examples_utils.set_payload_format(made, examples_utils.get_payload_format(given))
        examples_utils.set_file_format(made, examples_utils.get_file_format(given))


def _folds(rule: FoldsRule, splits: Sequence[SplitExamples]) -> Folds:
    looked_at = [rule.looked_at(batch) for split in splits for _, batch in split.read()]
    keys, strata = (np.concatenate(parts) for parts in zip(*looked_at, strict=True))
    return rule.divided(keys, strata)


def _copy(files: Iterable[str], folder: str) -> None:
    fileio.makedirs(folder)
    for file in files:
        fileio.copy(file, posixpath.join(folder, posixpath.basename(file)), overwrite=True)


def _write(splits: Sequence[SplitExamples], folds: Folds, rule: FoldsRule, uri: str) -> None:
    """Writes one file for each fold, the rows in the order in which they are read."""
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    with contextlib.ExitStack() as opened:
        writers = {}
        for split in rule.splits:
            folder = posixpath.join(uri, split_folder(split))
            fileio.makedirs(folder)
            path = posixpath.join(folder, shards.shard_name(0, 1))
            writers[split] = opened.enter_context(tf.io.TFRecordWriter(path, options))
        rows = (row for split in splits for row in records(split.files).as_numpy_iterator())
        for row, fold in zip(rows, folds.tolist(), strict=True):
            writers[fold_split(fold)].write(row)


def _describe(report: IngestReport, rule: FoldsRule, folds: Folds, uri: str) -> None:
    """What ExampleGen said of its splits, of these ones: readers take the columns' types from there."""
    rows = {split: int((folds == int(split.rpartition("-")[2])).sum()) for split in rule.splits}
    known = report.model_copy(update={"rows": report.rows | rows})
    io_utils.write_string_file(posixpath.join(uri, INGEST_FILE), known.model_dump_json(indent=1))


def _single(column: pa.Array) -> pa.Array:
    """The one value of each row; null where there is none."""
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return column
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    starts = pa.array(np.cumsum(lengths.to_numpy()) - lengths.to_numpy())
    values = column.flatten().take(pc.if_else(pc.greater(lengths, 0), starts, None))
    return (
        values.cast(pa.string()) if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type) else values
    )


class DivideFoldsSpec(ComponentSpec):
    """Examples in, examples out."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        name: ExecutionParameter(type=str) for name in ("rule", "copied", "code_fingerprint")
    }
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012
    OUTPUTS = {"folds": ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012


class DivideFolds(BaseComponent):
    """Makes a split of each fold. The test split is looked at only to be copied, where it is."""

    SPEC_CLASS = DivideFoldsSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = ("components.example_gen.fold_step",)
    """What the results depend on: these modules and what they import."""

    def __init__(self, *, examples: BaseChannel, rule: FoldsRule, copied: Iterable[str], code_fingerprint: str) -> None:
        """Wires the component into a pipeline.

        Args:
          examples: the raw Examples.
          rule: how they are divided.
          copied: the splits that the next steps need as they are.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
        """
        super().__init__(
            spec=DivideFoldsSpec(
                examples=examples,
                rule=rule.to_json(),
                copied=",".join(sorted(set(copied))),
                code_fingerprint=code_fingerprint,
                folds=Channel(type=standard_artifacts.Examples),
            )
        )
