"""One made-up run: everything that a page can hold, with names that try to break out of it."""

from typing import Any

from components.artifacts.error_profile import ColumnErrors, ErrorGroup, ErrorProfile, TailColumn
from components.data_gate.report import CheckRun, DataFinding
from components.smoke_test.report import CheckResult
from pipeline.report.facts import (
    Bin,
    ChangeFact,
    DataFacts,
    EvaluationFacts,
    FamilyFact,
    FeatureFact,
    GateFact,
    MetricFact,
    NodeFact,
    ReportFacts,
    ReproduceFacts,
    RunFacts,
    SliceFact,
    SmokeTestFacts,
)
from pipeline.report.quality import (
    ClassFact,
    ConfusionCell,
    ErrorBin,
    ErrorFacts,
    GridCell,
    Model,
    ScoreBin,
    ScoreFacts,
    ThresholdPoint,
    TreeFact,
)
from pipeline.report.trained import Curve, LayerFact, TrainingFacts, TrialFact, TuningFacts

HOSTILE = "</script><script>alert(1)</script><b>|`x`"


MODELS: tuple[Model, ...] = ("candidate", "champion")


def scores(model: Model) -> ScoreFacts:
    """Ten rows, two of the class."""
    return ScoreFacts(
        model=model,
        of=HOSTILE,
        points=(
            ThresholdPoint(threshold=-1e-6, tp=2.0, fp=8.0, tn=0.0, fn=0.0),
            ThresholdPoint(threshold=0.5, tp=2.0, fp=2.0, tn=6.0, fn=0.0),
            ThresholdPoint(threshold=0.9, tp=0.0, fp=0.0, tn=8.0, fn=2.0),
        ),
        bins=(
            ScoreBin(low=0.0, high=0.5, positive=0.0, negative=6.0, mean=0.25),
            ScoreBin(low=0.5, high=1.0, positive=2.0, negative=2.0, mean=0.75),
        ),
    )


def errors(model: Model) -> ErrorFacts:
    """Rows of which a quarter are too high."""
    return ErrorFacts(
        model=model,
        grid=(
            GridCell(actual=(1.0, 10.0), predicted=(1.0, 10.0), share=0.75),
            GridCell(actual=(1.0, 10.0), predicted=(10.0, 100.0), share=0.25),
        ),
        bins=(ErrorBin(low=-1.0, high=0.0, share=0.74), ErrorBin(low=0.0, high=1.0, share=0.24)),
        outside=(0.01, 0.01),
        quantiles={"0.01": -1.0, "0.5": -0.25, "0.99": 1.0},
    )


PROFILE = ErrorProfile(
    rows=80,
    tail=0.05,
    columns=(
        ColumnErrors(
            column=HOSTILE,
            explained=0.25,
            groups=(
                ErrorGroup(label="0 to 1", rows=60, share=0.75, bias=-0.5, deviation=0.1),
                ErrorGroup(label=HOSTILE, rows=19, share=0.24, bias=1.5, deviation=0.25),
                ErrorGroup(label="missing", rows=1, share=0.01, bias=3.0, deviation=None),
            ),
        ),
        ColumnErrors(
            column="nothing",
            explained=0.0,
            groups=(ErrorGroup(label="a", rows=80, share=1.0, bias=0.0, deviation=0.1),),
        ),
    ),
    tails=(
        TailColumn(column="age", kind="median", low=20.0, rest=30.0, high=60.0, distance=1.5),
        TailColumn(column=HOSTILE, kind="share", value=HOSTILE, low=0.1, rest=0.2, high=0.6, distance=0.4),
    ),
)


def facts(**changed: Any) -> ReportFacts:
    """The run; sections by name may be replaced."""
    sections: dict[str, Any] = {
        "run": RunFacts(
            id="20261130T003350Z",
            pipeline="penguins",
            task="binary",
            state="refused",
            line=f"refused: Evaluator: auc on {HOSTILE} is 0.6",
            next_step="improve the model",
            began="2026-11-30T00:33:50Z",
            gates=(
                GateFact(name="DataGate", passed=True, reason="12 checks passed"),
                GateFact(name="Evaluator", passed=False, reason=f"auc on {HOSTILE} is 0.6"),
            ),
            nodes=(
                NodeFact(name="ExampleGen", state="cached", seconds=0.1, began=0.0, artifacts=("/root/e/1",)),
                NodeFact(name="Trainer", state="done", seconds=9.5, began=0.2, needs=("ExampleGen",)),
                NodeFact(name="Pusher", state="skipped", seconds=0.0),
            ),
            before="20261129T003350Z",
            changed=(ChangeFact(what="train.epochs", old="3", new="30"),),
        ),
        "data": DataFacts(
            rows={"train": 80, "eval": 10, "test": 10, "last push": 70},
            features=(
                FeatureFact(
                    name=HOSTILE,
                    kind="category",
                    use="category",
                    missing={"train": 0.25, "eval": 0.0, "test": 0.0, "last push": 0.0},
                    bins=(
                        Bin(label=HOSTILE, shares={"train": 0.5, "eval": 0.5, "test": 0.5, "last push": 1.0}),
                        Bin(label="b", shares={"train": 0.5, "eval": 0.5, "test": 0.5, "last push": 0.0}),
                    ),
                    distance=0.5,
                    importance=0.1,
                    importance_error=0.01,
                    findings=("drift: expected at most 0.1, received 0.5",),
                ),
                FeatureFact(
                    name="age",
                    kind="number",
                    use="number",
                    missing={"train": 0.0, "eval": 0.0, "test": 0.0, "last push": 0.0},
                    bins=(
                        Bin(label="0 to 1", low=0.0, high=1.0, shares={"train": 0.25, "eval": 1.0}),
                        Bin(label="1 to 2", low=1.0, high=2.0, shares={"train": 0.75, "eval": 0.0}),
                    ),
                ),
            ),
            findings=(
                DataFinding(
                    check="drift",
                    feature=HOSTILE,
                    severity="warn",
                    expected="at most 0.1",
                    received="0.5",
                    hint="look at it",
                ),
            ),
            checks=(CheckRun(name="serving_skew", state="skipped", reason="no sample"),),
        ),
        "training": TrainingFacts(
            curves=(
                Curve(name="loss", split="train", epochs=(1, 2), values=(0.7, 0.5)),
                Curve(name="loss", split="eval", epochs=(1, 2), values=(0.6, 0.65)),
            ),
            monitor="val_loss",
            best_epoch=1,
            family="mlp",
            parameters=1027,
            layers=(LayerFact(name="dense", shapes="6 x 32, 32"),),
            settings={"train.epochs": "30"},
            tuning=TuningFacts(
                line="tuning gained 0.1 of val_loss on eval",
                monitor="val_loss",
                best=1,
                trials=(
                    TrialFact(number=1, values=HOSTILE, state="complete", value=0.4, epochs=2, seconds=1.5),
                    TrialFact(number=0, values="", state="failed", value=None, epochs=0, seconds=0.0, reason=HOSTILE),
                ),
            ),
        ),
        "evaluation": EvaluationFacts(
            metrics=(
                MetricFact(
                    name="auc",
                    candidate=0.6,
                    champion=0.7,
                    interval=(0.55, 0.66),
                    threshold="at least 0.65",
                    failed=True,
                ),
                MetricFact(name="precision", candidate=None, undefined="no row was predicted positive"),
            ),
            failures=(f"auc on {HOSTILE} is 0.6, expected at least 0.65",),
            slices=(
                SliceFact(
                    name=HOSTILE,
                    rows=4,
                    metrics={"auc": 0.6, "precision": None},
                    undefined={"precision": "no row was predicted positive"},
                ),
            ),
            ranked_by="auc",
            scores=tuple(scores(model) for model in MODELS),
            decision_threshold=0.5,
            confusion=(
                ConfusionCell(actual="no", predicted="no", rows=6.0, share=0.75),
                ConfusionCell(actual="no", predicted=HOSTILE, rows=2.0, share=0.25),
                ConfusionCell(actual=HOSTILE, predicted=HOSTILE, rows=2.0, share=1.0),
            ),
            classes=(
                ClassFact(name=HOSTILE, rows=2.0, precision=0.5, recall=1.0, f1=2 / 3),
                ClassFact(name="no", rows=8.0, precision=1.0, recall=0.75, f1=6 / 7),
            ),
            errors=tuple(errors(model) for model in MODELS),
            error_profile=PROFILE,
            label=HOSTILE,
            small_tree=TreeFact(
                measure="log_loss",
                loss=0.52,
                tree_loss=0.5,
                trivial_loss=0.69,
                skill=-0.04,
                bound=-0.06,
                confidence=0.95,
                tree=f"a decision tree of depth 5 with 20 leaves by {HOSTILE}",
                rows=80,
                finding=f"worse than a small tree: log_loss is 0.52, and 0.5 by a decision tree by {HOSTILE}",
                next_step="next: train longer",
                blocks=False,
                columns={HOSTILE: 0.75, "age": 0.25},
            ),
        ),
        "smoke_test": SmokeTestFacts(
            blessed=True,
            reason="1 check passed, 1 warning",
            families=(
                FamilyFact(
                    name="Real rows",
                    checks=(
                        CheckResult.passes("answers", "an answer"),
                        CheckResult.fails("values", "finite", HOSTILE, severity="warn", hint="use log1p"),
                    ),
                ),
            ),
            seconds={"total": 3.0, "start": 1.0, "harm: nan (serve)": 0.5, "harm: rank (serve)": 0.25},
        ),
        "reproduce": ReproduceFacts(
            command="lockgate run",
            config="train:\n  epochs: 30\n",
            seed=42,
            commit="abc",
            dirty=True,
            packages={"tfx": "1.21.0"},
            python="3.11.2",
            platform="Linux",
            lineage=("Model 8 (model of Pusher): /root/m/8",),
        ),
    }
    return ReportFacts(**{**sections, **changed})


def too_wide(tree: Any) -> list[str]:
    """The first words of the tables that a narrow window could not hold: of more than three columns, and neither in a
    region that scrolls by itself nor stacked below each other there.

    Args:
      tree: a page.
    """
    return [
        " ".join(table.text_content().split())[:60]
        for table in tree.iter("table")
        if max(len(row) for row in table.iter("tr")) > 3
        and "stacked" not in (table.get("class") or "")
        and not any("wide" in (parent.get("class") or "").split() for parent in table.iterancestors())
    ]
