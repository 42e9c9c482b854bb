"""What a table needs for folds, and what the configuration can't ask of them."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.table_cases import GOOD, looked_at

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.table_check import TableFacts
from preprocessing.errors import UserError


def config(folds, split=None, label=None, **train):
    content = {
        "name": "t",
        "data": {"path": "t.csv"} | ({"split": split} if split else {}),
        "features": {"label": label or {"column": "y", "task": "binary"}, "numeric": [{"columns": ["a", "b"]}]},
        "train": {"cross_validation": folds} | train,
        "evaluate": {"thresholds": [{"metric": "rmse" if label else "accuracy", "min": 0}]},
    }
    return PipelineConfig.model_validate_json(json.dumps(content))


def check(folder: Path, content: str, settings: PipelineConfig) -> TableFacts:
    (folder / "t.csv").write_text(content)
    return looked_at(settings, folder)


def test_each_fold_needs_rows_of_train_and_eval(tmp_path: Path) -> None:
    # 20 rows, 80 % of them in train and eval: 16, of which 8 of each class.
    assert check(tmp_path, GOOD, config({"folds": 8})).types
    with pytest.raises(UserError, match=r"folds: train and eval have about 16 rows with a label; expected at least 2"):
        check(tmp_path, GOOD, config({"folds": 9}))
    with pytest.raises(UserError, match="about 4 rows"):
        check(tmp_path, GOOD, config({"folds": 3}, {"train": 1, "eval": 1, "test": 8}))


def test_each_fold_needs_two_classes_and_a_rarer_one_is_a_warning(tmp_path: Path) -> None:
    few = GOOD.replace(",no", ",yes").replace("2,1.0,k2,yes", "2,1.0,k2,no").replace("4,2.0,k1,yes", "4,2.0,k1,no")
    with pytest.raises(UserError, match=r"each fold needs rows of two classes of 'y'.*'no' about 2"):
        check(tmp_path, few, config({"folds": 5}))
    rare = GOOD.replace("4,2.0,k1,no", "4,2.0,k1,maybe")
    task = {"column": "y", "task": "multiclass"}
    content = config({"folds": 5}).model_dump(mode="json")
    content["features"]["label"] = task
    facts = check(tmp_path, rare, PipelineConfig.model_validate_json(json.dumps(content)))
    assert any("'maybe'" in each and "some of 5 folds hold none of them out" in each for each in facts.warnings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": {"folds": 1}}, "greater than or equal to 2"),
        ({"folds": {"folds": 21}}, "less than or equal to 20"),
        ({"folds": {"folds": 3, "thresholds": [{"metric": "accuracy"}]}}, "give min or max"),
        ({"folds": {"folds": 3, "thresholds": [{"metric": "rmse", "min": 1}]}}, "no such metric"),
        (
            {"folds": {"folds": 3, "thresholds": [{"metric": "auc", "min": 1}, {"metric": "auc", "max": 1}]}},
            "two thresholds",
        ),
        ({"folds": {"folds": 3}, "warm_start": True}, "the champion has learned from rows that a fold holds out"),
    ],
)
def test_what_can_not_be_asked_of_folds(settings, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**settings)
