"""The `data_gate:` section: what the data must be like before anything is trained on it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.data_gate.kinds import DEFAULTS
from components.findings import Severity
from preprocessing.nearest import nearest
from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, Settings

Share = Annotated[float, Field(ge=0, le=1)]
Rows = Annotated[int, Field(ge=0)]


class UnexpectedValues(Settings):
    """Strings that the schema's domain of a column does not list, and values missing beyond its `min_fraction`."""

    block_above: Share = 0.05
    """The share of a split's values above which they block; below, they warn: a few don't justify a stop, and an
    inferred schema knows only what the training split happens to have. 0 blocks on the first one."""


class Override(Settings):
    """What differs for one column."""

    limit: Share | None = None
    """Replaces the section's limit for this column."""
    severity: Severity | None = None
    """Replaces the section's severity for this column."""


class Comparison(Settings):
    """How far a column's distribution may move between two data sets, 0 (the same) to 1 (nothing in common)."""

    categorical: Share = 0.1
    """Strings, booleans and integer categories: the largest change of a value's share of the rows (L-infinity).
    It is also the limit for the share of missing values, of any column."""
    numeric: Share = 0.1
    """Numbers: the Jensen-Shannon divergence in bits. A shift by half a standard deviation is about 0.04, by a whole
    one 0.16; prices in cents instead of dollars 0.9."""
    severity: Severity = "warn"
    features: dict[ColumnName, Override] = Field(default_factory=dict)
    """Columns with limits of their own."""


class Drift(Comparison):
    """The training split against the one of an earlier run."""

    baseline: Literal["last_push", "previous_span", "none"] = "last_push"
    """`last_push`: the data of the last run that pushed a model; `previous_span`: of the last run on an earlier span;
    `none` turns the comparison off."""
    categorical: Share = 0.2
    """The limit, as described for `split_skew`."""
    numeric: Share = 0.1
    """The limit, as described for `split_skew`. A column that always moves (a year, a counter) needs a limit of
    its own, or `off`."""
    severity: Severity = "block"


class Serving(Comparison):
    """The training split against a sample of the requests."""

    sample: Annotated[str, Field(min_length=1)] | None = None
    """A CSV, Parquet or TFRecord (tf.Example) file of rows as in requests; the label is not needed. Or a folder of
    Parquet files: the request log of `lockgate serve`."""
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000
    """The most rows of the sample that are looked at, also by `lockgate monitor`; of a folder those of the newest
    files, of a file the first ones."""
    categorical: Share = 0.2
    """The limit, as described for `split_skew`."""
    numeric: Share = 0.2
    """The limit, as described for `split_skew`."""
    severity: Severity = "block"


class MinRows(Settings):
    """Rows that a split must have."""

    train: Rows = 30
    eval: Rows = 10
    test: Rows = 10
    severity: Severity = "block"


class LabelVaries(Settings):
    """A label with one value: nothing can be learnt from it, or in eval and test nothing measured."""

    severity: Severity = "block"


class LabelValues(Settings):
    """Labels that are infinite, have no logarithm where one is taken, or are not among the classes."""

    severity: Severity = "block"
    """With `warn` or `off` the training leaves such rows out. The metrics don't: an infinite label makes every error
    infinite; an unknown class counts as wrong, and in auc, auc_pr, precision and recall as not positive."""


class Weights(Settings):
    """Example weights that are missing, infinite, negative, or 0 in all rows of a split."""

    severity: Severity = "block"
    """With `warn` or `off` a weight that is missing, infinite or negative counts as 0."""


class Unreadable(Settings):
    """Dates and booleans that preprocessing can't read: they count as missing."""

    max_fraction: Share = 0.5
    """The share of a column's values in a split that may be unreadable: up to it they only warn. Beyond it, the
    format is wrong rather than the values."""
    severity: Severity = "block"


class Shift(Settings):
    """How far the label may move."""

    limit: Share
    """Classes: the largest change of a class's share; a regression's label: the Jensen-Shannon divergence."""
    severity: Severity


class LabelShift(Settings):
    """The balance of the label."""

    splits: Shift = Shift(limit=0.1, severity="warn")
    """eval and test against train."""
    baseline: Shift = Shift(limit=0.2, severity="block")
    """train against the baseline's train; see `drift.baseline`."""


class Duplicates(Settings):
    """Rows of eval and test that train has too: the model has seen them, so its metrics are too good."""

    max_fraction: Share = 0.01
    """The share of a split's rows, beyond what a table with few distinct rows has by chance: the share of train's rows
    that have a twin in train itself."""
    severity: Severity = "block"


class DuplicateFiles(Settings):
    """Two input files with the same rows, in any order: one of them was delivered twice."""

    severity: Severity = "block"


class Leakage(Settings):
    """An input that predicts the label nearly alone: known only after the fact, or a copy of the label."""

    threshold: Share = 0.95
    """The share of the label's variance (regression) or entropy (classes) in held-out rows that the column explains."""
    sample_rows: Annotated[int, Field(ge=100)] = 50_000
    """The most rows of the training split that are looked at."""
    sample_mb: Annotated[int, Field(ge=1)] = 128
    """The most MiB of these rows: rows of thousands of columns are large."""
    severity: Severity = "warn"


class Float32(Settings):
    """Numbers that a model can't tell apart: it computes with float32, which has room for about seven digits."""

    max_lost: Share = 0.01
    """The share of a column's different values that may become one with another."""
    block_above: Share = 0.1
    """The share above which whole numbers block, as keys and codes are such. Measurements that lose their last digits
    only warn, unless all of them become one."""
    severity: Severity = "block"
    """`warn` never blocks."""


class LeadingZeros(Settings):
    """Numbers that are written with leading zeros, as codes are: a number does not keep them."""

    severity: Severity = "warn"


class SimilarValues(Settings):
    """Classes of the label, or categories of an input, that differ only in blanks, case or a final point."""

    severity: Severity = "warn"


class DataGateConfig(Settings):
    """The gate between the data and the training. `block` stops the run, `warn` only reports, `off` skips the check."""

    anomalies: dict[str, Severity] = Field(default_factory=dict)
    """Severity by kind of schema anomaly, as TFDV names them (`SCHEMA_NEW_COLUMN: block`). Unless named here, every
    kind blocks except SCHEMA_NEW_COLUMN, SEMANTIC_DOMAIN_UPDATE, STATS_NOT_AVAILABLE,
    COMPARATOR_CONTROL_DATA_MISSING and COMPARATOR_TREATMENT_DATA_MISSING, which warn, and
    ENUM_TYPE_UNEXPECTED_STRING_VALUES and FEATURE_TYPE_LOW_FRACTION_PRESENT: see `unexpected_values`."""
    unexpected_values: UnexpectedValues = UnexpectedValues()
    drift: Drift = Drift()
    split_skew: Comparison = Comparison()
    """eval and test against train."""
    serving: Serving = Serving()
    min_rows: MinRows = MinRows()
    label_varies: LabelVaries = LabelVaries()
    label_values: LabelValues = LabelValues()
    weights: Weights = Weights()
    unreadable: Unreadable = Unreadable()
    label_shift: LabelShift = LabelShift()
    duplicates: Duplicates = Duplicates()
    duplicate_files: DuplicateFiles = DuplicateFiles()
    leakage: Leakage = Leakage()
    float32: Float32 = Float32()
    leading_zeros: LeadingZeros = LeadingZeros()
    similar_values: SimilarValues = SimilarValues()
    chance: Annotated[float, Field(gt=0, le=0.1)] = 0.001
    """Small splits differ by chance. A comparison is a finding when it exceeds its limit and also the distance that two
    samples of these sizes exceed with only this probability."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for kind in self.anomalies:
            if kind not in DEFAULTS:
                raise broken_rule(
                    "TFDV has no such kind of anomaly",
                    field=("anomalies", kind),
                    received=kind,
                    meant=nearest(kind, DEFAULTS),
                    hint="name a kind as TFDV does, for example SCHEMA_NEW_COLUMN",
                )
        return self

    def severity_of(self, kind: str) -> Severity:
        """How serious a schema anomaly is, by its kind; see `unexpected_values` for strings outside a domain."""
        return self.anomalies.get(kind, DEFAULTS.get(kind, "block"))
