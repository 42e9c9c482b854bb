"""Every number on the page, as data: `report.json`. The page, the Markdown and the charts are made from these alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.artifacts.error_profile import ErrorProfile
from components.data_gate.report import CheckRun, DataFinding
from components.smoke_test.report import CheckResult
from pipeline.report.quality import ClassFact, ConfusionCell, ErrorFacts, Fact, ScoreFacts, TreeFact
from pipeline.report.trained import Curve, TrainingFacts
from preprocessing.config import Task

State = Literal["pushed", "accepted", "refused", "stopped", "failed", "interrupted", "running"]
"""`accepted`: by every gate; the push comes after the page, as on a cluster."""


class NodeFact(Fact):
    """One node of the graph."""

    name: str
    state: Literal["done", "cached", "failed", "running", "skipped", "waiting"]
    """`waiting`: it comes after the page was written."""
    verdict: Literal["", "refuses", "pushed nothing"] = ""
    """What a gate said that is done for TFX, or a Pusher did, where that ended the run."""
    seconds: float | None = None
    """None where they are not known."""
    began: float | None = None
    """Seconds after the run's first node began; none for a node that did not run."""
    needs: tuple[str, ...] = ()
    """The nodes whose outputs it read."""
    artifacts: tuple[str, ...] = ()
    """The folders of its outputs."""


class GateFact(Fact):
    """One gate's verdict."""

    name: str
    passed: bool | None
    """None: a finding that stops nothing."""
    reason: str


class RunFacts(Fact):
    """How the run went."""

    id: str
    pipeline: str
    task: Task | None
    """None where the page was written by a step that does not know it."""
    state: State
    line: str
    """The verdict in one line."""
    error: str = ""
    """What a run ended with that did not reach its end."""
    next_step: str = ""
    """What to do, where something has to be done."""
    began: str
    """In UTC, ISO 8601; "" where it is not known."""
    gates: tuple[GateFact, ...] = ()
    nodes: tuple[NodeFact, ...] = ()
    before: str | None = None
    """The run before this one in the same root."""
    changed: tuple[ChangeFact, ...] = ()
    """What differs from it."""
    operations: tuple[str, ...] = ()
    """What was done with its model by hand afterwards: pushes, also forced ones, and rollbacks to it; oldest first."""
    unknown: tuple[str, ...] = ()
    """What can't be known of the run where the page was written."""
    cleaned: str = ""
    """What `lockgate gc` has removed of it since then."""


class ChangeFact(Fact):
    """One thing that differs from the run before."""

    what: str
    """For example `train.epochs`, or `git commit`."""
    old: str
    new: str


class Bin(Fact):
    """A range of a number, or a category, with the share of the values in it by data set."""

    label: str
    low: float | None = None
    high: float | None = None
    shares: dict[str, float]


class FeatureFact(Fact):
    """One column of the table."""

    name: str
    kind: Literal["number", "category", "other"]
    use: str
    """What the configuration makes of it: a feature's group, `label`, `weight`, or `unused`."""
    missing: dict[str, float]
    """The share of the rows without a value, by data set."""
    bins: tuple[Bin, ...] = ()
    """At most 50 ranges or 30 categories; none where no row has a value."""
    mean: dict[str, float] = Field(default_factory=dict)
    """The mean of a number, by data set."""
    distance: float | None = None
    """How far the training data lie from those of the last push, or else test from train, as the data gate measures
    it: 0 (the same) to 1."""
    limit: float | None = None
    """The data gate's; none for a column that it does not compare."""
    importance: float | None = None
    """How far shuffling it moves the predictions, as the trainer measured it."""
    importance_error: float | None = None
    """The standard error of that, over the rows that were shuffled; none where an older trainer measured it."""
    findings: tuple[str, ...] = ()
    """What the data gate says about it."""


class DataFacts(Fact):
    """The data of the run."""

    rows: dict[str, int]
    """By data set: the splits, and `last push` where there was one."""
    features: tuple[FeatureFact, ...]
    """Those with findings first, then by importance or distance."""
    findings: tuple[DataFinding, ...] = ()
    checks: tuple[CheckRun, ...] = ()
    schema_diff: str = ""
    """What the data gate proposes to change in the schema."""


class MetricFact(Fact):
    """One metric on the test split."""

    name: str
    detail: str = ""
    """What its value depends on, and its unit: `decision threshold 0.5`."""
    candidate: float | None
    """None where it is not a number."""
    undefined: str = ""
    """Why it is not a number."""
    champion: float | None = None
    interval: tuple[float | None, float | None] | None = None
    """The ends of the candidate's confidence interval; none where there is none of this metric."""
    threshold: str = ""
    failed: bool = False


class SliceFact(Fact):
    """The metrics on some rows of the test split."""

    name: str
    rows: int
    metrics: dict[str, float | None]
    undefined: dict[str, str] = Field(default_factory=dict)
    """Why the metrics that are None are not a number."""


class EvaluationFacts(Fact):
    """What the Evaluator measured."""

    metrics: tuple[MetricFact, ...]
    failures: tuple[str, ...] = ()
    ranked_by: str
    """The first metric that has a threshold."""
    slices: tuple[SliceFact, ...] = ()
    """Those that are weakest by it first; at most 500."""
    more_slices: int = 0
    """How many more there are."""
    scores: tuple[ScoreFacts, ...] = ()
    """The positive class of two, or the largest of several; first the candidate's, then the champion's."""
    decision_threshold: float | None = None
    """Above which the positive one of two classes is answered."""
    confusion: tuple[ConfusionCell, ...] = ()
    """The candidate's answers to classes; with many of them the smaller ones are one, `others`."""
    classes: tuple[ClassFact, ...] = ()
    """Lowest F1 first."""
    errors: tuple[ErrorFacts, ...] = ()
    """A regression's: the candidate's, then the champion's."""
    error_profile: ErrorProfile | None = None
    """Where the candidate's errors lie; None of a classification, or of an older Evaluator's."""
    label: str = ""
    """The label's column."""
    confidence: float = 0.95
    """The level of the metrics' intervals."""
    small_tree: TreeFact | None = None


class FamilyFact(Fact):
    """Some checks of the smoke test under one heading."""

    name: str
    checks: tuple[CheckResult, ...]


class SmokeTestFacts(Fact):
    """What the smoke test found."""

    blessed: bool
    reason: str
    families: tuple[FamilyFact, ...]
    seconds: dict[str, float]


class ReproduceFacts(Fact):
    """What makes the run again."""

    command: str
    config: str
    """The configuration with every default, as YAML; on the page of a failed step of a cluster what it was given."""
    step: str = ""
    """The step whose parameters `config` holds then; empty otherwise."""
    seed: int | None
    commit: str | None
    dirty: bool | None
    """Whether files under version control were changed."""
    image: str = ""
    """The container image, on a cluster."""
    packages: dict[str, str]
    python: str
    platform: str
    lineage: tuple[str, ...] = ()
    """What the pushed version was made from, as `kind: folder`."""


Interval = tuple[float | None, float | None]


class PairFact(Fact):
    """One number of two runs."""

    name: str
    now: float | None
    other: float | None
    change: float | None
    """Now less the other; None where one has no number."""
    now_interval: Interval | None = None
    """The ends of its confidence interval; None of what has none."""
    other_interval: Interval | None = None


class ComparisonFacts(Fact):
    """A run beside another one."""

    run: str
    other: str
    lines: tuple[str, str]
    """How the two ended."""
    config: tuple[ChangeFact, ...]
    """The settings that differ: `old` is the other run's."""
    rows: tuple[PairFact, ...]
    """The rows by data set."""
    missing: tuple[PairFact, ...]
    """By column, the share of missing values in train where it differs."""
    metrics: tuple[PairFact, ...]
    slices: tuple[PairFact, ...]
    """The metrics with thresholds, by slice."""
    seconds: tuple[PairFact, ...]
    """The seconds by component."""
    curves: tuple[Curve, ...] = ()
    """The other training's."""
    scores: tuple[ScoreFacts, ...] = ()
    """The other candidate's, of the classes that both have."""


class CardFacts(Fact):
    """The model card: what people state in `card:`, beside what was measured."""

    model: str
    version: str
    """The pushed version's folder; "" where none was pushed."""
    verdict: str
    task: Task
    family: str
    parameters: int | None
    rows: dict[str, int]
    """Rows by data set."""
    metrics: tuple[MetricFact, ...]
    """On the test split."""
    weakest: tuple[SliceFact, ...]
    """At most five slices, the weakest by `ranked_by` first."""
    ranked_by: str
    gates: tuple[GateFact, ...]
    stated: dict[str, str]
    """Owners, license, intended use, limitations, ethics; "" for what nobody has stated."""


class ReportFacts(Fact):
    """Everything; a section is None where its component did not run, with the reason in `absent`."""

    version: Literal[1] = 1
    """The version of this form of the report."""
    run: RunFacts
    data: DataFacts | None = None
    training: TrainingFacts | None = None
    evaluation: EvaluationFacts | None = None
    smoke_test: SmokeTestFacts | None = None
    reproduce: ReproduceFacts
    absent: dict[str, str] = Field(default_factory=dict)
    """By section, why it is not there."""
    card: CardFacts | None = None
    """None where no model was evaluated."""
    against: ComparisonFacts | None = None
    """Another run, where the page was asked to compare."""

    def to_json(self) -> str:
        """As JSON text."""
        return self.model_dump_json(indent=1)


RunFacts.model_rebuild()
