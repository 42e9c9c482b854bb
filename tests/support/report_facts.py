"""One made-up run: everything that a page can hold, with names that try to break out of it."""

from typing import Any

from components.data_gate.report import CheckRun, DataFinding
from components.smoke_test.report import CheckResult
from pipeline.report.facts import (
    Bin,
    ChangeFact,
    Curve,
    DataFacts,
    EvaluationFacts,
    FamilyFact,
    FeatureFact,
    GateFact,
    LayerFact,
    MetricFact,
    NodeFact,
    ReportFacts,
    ReproduceFacts,
    RunFacts,
    SliceFact,
    SmokeTestFacts,
    TrainingFacts,
    TrialFact,
    TuningFacts,
)

HOSTILE = "</script><script>alert(1)</script><b>|`x`"


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
                MetricFact(name="auc", candidate=0.6, champion=0.7, threshold="at least 0.65", failed=True),
                MetricFact(name="precision", candidate=None),
            ),
            failures=(f"auc on {HOSTILE} is 0.6, expected at least 0.65",),
            slices=(SliceFact(name=HOSTILE, rows=4, metrics={"auc": 0.6, "precision": None}),),
            ranked_by="auc",
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
