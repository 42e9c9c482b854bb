"""What the page says of an ensemble, from the files that its training leaves."""

import json
from pathlib import Path

import lxml.html
import pytest
from support.report_facts import facts, too_wide

from components.artifacts.ensemble import EnsembleReport, MemberReport
from components.trainer.scalars import EpochScalars
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.report import markdown
from pipeline.report.page import render
from pipeline.report.trained import TrainingFacts
from pipeline.report.training_facts import training_facts
from pipeline.results.store import StoredArtifact, StoredNode

CONFIG = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
    "model": {"family": "ensemble", "params": {"members": ["gbt", "mlp", "mlp"]}},
    "train": {"early_stopping": {"monitor": "val_auc"}},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}


def member(name: str, weight: float, auc: float | None) -> MemberReport:
    metrics = {"loss": 0.5} if auc is None else {"loss": 0.5, "auc": auc}
    family = name.partition("-")[0]
    return MemberReport(name=name, family=family, weight=weight, epochs=7, best_epoch=2, metrics=metrics)


MEMBERS = (member("gbt", 0.75, 0.8), member("mlp", 0.25, 0.7), member("mlp-2", 0, 0.6))
WHOLE = EnsembleReport(members=MEMBERS, monitor="val_auc", higher_is_better=True, metrics={"loss": 0.4, "auc": 0.85})
STUDENT = member("student", 1, 0.825).model_copy(update={"family": "mlp"})


@pytest.fixture
def training(tmp_path: Path) -> TrainingFacts:
    """The facts of a run whose trainer left the report above, and the logs of two members."""
    logs, model = tmp_path / "model_run", tmp_path / "model"
    for name, values in {"gbt": [0.9, 0.6], "mlp-2": [0.8]}.items():
        scalars = EpochScalars(logs / name)
        for epoch, value in enumerate(values):
            scalars.write(epoch, {"loss": value, "val_loss": value + 0.1})
        scalars.close()
    (model / "training").mkdir(parents=True)
    (model / "training/ensemble.json").write_text(WHOLE.model_dump_json())
    outputs = {
        name: (StoredArtifact(id=1, kind="Model", uri=str(folder)),)
        for name, folder in {"model": model, "model_run": logs}.items()
    }
    nodes = {"Trainer": StoredNode("Trainer", "done", 0, 1, outputs=outputs)}
    found = training_facts(nodes, PipelineConfig.model_validate_json(json.dumps(CONFIG)))
    assert isinstance(found, TrainingFacts)
    return found


def test_curves_are_of_each_member_and_the_family_says_what_was_kept(training: TrainingFacts) -> None:
    curves = {(each.name, each.split): each.values for each in training.curves}
    assert curves[("gbt: loss", "train")] == pytest.approx((0.9, 0.6))
    assert curves[("mlp-2: loss", "eval")] == pytest.approx((0.9,))
    assert len(curves) == 4
    assert training.family == "ensemble of 0.75 gbt, 0.25 mlp"
    assert (training.best_epoch, training.epoch_seconds) == (None, None)


def test_the_page_has_a_row_for_each_member_and_for_all_together(training: TrainingFacts) -> None:
    made = facts().model_copy(update={"training": training})
    tree = lxml.html.fromstring(render(made))
    assert too_wide(tree) == []
    [table] = tree.xpath("//table[@class='ensemble']")
    assert [[cell.text_content() for cell in row] for row in table.iter("tr")] == [
        ["Member", "Family", "Weight", "Epochs", "Best epoch", "loss on eval", "auc on eval"],
        ["gbt", "gbt", "0.75", "7", "2", "0.5", "0.8"],
        ["mlp", "mlp", "0.25", "7", "2", "0.5", "0.7"],
        ["mlp-2", "mlp", "0", "7", "2", "0.5", "0.6"],
        ["together", "", "", "", "", "0.4", "0.85"],
    ]
    line = "gbt 0.75, mlp 0.25: val_auc 0.85 together (gbt 0.8, mlp 0.7, mlp-2 0.6 alone)"
    assert line in tree.text_content()
    assert f"Ensemble: {line}" in markdown.render(made).replace("\\", "")
    assert not lxml.html.fromstring(render(facts())).xpath("//table[@class='ensemble']")


def test_a_student_is_said_to_be_exported_and_what_it_cost() -> None:
    distilled = WHOLE.model_copy(update={"student": STUDENT})
    assert distilled.line().endswith(
        "; exported is its student mlp: val_auc 0.825, 0.025 worse than the ensemble that it learned from"
    )
    better = WHOLE.model_copy(update={"student": STUDENT, "monitor": "val_loss", "higher_is_better": False})
    assert better.line().endswith("val_loss 0.5, 0.1 worse than the ensemble that it learned from")
    unknown = WHOLE.model_copy(update={"student": member("student", 1, None)})
    assert unknown.line().endswith("exported is its student student: val_auc no number")


def test_the_budget_of_each_training_is_told() -> None:
    said = {"gbt": "train.budget_minutes: 9 s of 1 min were enough", "mlp-2": "train.budget_minutes: 1 min ended it"}
    members = tuple(each.model_copy(update={"budget": said.get(each.name, "")}) for each in MEMBERS)
    student = STUDENT.model_copy(update={"budget": "as long"})
    report = WHOLE.model_copy(update={"members": members, "student": student})
    assert report.budget() == f"gbt: {said['gbt']}; mlp-2: {said['mlp-2']}; student: as long"
    assert WHOLE.budget() == ""
